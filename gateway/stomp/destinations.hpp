// What the destinations of STOMP clients mean here. Pure.
#pragma once

#include "hub/topic_rules.hpp"

#include <cstdint>
#include <string_view>

namespace corohub::gateway::stomp {

struct Destination {
  enum class Kind : std::uint8_t {
    topic,     // /topic/<name>: a topic of the hub; `name` is a good name, but below flags/ maybe not
    system,    // /topic/system: the topic of the hub in which the server says how it is, to everyone
    messages,  // /user/queue/messages: all else that the user may hear outside of topics
    answers,   // /user/queue/subscription: what the server says to this connection alone
    app,       // /app/<name>: something to be done
    unknown,
  };

  // Who may not listen to flags is told so, and its connection lives.
  bool is_of_flags() const noexcept {
    return kind == Kind::topic && (name == "flags" || name.starts_with("flags/"));
  }

  // To subscribe to this nobody has to say who it is, as long as some namespace is public. Messages of its
  // own a guest has none, but pages that listen there as a matter of course go on.
  bool is_for_guests() const noexcept {
    return is_of_flags() || kind == Kind::system || kind == Kind::messages || kind == Kind::answers;
  }
  // A SEND that asks about flags.
  bool is_task_of_flags() const noexcept {
    return kind == Kind::app && (name == "subscribe" || name == "unsubscribe");
  }

  Kind kind = Kind::unknown;
  std::string_view name{};  // of a topic or of what is to be done; a part of the text
};

Destination parse_destination(std::string_view text) noexcept;

// Events of this topic leave as text/plain or without a content type: clients of Spring that take bodies for
// plain text throw on any other, and connect again.
inline constexpr std::string_view plain_text_topic = hub::gateway_topic;

}  // namespace corohub::gateway::stomp
