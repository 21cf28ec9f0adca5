#include "flags/cache_events.hpp"

#include "hub/topic_rules.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include <boost/json/serialize.hpp>

namespace corohub::flags {
namespace {

using Type = CacheEvent::Type;

constexpr std::array<std::string_view, 4> words = {"CACHE_CLEAR_INVALID", "CACHE_DELETE_INVALID",
                                                   "ALL_CACHE_INVALID", "CACHE_CLEAR_SERVICE_INVALID"};

json::value or_null(const std::optional<std::string>& text) {
  return text ? json::value(*text) : json::value();
}

std::string in_whole_seconds(UnixMs time) {
  std::string text = rfc3339(time);
  text.resize(text.find('.'));
  return text += 'Z';
}

CacheEvent clear_of(const Namespace& name_space) {
  return {.type = Type::clear, .tenant_id = name_space.tenant_id, .app_id = name_space.app_id};
}

// The namespace as it is now; as it was, if it goes.
const Namespace& either(const Difference& difference) {
  return difference.after ? *difference.after : *difference.before;
}

bool is_whole_document(Source source) noexcept { return source == Source::import || source == Source::copy; }

bool moves_default(const Difference& difference) {
  return !difference.is_new() && std::ranges::any_of(difference.environments, [](const auto& entry) {
    const EnvironmentChange& one = entry.second;
    return one.after && one.after->is_default && (one.is_new() || !one.before->is_default);
  });
}

bool changes_application(const Difference& difference) {
  return difference.is_new() || !difference.after || !difference.changes.empty() ||
         std::ranges::any_of(difference.environments, [](const auto& entry) {
           const EnvironmentChange& one = entry.second;
           return one.is_new() || one.goes() || !one.changes.empty();
         });
}

// Why its clients have to fetch everything again; empty: they need not.
std::string_view reason_to_sync(const Difference& difference, Source source) {
  if (!difference.after) return {};
  if (is_whole_document(source)) return name(source);
  return moves_default(difference) ? "default_environment_changed" : std::string_view();
}

}  // namespace

std::string_view name(CacheEvent::Type type) noexcept { return words[static_cast<std::size_t>(type)]; }

std::optional<CacheEvent::Type> parse_cache_event_type(std::string_view word) noexcept {
  const auto* const found = std::ranges::find(words, word);
  if (found == words.end()) return std::nullopt;
  return static_cast<Type>(found - words.begin());
}

std::string text_of(const CacheEvent& event, UnixMs time, std::string_view source) {
  json::object body;
  json::object& payload = body["payload"].emplace_object();
  payload["type"] = name(event.type);
  payload["tenantId"] = or_null(event.tenant_id);
  payload["appId"] = or_null(event.app_id);
  payload["key"] = or_null(event.key);
  payload["serviceName"] = or_null(event.service_name);
  body["timestamp"] = in_whole_seconds(time);
  body["source"] = source;
  return json::serialize(body);
}

hub::EventDraft draft_of(const CacheEvent& event, const hub::Audience& gateways, UnixMs time,
                         std::string_view source) {
  return {.type = "config.cache",
          .data = text_of(event, time, source),
          .audience = gateways,
          .topic = std::string(hub::gateway_topic)};
}

std::vector<CacheEvent> cache_events_of(const Difference& difference, Source source) {
  std::vector<CacheEvent> events;
  if (is_whole_document(source)) return {clear_of(either(difference))};
  if (changes_application(difference)) {
    if (!difference.is_new()) events.push_back(clear_of(*difference.before));
    const CacheEvent now = clear_of(either(difference));
    if (events.empty() || events.front() != now) events.push_back(now);
  }
  for (const auto& [key, change] : difference.platforms)
    events.push_back(
        {.type = Type::clear_service, .tenant_id = either(difference).tenant_id, .service_name = key});
  return events;
}

hub::EventDraft draft_of(const SyncOrder& order, std::optional<UserId> changed_by) {
  json::object data;
  data["namespace"] = order.name_space;
  data["client"] = or_null(order.client);
  data["reason"] = order.reason;
  data["changed_by"] = changed_by ? json::value(*changed_by) : json::value();
  data["version"] = order.version;
  json::object whose;
  whose["namespace"] = order.namespace_id;
  if (order.client) whose["client"] = order.client_id;
  json::object attributes;
  attributes["for"] = std::move(whose);
  return {.type = "config.sync",
          .data = json::serialize(data),
          .audience = hub::Audience::clients(),
          .attributes = json::serialize(attributes)};
}

void add_config_events(std::vector<hub::EventDraft>& events, const Difference& difference,
                       const Author& author, const hub::Audience& gateways, UnixMs now) {
  for (const CacheEvent& event : cache_events_of(difference, author.source))
    events.push_back(draft_of(event, gateways, now));
  const std::string_view reason = reason_to_sync(difference, author.source);
  if (reason.empty()) return;
  const Namespace& after = *difference.after;
  events.push_back(draft_of(SyncOrder{.name_space = after.key,
                                      .namespace_id = after.id,
                                      .version = after.version,
                                      .reason = std::string(reason)},
                            author.caller.user_id));
}

}  // namespace corohub::flags
