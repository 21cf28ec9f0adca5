#include "gateway/gateway.hpp"

#include "core/log.hpp"
#include "gateway/echo.hpp"
#include "gateway/socketio/client.hpp"
#include "gateway/socketio_connections.hpp"
#include "gateway/state.hpp"

#include <algorithm>
#include <utility>

#include <boost/json/serialize.hpp>

namespace corohub::gateway {
namespace {

WebSocketSettings socket_settings(const GatewaySettings& settings) {
  WebSocketSettings result;
  result.ping_interval = settings.ping_interval;
  result.pong_timeout = settings.pong_timeout;
  result.message_timeout = settings.message_timeout;
  result.timeouts.write = settings.write_timeout;
  result.messages.bytes = settings.max_message_bytes;
  result.rates = {settings.inbound_messages, settings.inbound_bytes, settings.inbound_control};
  return result;
}

// A client may send a message of the largest size at once, and another one soon.
WebSocketSettings socket_settings(const GatewaySettings& settings, std::size_t message_bytes_max) {
  WebSocketSettings result = socket_settings(settings);
  result.messages.bytes = message_bytes_max;
  result.messages.text_only = false;
  const auto largest = static_cast<double>(message_bytes_max);
  auth::Rate& bytes = result.rates.bytes;
  bytes.burst = std::max(bytes.burst, 2 * largest);
  bytes.tokens = std::max(bytes.tokens, largest);
  return result;
}

WebSocketSettings stomp_socket_settings(const GatewaySettings& settings) {
  return socket_settings(settings, settings.stomp_message_bytes_max);
}

TokenBucket::Rate bucket_rate(const auth::Rate& rate) {
  return {.per_second = rate.tokens / std::chrono::duration<double>(rate.per).count(), .burst = rate.burst};
}

// A frame of STOMP as a JSON string is longer.
WebSocketSettings sockjs_socket_settings(const GatewaySettings& settings) {
  WebSocketSettings result = stomp_socket_settings(settings);
  result.messages.bytes = std::max<std::size_t>(65'536, 2 * result.messages.bytes);
  return result;
}

// Engine.IO has a heartbeat of its own.
WebSocketSettings socketio_socket_settings(const GatewaySettings& settings) {
  WebSocketSettings result = socket_settings(settings, settings.socketio.payload_bytes_max);
  result.ping_interval = result.pong_timeout = std::chrono::milliseconds(0);
  return result;
}

EventStreamSettings stream_settings(const GatewaySettings& settings) {
  EventStreamSettings result;
  result.timeouts.write = settings.write_timeout;
  result.dead_peer_timeout = settings.pong_timeout;
  return result;
}

}  // namespace

RefusedHandshakes::RefusedHandshakes() {
  for (std::size_t i = 0; i < by_code_.size(); ++i)
    by_code_[i] = &metrics::counter("corohub_handshakes_refused_total", "Upgrades refused, by code.",
                                    {{"code", std::string(name(static_cast<ErrorCode>(i)))}});
}

void RefusedHandshakes::count(ErrorCode code) const noexcept {
  by_code_[static_cast<std::size_t>(code)]->Increment();
}

GatewayState::GatewayState(GatewayParts gateway_parts, GatewaySettings gateway_settings)
    : parts(std::move(gateway_parts)),
      settings(std::move(gateway_settings)),
      origins{settings.allowed_origins, settings.loopback_only},
      sessions{settings.ping_interval, settings.outbox, parts.epoch, parts.topic_rules, {}, {}},
      sockets(socket_settings(settings)),
      stomp_sockets(stomp_socket_settings(settings)),
      sockjs_sockets(sockjs_socket_settings(settings)),
      socketio_sockets(socketio_socket_settings(settings)),
      echo_sockets(echo_settings()),
      streams(stream_settings(settings)),
      stomp{settings.stomp_message_bytes_max, settings.stomp_fragments,
            bucket_rate(settings.inbound_messages)},
      publishing(parts.hub, parts.writer, parts.topic_rules, parts.clock, settings.event_bytes_max,
                 settings.durable_bytes_per_user),
      presence(parts.hub, parts.topic_rules, parts.clock, settings.presence_per_user),
      reception(parts.hub.roster(), {settings.connects_per_address, settings.connects_total}, parts.clock),
      broadcasts(settings.broadcasts_per_admin, parts.clock),
      client_reports(socketio::client_reports, parts.clock),
      stats(settings.stats_per_admin, parts.clock),
      publishes(settings.publishes_per_user, parts.clock),
      service_publishes(settings.publishes_per_key, parts.clock),
      publish_failures(settings.publish_failures_per_address, parts.clock),
      ofrep({parts.keys, parts.clock, streams, draining, parts.epoch}, settings.ofrep) {}

Gateway::Gateway(GatewayParts parts, GatewaySettings settings)
    : state_(std::make_shared<GatewayState>(std::move(parts), std::move(settings))) {
  state_->namespaces = socketio_namespaces(*state_);
}

Gateway::~Gateway() = default;

void Gateway::add_routes(http::Router& router) {
  Routes routes(router, state_);
  add_front_ends(routes);
  if (state_->settings.echo) add_echo_route(routes);
  if (state_->settings.socketio.testkit) add_engineio_testkit(routes);
  add_broadcast_routes(routes);
  add_event_routes(routes);
  add_connection_routes(routes);
  add_topic_routes(routes);
  add_publish_route(routes);
  add_service_key_routes(routes);
  add_presence_routes(routes);
  add_info_routes(routes);
  state_->ofrep.add_routes(router);
}

void Gateway::add_shard(hub::Shard& shard, auth::Authenticator& authenticator) {
  GatewayState& state = *state_;
  flags::Directory& flags = state.parts.flags.of(state.desks.size());
  const auto& keys = state.service_keys.emplace_back(std::make_unique<users::ServiceKeyCache>(
      state.parts.readers, authenticator.accounts(), state.parts.clock));
  const auto& client_keys = state.client_keys.emplace_back(
      std::make_unique<flags::ClientKeyCache>(state.parts.readers, flags, state.parts.clock));
  const auto& topics =
      state.topic_rights.emplace_back(std::make_unique<TopicRights>(shard, state.parts.topic_rules, flags));
  shard.set_judge(state.client_judges.emplace_back(std::make_unique<const ClientJudge>(flags)).get());
  state.key_ends.push_back(std::make_unique<KeyEnds>(shard, *keys, *client_keys));
  const auto& watching = state.flag_watching.emplace_back(std::make_unique<FlagWatching>(shard, flags));
  state.desks.push_back(std::unique_ptr<const Desk>(
      new Desk{shard, authenticator, state.parts.readers, state.sessions, state.publishing, state.presence,
               state.reception, flags, *keys, *client_keys, *topics, *watching, state.parts.passwords}));
  state.ofrep.add_shard(*state.desks.back());
}

void Gateway::begin_drain() {
  state_->draining.store(true, std::memory_order_relaxed);
  publish_status("The server is shutting down", "draining");
  state_->reception.outsiders().send_away_all();
}

std::size_t Gateway::sockets() const noexcept { return state_->sockets_open.load(std::memory_order_relaxed); }

void Gateway::publish_presence() { state_->presence.tick(); }

namespace {

// For Socket.IO, whose clients are told of the server as a whole.
std::string attributes_of_status(std::string_view status) {
  return json::serialize(json::value{{"status", status}});
}

}  // namespace

void Gateway::publish_health(std::string_view component, std::string_view old_status, std::string_view status,
                             std::string_view overall) {
  const UnixMs now = state_->parts.clock.unix_ms();
  const json::value data{
      {"component", component}, {"old_status", old_status}, {"status", status}, {"changed_at", rfc3339(now)}};
  hub::EventDraft draft{.type = "health.status.changed",
                        .data = json::serialize(data),
                        .audience = hub::Audience::admins(),
                        .attributes = attributes_of_status(overall)};
  std::vector<hub::Entry> entries;
  entries.emplace_back(hub::EventRef(new hub::Event(std::move(draft), 0, now)));
  if (!state_->parts.hub.try_publish(std::make_shared<hub::Batch>(std::move(entries))))
    log::warn("health.not_published", {{"component", component}, {"status", status}});
}

void Gateway::publish_status(std::string_view message, std::string_view status) {
  const json::value data{{"message", message}};
  hub::EventDraft draft{.type = "system.status",
                        .data = json::serialize(data),
                        .audience = hub::Audience::everyone(),
                        .topic = std::string(hub::server_status_topic),
                        .attributes = status.empty() ? std::string() : attributes_of_status(status)};
  std::vector<hub::Entry> entries;
  entries.emplace_back(hub::EventRef(new hub::Event(std::move(draft), 0, state_->parts.clock.unix_ms())));
  if (!state_->parts.hub.try_publish(std::make_shared<hub::Batch>(std::move(entries))))
    log::warn("status.not_published", {{"message", message}});
}

// ---- what the routes share ----

std::optional<Error> take(auth::RateLimiter& limiter, const http::Context& context, std::string_view key) {
  return context.exempt ? std::nullopt : limiter.take(key).refusal("Too many requests of this kind.");
}

}  // namespace corohub::gateway
