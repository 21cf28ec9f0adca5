// The members of a JSON object that asks for something, read one by one into a command; the first complaint
// counts. A member that is null counts as absent. Pure.
#pragma once

#include "core/json.hpp"
#include "gateway/session/command.hpp"

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace corohub::gateway {

class CommandMembers {
 public:
  // `place` is what complaints call the object: "data". The object, if there is one, outlives this.
  CommandMembers(const json::object* object, std::string_view place) noexcept
      : object_(object), place_(place) {}

  std::string topic();
  std::optional<Position> since();  // nothing: it is absent
  std::size_t limit();
  bool typing();
  std::string token(std::string complaint);

  // What was read, unless something is wrong with it.
  template <class Asked>
  Command result(Asked&& asked) && {
    if (refusal_) return std::move(*refusal_);
    return std::forward<Asked>(asked);
  }

 protected:
  const json::object* object() const noexcept { return object_; }
  const json::value* find(std::string_view key) const noexcept;  // null: it is absent
  std::string complain(std::string message, std::string_view code = "invalid_message");

 private:
  const json::object* object_;
  std::string_view place_;
  std::optional<Refusal> refusal_;
};

// ---- what every dialect that speaks JSON asks alike. What is between braces is read from left to right.
// ----

template <class Members>
Command read_presence(Members members) {
  PresenceQuery asked{members.topic()};
  return std::move(members).result(std::move(asked));
}

template <class Members>
Command read_typing(Members members) {
  SetTyping asked{members.topic(), members.typing()};
  return std::move(members).result(std::move(asked));
}

template <class Members>
Command read_history(Members members) {
  HistoryQuery asked{members.topic(), members.since(), members.limit()};
  return std::move(members).result(std::move(asked));
}

}  // namespace corohub::gateway
