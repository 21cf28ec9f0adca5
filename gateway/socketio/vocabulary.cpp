#include "gateway/socketio/vocabulary.hpp"

#include "gateway/session/plain_json.hpp"
#include "gateway/socketio/seat.hpp"

#include <variant>

namespace corohub::gateway::socketio {

void Vocabulary::tell(Seat& seat, const Notice& notice) const {
  if (std::holds_alternative<Throttled>(notice))
    return seat.refuse({}, {name(ErrorCode::rate_limited), "You send faster than you may."});
  const NoticeEvent event = event_of(seat.session(), notice);
  seat.say_volatile(event.type, event.data);
}

void Vocabulary::answer(Seat& seat, const Request& request, const Outcome& outcome) const {
  if (const auto* refusal = std::get_if<Refusal>(&outcome)) return seat.refuse(request.ack, *refusal);
  if (request.ack) seat.acknowledge(request.ack, data_of(seat.session(), outcome), readers_of(outcome));
}

}  // namespace corohub::gateway::socketio
