#include "gateway/session/command_members.hpp"

#include "gateway/session/event_query.hpp"
#include "hub/topic_rules.hpp"

#include <cstdint>

namespace corohub::gateway {

std::string CommandMembers::topic() {
  const json::value* value = find("topic");
  if (value == nullptr || !value->is_string()) return complain(std::string(place_) + " needs a topic.");
  const std::string_view name = value->get_string();
  if (!hub::is_topic(name)) return complain("That is no name of a topic.", "invalid_topic");
  return std::string(name);
}

std::optional<Position> CommandMembers::since() {
  const json::value* value = find("since");
  if (value == nullptr) return std::nullopt;
  if (const std::int64_t* seq = value->if_int64(); seq != nullptr && *seq >= 0)
    return Position{.epoch = {}, .seq = *seq};
  Result<Position> position = parse_position(value->is_string() ? value->get_string() : "");
  if (position) return std::move(*position);
  complain(position.error().detail, name(position.error().code));
  return std::nullopt;
}

std::size_t CommandMembers::limit() {
  const json::value* value = find("limit");
  if (value == nullptr) return page_limit_default;
  const std::int64_t* number = value->if_int64();
  if (number != nullptr && *number >= 1 && *number <= static_cast<std::int64_t>(page_limit_max))
    return static_cast<std::size_t>(*number);
  complain("limit is an integer from 1 to 300.");
  return 0;
}

bool CommandMembers::typing() {
  const json::value* value = find("typing");
  if (value != nullptr && value->is_bool()) return value->get_bool();
  complain(std::string(place_) + " needs typing, true or false.");
  return false;
}

std::string CommandMembers::token(std::string complaint) {
  const json::value* value = find("token");
  if (value == nullptr || !value->is_string()) return complain(std::move(complaint));
  return std::string(value->get_string());
}

const json::value* CommandMembers::find(std::string_view key) const noexcept {
  const json::value* value = object_ == nullptr ? nullptr : object_->if_contains(key);
  return value == nullptr || value->is_null() ? nullptr : value;
}

std::string CommandMembers::complain(std::string message, std::string_view code) {
  if (!refusal_) refusal_ = Refusal{code, std::move(message)};
  return {};
}

}  // namespace corohub::gateway
