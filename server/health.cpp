#include "server/health.hpp"

#include "core/log.hpp"
#include "storage/storage.hpp"

#include <algorithm>
#include <functional>
#include <string>
#include <utility>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/redirect_error.hpp>

namespace corohub::server {
namespace {

constexpr std::chrono::seconds round_time{1};
constexpr std::array<Component, component_count> all_components{Component::database, Component::disk,
                                                                Component::hub, Component::redis};

http::Response unavailable(http::Response response) {
  response.status = 503;
  response.headers.push_back({"Retry-After", "1"});
  return response;
}

http::Response answer_health(const HealthBoard& board, const Clock& clock, bool detailed) {
  http::Response response;
  if (detailed)
    response = http::document(health_document(board, clock.unix_ms(), true));
  else
    append_health(response.body, board, clock.unix_ms());
  if (board.overall() == Status::down) return unavailable(std::move(response));
  return response;
}

http::Response answer_live() { return http::document(json::object{{"status", "ok"}}); }

http::Response answer_ready(const HealthBoard& board) {
  const std::string_view reason = board.not_ready();
  if (reason.empty()) return http::document(json::object{{"status", "ready"}});
  return unavailable(http::document(json::object{{"status", "not ready"}, {"reason", reason}}));
}

Task<http::Response> in_a_task(std::function<http::Response()> answer) { co_return answer(); }

// No probe ever waits.
void add_probe(http::Router& router, std::string path, std::function<http::Response()> answer) {
  router.add(
      http::Method::get, std::move(path), http::Access::probe,
      [answer](http::Context&) { return in_a_task(answer); }, [answer](http::Context&) { return answer(); });
}

}  // namespace

std::string_view name(Status status) noexcept {
  switch (status) {
    case Status::ok:
      return "ok";
    case Status::degraded:
      return "degraded";
    case Status::down:
      return "down";
  }
  return "down";
}

std::string_view name(Component component) noexcept {
  switch (component) {
    case Component::database:
      return "database";
    case Component::disk:
      return "disk";
    case Component::hub:
      return "hub";
    case Component::redis:
      return "redis";
  }
  return "hub";
}

Status HealthBoard::overall() const noexcept {
  Status worst = Status::ok;
  for (const auto& component : components_) worst = std::max(worst, component.load());
  return worst;
}

std::string_view HealthBoard::not_ready() const noexcept {
  if (phase() == Phase::starting) return "starting";
  if (phase() == Phase::draining) return "draining";
  if (status(Component::database) == Status::down) return "storage";
  if (status(Component::hub) != Status::ok) return "stalled";
  return {};
}

json::object health_document(const HealthBoard& board, UnixMs now, bool detailed) {
  json::object components;
  for (const Component component : all_components)
    if (board.has(component))
      components.emplace(name(component), json::object{{"status", name(board.status(component))}});
  if (detailed) {
    components.at("database").as_object().emplace("sqlite_version", storage::sqlite_version());
    components.at("disk").as_object().emplace("free_bytes", board.disk_free_bytes());
  }
  json::object document;
  document.emplace("status", name(board.overall()));
  document.emplace("components", std::move(components));
  document.emplace("timestamp", rfc3339(now));
  return document;
}

void append_health(std::string& out, const HealthBoard& board, UnixMs now) {
  out.append("{\"status\":\"").append(name(board.overall())).append("\",\"components\":{");
  for (const Component component : all_components) {
    if (!board.has(component)) continue;
    out.append(component == all_components.front() ? "\"" : ",\"").append(name(component));
    out.append("\":{\"status\":\"").append(name(board.status(component))).append("\"}");
  }
  out += "},\"timestamp\":\"";
  append_rfc3339(out, now);
  out += "\"}";
}

void add_health_routes(http::Router& router, const HealthBoard& board, const Clock& clock, bool detailed) {
  add_probe(router, "/health", [&board, &clock, detailed] { return answer_health(board, clock, detailed); });
  add_probe(router, "/livez", answer_live);
  add_probe(router, "/readyz", [&board] { return answer_ready(board); });
}

StallWatch::Finding StallWatch::observe(const std::vector<std::uint64_t>& heartbeats) {
  seen_.resize(heartbeats.size());
  Finding worst;
  for (std::size_t i = 0; i < heartbeats.size(); ++i) {
    Seen& seen = seen_[i];
    seen.rounds = heartbeats[i] == seen.heartbeat ? seen.rounds + 1 : 0;
    seen.heartbeat = heartbeats[i];
    if (seen.rounds > worst.rounds) worst = {i, seen.rounds};
  }
  return worst;
}

HealthMonitor::HealthMonitor(asio::io_context& context, HealthBoard& board, HealthProbes probes)
    : board_(board), probes_(std::move(probes)), context_(context), timer_(context) {}

void HealthMonitor::start() { asio::co_spawn(context_, run(), asio::detached); }

void HealthMonitor::stop() {
  stopped_ = true;
  timer_.cancel();
}

Task<> HealthMonitor::run() {
  while (!stopped_) {
    try {
      round();
    } catch (const std::exception& error) {
      log::error("health.exception", {{"what", error.what()}});
    }
    timer_.expires_after(round_time);
    boost::system::error_code ignored;
    co_await timer_.async_wait(asio::redirect_error(use_task, ignored));
  }
}

void HealthMonitor::round() {
  judge(Component::database, database_status());
  judge(Component::disk, disk_status());
  judge(Component::hub, hub_status());
  if (probes_.redis_away) judge(Component::redis, probes_.redis_away() ? Status::degraded : Status::ok);
}

void HealthMonitor::judge(Component component, Status status) {
  const Status old_status = board_.status(component);
  if (old_status == status) return;
  board_.set(component, status);
  log::warn("health.changed",
            {{"component", name(component)}, {"from", name(old_status)}, {"to", name(status)}});
  probes_.changed(component, old_status, status);
}

Status HealthMonitor::database_status() const {
  switch (probes_.storage()) {
    case storage::StorageState::ok:
      return Status::ok;
    case storage::StorageState::full:
      return Status::degraded;
    case storage::StorageState::failed:
    case storage::StorageState::corrupt:
      return Status::down;
  }
  return Status::down;
}

Status HealthMonitor::disk_status() {
  std::error_code failure;
  const std::filesystem::space_info space = std::filesystem::space(probes_.data_directory, failure);
  if (failure) return Status::degraded;
  board_.set_disk_free_bytes(space.available);
  return space.available < probes_.disk_free_min_bytes ? Status::degraded : Status::ok;
}

Status HealthMonitor::hub_status() {
  const StallWatch::Finding finding = watch_.observe(probes_.heartbeats());
  if (finding.rounds < StallWatch::suspicious_rounds) return Status::ok;
  if (finding.rounds >= StallWatch::fatal_rounds) {
    board_.set(Component::hub, Status::down);
    probes_.stalled(finding.shard);
    return Status::down;
  }
  return Status::degraded;
}

}  // namespace corohub::server
