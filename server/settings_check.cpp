// What no single row of the table can see: values that contradict each other, or with which nothing would
// work.
#include "gateway/session/publishing.hpp"
#include "gateway/wire/inbound_budget.hpp"
#include "ingest/redis_url.hpp"
#include "server/listen_address.hpp"
#include "server/listeners.hpp"
#include "server/settings.hpp"

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>

namespace corohub::server {
namespace {

bool is_upper(char c) noexcept { return c >= 'A' && c <= 'Z'; }

// Whether the origin is written as a browser writes it: scheme, host in lower case, and a port other than the
// scheme's own.
bool is_origin(const std::string& origin) {
  const bool secure = origin.starts_with("https://");
  if (!secure && !origin.starts_with("http://")) return false;
  const std::string authority = origin.substr(origin.find("//") + 2);
  if (authority.empty() || std::ranges::any_of(authority, is_upper)) return false;
  if (authority.find_first_of("/?#@, \t") != std::string::npos) return false;
  const std::size_t host_end = authority.front() == '[' ? authority.find(']') + 1 : authority.find(':');
  if (host_end == 0) return false;  // at the colon, or the bracket is not closed
  if (host_end >= authority.size()) return true;
  const std::string port = authority.substr(host_end);
  return port.size() > 1 && port.front() == ':' && port != (secure ? ":443" : ":80") &&
         port.find_first_not_of("0123456789", 1) == std::string::npos;
}

void check_networks(std::string_view key, const std::vector<std::string>& networks) {
  if (const auto parsed = auth::CidrList::parse(networks); parsed.has_error())
    throw ConfigError(fmt::format("{}: {}", key, parsed.error().detail));
}

void check_origins(std::string_view key, const std::vector<std::string>& origins) {
  for (const std::string& origin : origins)
    if (origin != "*" && origin != "null" && !is_origin(origin))
      throw ConfigError(
          fmt::format("{}: \"{}\" is no origin; write it as browsers send it, in lower case and "
                      "without the usual port, such as https://app.example.com",
                      key, origin));
}

// ---- what a message needs ----

// What surrounds the text of an event, in any form: the head of a frame, or the fields of a stream with a
// position.
constexpr std::size_t framing_bytes_max = 256;

// The largest message that may be published, and the setting that allows it.
struct LargestEvent {
  std::size_t bytes;
  std::string set_by;
};

LargestEvent largest_event(const Settings& settings) {
  LargestEvent largest{settings.gateway.event_bytes_max, "events.max_bytes"};
  for (const hub::TopicRule& rule : settings.topics)
    if (rule.bytes_max > largest.bytes)
      largest = {rule.bytes_max, fmt::format("max_bytes of the [[topic]] {}", rule.pattern)};
  return largest;
}

// A replay fills an outbox up to three quarters and then adds one event; and SockJS escapes a text to at most
// twice its size, beside which there must be room for what is live.
void check_outbox(const Settings& settings) {
  const LargestEvent largest = largest_event(settings);
  const std::size_t needed = 4 * (largest.bytes + framing_bytes_max);
  if (settings.gateway.outbox.bytes_max < needed)
    throw ConfigError(
        fmt::format("ws.outbox_max_bytes ({}) must be at least {}: four times the largest event ({} is {}) "
                    "and its frame",
                    settings.gateway.outbox.bytes_max, needed, largest.set_by, largest.bytes));
}

// An event that is more than a user may add to the log in an hour would be refused at any time.
void check_durable_bytes(const Settings& settings) {
  const LargestEvent largest = largest_event(settings);
  const auto allowed = static_cast<std::size_t>(settings.gateway.durable_bytes_per_user.burst);
  if (largest.bytes + gateway::event_bytes > allowed)
    throw ConfigError(
        fmt::format("limits.durable_bytes_per_user_per_hour ({}) is less than the largest event ({} is {}) "
                    "with what the log adds to it ({})",
                    allowed, largest.set_by, largest.bytes, gateway::event_bytes));
}

// A message that the limit would hold back for longer than its sender is given could never arrive.
void check_message_rate(const Settings& settings, std::string_view key, std::size_t bytes_max) {
  if (!settings.exempt_cidrs.empty()) return;  // a test rig, whose clients no rate limits
  const gateway::GatewaySettings& gateway = settings.gateway;
  const auth::Rate& rate = gateway.inbound_bytes;
  const auto time =
      std::min<std::chrono::milliseconds>(gateway::InboundBudget::patience, gateway.message_timeout);
  const double room = rate.burst + rate.tokens * (time / rate.per);
  if (static_cast<double>(bytes_max) > room)
    throw ConfigError(
        fmt::format("{} ({}) is more than limits.ws_bytes_burst ({}) and limits.ws_bytes_per_second ({}) "
                    "let through before the sender is closed: raise them, too",
                    key, bytes_max, rate.burst, rate.tokens));
}

// ---- addresses ----

using Endpoint = boost::asio::ip::tcp::endpoint;

bool clash(const Endpoint& a, const Endpoint& b) {
  const bool same_port = a.port() == b.port() && a.port() != 0 && a.protocol() == b.protocol();
  return same_port &&
         (a.address() == b.address() || a.address().is_unspecified() || b.address().is_unspecified());
}

void check_listeners(const Settings& settings) {
  if (settings.listen.empty()) throw ConfigError("server.listen must name at least one address");
  std::vector<Endpoint> taken;
  const auto add = [&taken](std::string_view key, const std::string& text) {
    for (const Endpoint& endpoint : parse_listen(key, text).endpoints) {
      if (std::ranges::any_of(taken, [&](const Endpoint& other) { return clash(endpoint, other); }))
        throw ConfigError(fmt::format("{}: {} is listened on already", key, text));
      taken.push_back(endpoint);
    }
  };
  for (const std::string& address : settings.listen) add("server.listen", address);
  if (!settings.admin_listen.empty()) add("server.admin_listen", settings.admin_listen);
}

// The URL may hold a secret, so it is not repeated.
void check_redis(const ingest::Settings& settings) {
  if (!settings.url.empty() && !ingest::parse_redis_url(settings.url.reveal()))
    throw ConfigError("redis.url must be redis[s]://[user:password@]host:port");
  if (!settings.enabled) return;
  if (settings.url.empty()) throw ConfigError("redis.enabled needs redis.url");
  if (settings.channel.empty() && settings.stream.empty())
    throw ConfigError("redis.enabled needs redis.channel or ingest.stream");
}

}  // namespace

void check_settings(const Settings& settings) {
  if (settings.gateway.pong_timeout <= settings.gateway.ping_interval)
    throw ConfigError(fmt::format("ws.pong_timeout_s ({}) must be greater than ws.ping_interval_s ({})",
                                  settings.gateway.pong_timeout.count(),
                                  settings.gateway.ping_interval.count()));
  check_outbox(settings);
  check_durable_bytes(settings);
  check_message_rate(settings, "ws.max_message_bytes", settings.gateway.max_message_bytes);
  check_message_rate(settings, "stomp.max_message_bytes", settings.gateway.stomp_message_bytes_max);
  check_message_rate(settings, "socketio.max_payload_bytes", settings.gateway.socketio.payload_bytes_max);
  if (settings.gateway.socketio.testkit && !all_on_loopback(settings.listen))
    throw ConfigError(
        "diagnostics.socketio_testkit takes anyone, so that server.listen must name loopback alone");
  if (settings.users.refresh_absolute < settings.users.refresh_idle)
    throw ConfigError("auth.refresh_absolute_s must be at least auth.refresh_idle_s");
  if (settings.drain.total <= settings.drain.requests)
    throw ConfigError("server.drain_total_s must be greater than server.drain_requests_s");
  if (settings.drain.spread >= settings.drain.total)
    throw ConfigError("server.drain_spread_ms must be shorter than server.drain_total_s");
  if (settings.tokens.issuer.empty() || settings.tokens.audience.empty())
    throw ConfigError("auth.issuer and auth.audience must not be empty");
  if (settings.data_dir.empty()) throw ConfigError("server.data_dir must not be empty");
  check_listeners(settings);
  check_networks("limits.exempt_cidrs", settings.exempt_cidrs);
  check_networks("proxy.trusted_cidrs", settings.http.trusted_proxies);
  if (settings.http.proxy_protocol && settings.http.trusted_proxies.empty())
    throw ConfigError(
        "server.proxy_protocol needs proxy.trusted_cidrs: a PROXY header is believed from nobody else");
  check_origins("ws.allowed_origins", settings.gateway.allowed_origins);
  check_origins("http.cors_origins", settings.http.cors_origins);
  check_redis(settings.ingest);
}

}  // namespace corohub::server
