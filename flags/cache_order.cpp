#include "flags/cache_order.hpp"

#include "core/rfc3339.hpp"
#include "flags/bodies.hpp"
#include "http/fields.hpp"

#include <utility>

namespace corohub::flags {
namespace {

constexpr std::size_t member_max = 1'024;  // code points of each text
constexpr Words payload_members = {"type", "tenantId", "appId", "key", "serviceName"};

std::optional<std::string> read_member(http::Fields& fields, std::string_view key) {
  if (fields.is_null(key)) return std::nullopt;
  return fields.text(key, {.max = member_max});
}

// What the type of the event cannot do without: present, and not empty.
void require(http::Fields& fields, std::string_view key, const std::optional<std::string>& member) {
  if (!member || member->empty()) fields.refuse(key, "required", "Events of this type need it.");
}

CacheEvent read_payload(http::Fields& fields) {
  using Type = CacheEvent::Type;
  CacheEvent event;
  fields.require("type");
  const auto word = fields.one_of(
      "type", {name(Type::clear), name(Type::remove), name(Type::all), name(Type::clear_service)});
  event.tenant_id = read_member(fields, "tenantId");
  event.app_id = read_member(fields, "appId");
  event.key = read_member(fields, "key");
  event.service_name = read_member(fields, "serviceName");
  if (!word || !fields.ok()) return event;
  event.type = *parse_cache_event_type(*word);
  const bool clears = event.type == Type::clear || event.type == Type::clear_service;
  if (clears) require(fields, "tenantId", event.tenant_id);
  if (event.type == Type::clear) require(fields, "appId", event.app_id);
  if (event.type == Type::clear_service) require(fields, "serviceName", event.service_name);
  if (event.type == Type::remove) require(fields, "key", event.key);
  return event;
}

constexpr JsonLimits limits = {.depth = 8, .members = 64};

}  // namespace

Result<CacheOrder> read_cache_order(const json::object& body) {
  CacheOrder order;
  http::Fields fields(body);
  if (body.contains("payload")) {
    refuse_unknown(fields, body, {"payload", "timestamp", "source"});
    if (const json::object* payload = fields.object("payload")) {
      http::Fields members(*payload, "/payload");
      refuse_unknown(members, *payload, payload_members);
      order.event = read_payload(members);
      fields.merge(std::move(members));
    }
  } else {
    refuse_unknown(fields, body, {"type", "tenantId", "appId", "key", "serviceName", "timestamp", "source"});
    order.event = read_payload(fields);
  }
  order.source = cache_event_source;
  if (!fields.is_null("source"))
    order.source = fields.text("source", {.min = 1, .max = member_max}).value_or(order.source);
  if (const json::value* time = body.if_contains("timestamp"); time != nullptr && time->is_string())
    order.time = parse_rfc3339(std::string_view(time->get_string()));
  if (const Result<> good = fields.result(); !good) return good.error();
  return order;
}

Result<std::string> read_cache_text(std::string_view data, UnixMs now) {
  Result<json::value> value = parse_json(data, limits);
  if (value && value->is_string()) value = parse_json(std::string(value->get_string()), limits);
  if (!value || !value->is_object())
    return Error(ErrorCode::validation_failed, "Gateways read JSON objects alone.");
  const Result<CacheOrder> order = read_cache_order(value->get_object());
  if (!order) return order.error();
  return text_of(order->event, order->time.value_or(now), order->source);
}

}  // namespace corohub::flags
