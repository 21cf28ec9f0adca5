// What a client's event says in its first argument, read member by member; the first complaint counts. A
// member that is null counts as absent. Pure.
#pragma once

#include "core/error.hpp"
#include "core/json.hpp"
#include "gateway/session/command.hpp"
#include "gateway/socketio/vocabulary.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace corohub::gateway::socketio {

// With the first of the members that were rejected, if the error names some.
Refusal refusal_of_members(const Error& error);

class Asked {
 public:
  // The call outlives this. Without an argument there are no members.
  explicit Asked(const Call& call);

  const AckId& ack() const noexcept { return call_.ack; }
  const json::object& members() const noexcept { return *members_; }
  // The argument as it was given; "{}" if there is none.
  std::string text() const;

  // Empty: it is absent, or wrong.
  std::string text(std::string_view key);
  std::string required_text(std::string_view key);
  std::optional<std::int64_t> integer(std::string_view key);
  const std::optional<Refusal>& refusal() const noexcept { return refusal_; }
  void refuse(std::string message, std::string_view code = "validation_failed");

 private:
  const json::value* find(std::string_view key) const noexcept;  // null: it is absent

  const Call& call_;
  const json::object* members_;
  std::optional<Refusal> refusal_{};
};

}  // namespace corohub::gateway::socketio
