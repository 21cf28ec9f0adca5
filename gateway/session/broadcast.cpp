#include "gateway/session/broadcast.hpp"

#include "eventlog/event_log.hpp"
#include "gateway/session/live_account.hpp"
#include "gateway/session/raw_json.hpp"
#include "http/fields.hpp"
#include "hub/topic_rules.hpp"
#include "users/audit.hpp"

#include <algorithm>
#include <utility>

#include <boost/json/serialize.hpp>

namespace corohub::gateway {
namespace {

constexpr std::size_t message_characters_max = 4096;
constexpr std::size_t metadata_bytes_max = 8192;
constexpr std::size_t metadata_nesting_max = 8;
constexpr UserId user_id_max = UserId{1} << 53;  // what every JSON reader can hold

// Containers inside each other.
std::size_t nesting(const json::value& value) noexcept {
  std::size_t deepest = 0;
  if (const json::object* object = value.if_object())
    for (const auto& member : *object) deepest = std::max(deepest, nesting(member.value()));
  if (const json::array* array = value.if_array())
    for (const json::value& element : *array) deepest = std::max(deepest, nesting(element));
  return value.is_structured() ? deepest + 1 : 0;
}

void read_metadata(http::Fields& fields, const std::string& body, Broadcast& broadcast) {
  const json::object* metadata = fields.object("metadata");
  if (metadata == nullptr) return;
  broadcast.metadata = raw_member(body, "metadata");
  if (broadcast.metadata->size() > metadata_bytes_max)
    fields.refuse("metadata", "too_large", "Must have at most 8192 bytes.");
  else if (nesting(*metadata) > metadata_nesting_max)
    fields.refuse("metadata", "too_deep", "Must not nest deeper than 8.");
}

void read_recipients(http::Fields& fields, Broadcast& broadcast) {
  const json::object* to = fields.object("to");
  if (to == nullptr) return;
  if (to->contains("user_id") == to->contains("role"))
    return fields.refuse("to", "invalid_value", "Must have exactly one of user_id and role.");
  http::Fields nested(*to, "/to");
  broadcast.user = nested.integer("user_id", 1, user_id_max);
  if (const auto word = nested.one_of("role", {"user", "admin", "superadmin"}))
    broadcast.role = parse_role(*word);
  if (broadcast.user) broadcast.audience = hub::Audience::user(*broadcast.user);
  if (broadcast.role) broadcast.audience = hub::Audience::exactly(*broadcast.role);
  fields.merge(std::move(nested));
}

hub::EventDraft alert_of(const Broadcast& broadcast, UserId sender) {
  std::string data = R"({"message":)" + json::serialize(json::string(broadcast.message));
  data += R"(,"priority":")";
  data += broadcast.priority;
  data += '"';
  if (broadcast.metadata) data += R"(,"metadata":)" + *broadcast.metadata;
  data += R"(,"sent_by":)" + std::to_string(sender) + "}";
  hub::EventDraft alert{"system.alert", std::move(data), broadcast.audience};
  // Guests and keys are in no audience: they hear it where they listen to the server.
  if (alert.audience == hub::Audience::everyone()) alert.also = hub::server_status_topic;
  return alert;
}

json::object audit_detail(const Broadcast& broadcast) {
  json::object detail;
  detail["priority"] = broadcast.priority;
  if (broadcast.role) detail["role"] = name(*broadcast.role);
  return detail;
}

}  // namespace

Result<Broadcast> read_broadcast(const json::object& members, const std::string& text) {
  http::Fields fields(members);
  Broadcast broadcast;
  broadcast.message =
      fields.required_text("message", {.min = 1, .max = message_characters_max, .controls = true});
  broadcast.priority = fields.one_of("priority", {"low", "normal", "high", "critical"}).value_or("normal");
  read_metadata(fields, text, broadcast);
  read_recipients(fields, broadcast);
  if (const Result<> checked = fields.result(); !checked) return checked.error();
  return broadcast;
}

BroadcastUnit::BroadcastUnit(const Broadcast& broadcast, users::Caller sender)
    : sender_(std::move(sender)),
      alert_(alert_of(broadcast, *sender_.user_id)),
      target_(broadcast.user),
      detail_(audit_detail(broadcast)) {}

Result<storage::Nothing> BroadcastUnit::operator()(storage::UnitOfWork& work) {
  const Result<Role> role = live_admin(work, *sender_.user_id);
  if (!role) return role.error();
  detail_["seq"] = eventlog::append(work, std::move(alert_));
  users::record(work, sender_, "broadcast", target_, detail_);
  return storage::Nothing{};
}

}  // namespace corohub::gateway
