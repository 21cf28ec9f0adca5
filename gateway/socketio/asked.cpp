#include "gateway/socketio/asked.hpp"

#include "core/integer.hpp"

#include <utility>

namespace corohub::gateway::socketio {

Refusal refusal_of_members(const Error& error) {
  if (error.fields.empty()) return refusal_of(error);
  const FieldError& first = error.fields.front();
  return {name(error.code), first.field + ": " + first.message};
}

Asked::Asked(const Call& call) : call_(call) {
  static const json::object nothing;
  members_ = &nothing;
  if (call.arguments.empty() || call.arguments.front().is_null()) return;
  if (const json::object* object = call.arguments.front().if_object())
    members_ = object;
  else
    refuse("The argument is an object.");
}

std::string Asked::text() const {
  return call_.arguments.empty() || !call_.arguments.front().is_object() ? "{}"
                                                                         : std::string(call_.first_text);
}

const json::value* Asked::find(std::string_view key) const noexcept {
  const json::value* const member = members_->if_contains(key);
  return member == nullptr || member->is_null() ? nullptr : member;
}

std::string Asked::text(std::string_view key) {
  const json::value* const member = find(key);
  if (member == nullptr) return {};
  if (member->is_string()) return std::string(member->get_string());
  refuse(std::string(key) + " is a text.");
  return {};
}

std::string Asked::required_text(std::string_view key) {
  if (find(key) == nullptr) refuse("There is no " + std::string(key) + ".");
  return text(key);
}

std::optional<std::int64_t> Asked::integer(std::string_view key) {
  const json::value* const member = find(key);
  if (member == nullptr) return std::nullopt;
  if (member->is_int64()) return member->get_int64();
  refuse(std::string(key) + " is an integer.");
  return std::nullopt;
}

void Asked::refuse(std::string message, std::string_view code) {
  if (!refusal_) refusal_ = Refusal{code, std::move(message)};
}

}  // namespace corohub::gateway::socketio
