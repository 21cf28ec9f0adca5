// What gateways of APIs are told to forget: the four kinds of messages in the topic proxy_config_events,
// which the programs of others read to the letter. And what clients are told with them: to fetch everything
// again. Pure.
#pragma once

#include "core/clock.hpp"
#include "flags/author.hpp"
#include "flags/edits.hpp"
#include "hub/event.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace corohub::flags {

struct CacheEvent {
  enum class Type : std::uint8_t {
    clear,          // of one application of a tenant
    remove,         // one key
    all,            // everything
    clear_service,  // of one service of a tenant
  };

  Type type = Type::all;
  std::optional<std::string> tenant_id{};
  std::optional<std::string> app_id{};
  std::optional<std::string> key{};
  std::optional<std::string> service_name{};

  bool operator==(const CacheEvent&) const = default;
};
std::string_view name(CacheEvent::Type type) noexcept;  // "CACHE_CLEAR_INVALID"
std::optional<CacheEvent::Type> parse_cache_event_type(std::string_view word) noexcept;

inline constexpr std::string_view cache_event_source = "config-manager";

// {"payload":{"type":…,"tenantId":…,"appId":…,"key":…,"serviceName":…},"timestamp":"2024-01-15T10:30:00Z",
// "source":…}: always all of it in this order, null where nothing is said, the time in whole seconds.
std::string text_of(const CacheEvent& event, UnixMs time, std::string_view source = cache_event_source);
// `gateways`: whoever may follow the topic.
hub::EventDraft draft_of(const CacheEvent& event, const hub::Audience& gateways, UnixMs time,
                         std::string_view source = cache_event_source);

// What gateways have to forget because of the change: each once. All that an import or a copy changes is one.
std::vector<CacheEvent> cache_events_of(const Difference& difference, Source source);

// "Fetch everything again": to the clients of the namespace, or to one of them.
struct SyncOrder {
  std::string name_space;  // key
  std::int64_t namespace_id = 0;
  std::int64_t version = 0;  // of the namespace
  std::string reason;
  std::optional<std::string> client{};  // key
  std::int64_t client_id = 0;
};
hub::EventDraft draft_of(const SyncOrder& order, std::optional<UserId> changed_by);

// Both, behind the other events of the change.
void add_config_events(std::vector<hub::EventDraft>& events, const Difference& difference,
                       const Author& author, const hub::Audience& gateways, UnixMs now);

}  // namespace corohub::flags
