// The events that a vocabulary's clients say, by name, and what is alike in how they are carried out. Used on
// the seat's shard only.
#pragma once

#include "gateway/socketio/asked.hpp"
#include "gateway/socketio/seat.hpp"

#include <algorithm>
#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace corohub::gateway::socketio {

template <class V>
struct Verb {
  std::string_view name;
  void (V::*run)(Seat&, Asked&) const;
};

// False: there is no such verb.
template <class V>
bool run_verb(const V& vocabulary, std::span<const Verb<V>> verbs, Seat& seat, const Call& call) {
  const auto verb = std::ranges::find(verbs, call.name, &Verb<V>::name);
  if (verb == verbs.end()) return false;
  Asked asked(call);
  if (asked.refusal())
    seat.refuse(call.ack, *asked.refusal());
  else
    (vocabulary.*verb->run)(seat, asked);
  return true;
}

// The client asks for its welcome again, under this name; with a `token` it renews its login before.
inline void welcome_again(const Vocabulary& vocabulary, Seat& seat, Asked& asked, std::string_view welcome) {
  std::string token = asked.text("token");
  if (asked.refusal()) return seat.refuse(asked.ack(), *asked.refusal());
  const Request request{asked.ack(), std::string(welcome)};
  if (!token.empty()) return seat.ask(request, AuthRefresh{std::move(token)});
  vocabulary.answer(seat, request, Authenticated{});
}

}  // namespace corohub::gateway::socketio
