#include "gateway/socketio/root.hpp"

#include "core/encoding.hpp"
#include "gateway/session/json_commands.hpp"
#include "gateway/session/plain_json.hpp"
#include "gateway/socketio/forms.hpp"
#include "gateway/socketio/seat.hpp"

#include <optional>
#include <utility>
#include <variant>

namespace corohub::gateway::socketio {
namespace {

Refusal invalid(std::string message) { return {"invalid_message", std::move(message)}; }

// Its data is one Buffer, and there is no other.
bool publishes_buffer(const Call& call) noexcept {
  const json::object* asked = call.arguments.front().if_object();
  const json::value* data = asked == nullptr ? nullptr : asked->if_contains("data");
  return call.attachments.size() == 1 && data != nullptr && placeholder_of(*data) == std::size_t{0};
}

Command command_of(const Call& call, Command&& read) {
  if (call.attachments.empty()) return std::move(read);
  auto* const publish = std::get_if<Publish>(&read);
  if (publish == nullptr) return std::move(read);
  publish->data = "\"" + base64(call.attachments.front()) + "\"";
  publish->attributes = binary_attributes;
  return std::move(read);
}

}  // namespace

Result<Seating> Root::admit(const Desk&, const hub::Identity& who, const json::object&, bool) const {
  if (who.is_guest()) return Error(ErrorCode::unauthorized, "This needs an access token or a key.");
  return Seating();
}

const hub::Form& Root::form(const Wrap& wrap, bool with_position) const {
  return form_of(root, wrap, with_position);
}

void Root::begin(Seat& seat, const Welcome& welcome) const {
  const NoticeEvent event = welcome_of(seat.session(), welcome, ping_interval_);
  seat.welcome(event.type, event.data, welcome);
}

bool Root::call(Seat& seat, Call&& call) const {
  // A client that was given undefined for the argument says null.
  if (call.arguments.size() == 1 && call.arguments.front().is_null()) call.arguments.clear();
  const json::object* asked = call.arguments.empty() ? nullptr : call.arguments.front().if_object();
  std::optional<Command> command = read_command(call.name, {.object = asked, .text = call.first_text});
  if (!command) return false;
  const bool is_one_object = call.arguments.empty() || (call.arguments.size() == 1 && asked != nullptr);
  if (!is_one_object)
    command = invalid("An event has one object, and nothing beside it.");
  else if (!call.attachments.empty() && !publishes_buffer(call))
    command = invalid("Binary data is all that is published, or none of it.");
  seat.ask({call.ack, call.name}, command_of(call, std::move(*command)));
  return true;
}

}  // namespace corohub::gateway::socketio
