#include "server/application.hpp"

#include "core/log.hpp"
#include "core/metrics.hpp"
#include "core/random.hpp"
#include "eventlog/retention.hpp"
#include "gateway/session/idempotency.hpp"
#include "server/administration.hpp"
#include "server/control_socket.hpp"
#include "server/health.hpp"
#include "server/housekeeping.hpp"
#include "server/listen_address.hpp"
#include "server/metrics_route.hpp"
#include "server/run_task.hpp"
#include "server/services.hpp"
#include "server/shard_thread.hpp"
#include "server/ticker.hpp"
#include "users/expiry.hpp"
#include "web/pages.hpp"

#include <algorithm>
#include <cstdlib>
#include <thread>
#include <utility>

#include <boost/system/system_error.hpp>
#include <fmt/format.h>

#include <pthread.h>

namespace corohub::server {
namespace {

using Endpoint = Application::Endpoint;

bool all_on_loopback(const std::vector<std::string>& listen) {
  return std::ranges::all_of(listen, [](const std::string& text) {
    const ListenAddress address = parse_listen("server.listen", text);
    return std::ranges::all_of(address.endpoints,
                               [](const Endpoint& endpoint) { return endpoint.address().is_loopback(); });
  });
}

gateway::GatewaySettings gateway_settings(const Settings& settings) {
  gateway::GatewaySettings result = settings.gateway;
  result.loopback_only = all_on_loopback(settings.listen);
  return result;
}

hub::ShardLimits shard_limits(const Settings& settings, std::size_t shards) {
  hub::ShardLimits limits = settings.shard;
  limits.topics = std::max<std::size_t>(1, settings.topics_max / shards);
  return limits;
}

// What is deleted in time, in this order. The services outlive it.
std::vector<Chore> chores(const Settings& settings) {
  std::vector<Chore> all;
  all.push_back({"events", [retention = settings.retention](storage::UnitOfWork& work) {
                   static metrics::Gauge& floor =
                       metrics::gauge("corohub_log_floor", "Events up to this seq are gone from the log.");
                   const eventlog::RetentionStep step = eventlog::delete_old_events(work, retention);
                   floor.Set(static_cast<double>(step.floor));
                   return Cleaned{step.deleted, step.more};
                 }});
  const std::int64_t rows = settings.retention.step_rows;
  all.push_back({"idempotency_keys", [rows](storage::UnitOfWork& work) {
                   const std::int64_t deleted = gateway::forget_answers(work, rows);
                   return Cleaned{deleted, deleted >= rows};
                 }});
  const users::ExpirySettings expiry{settings.users.audit_retention, rows};
  all.push_back({"accounts", [expiry](storage::UnitOfWork& work) {
                   const users::ExpiryStep step = users::delete_expired(work, expiry);
                   return Cleaned{step.deleted, step.more};
                 }});
  return all;
}

// The admin listener is for a scraper and an operator: small, and not counted among the public connections.
http::HttpSettings admin_settings(const Settings& settings) {
  http::HttpSettings result = settings.http;
  result.connections_max = 64;
  result.backlog = 64;
  result.cors_origins.clear();
  result.trusted_proxies.clear();
  result.descriptors_reserved /= 2;  // whoever looks why nobody gets in must get in
  return result;
}

bool no_such_address(const boost::system::error_code& error) {
  return error == boost::asio::error::address_family_not_supported ||
         error == boost::system::errc::address_not_available;
}

[[noreturn]] void refuse_listen(const std::string& text, const boost::system::error_code& error) {
  const bool busy = error == boost::asio::error::address_in_use;
  throw storage::StartError(busy ? exit_busy : exit_io,
                            fmt::format("cannot listen on {}: {}", text, error.message()));
}

// Before anything is written: a start that cannot succeed leaves no trace.
void check_addresses(const Settings& settings) {
  std::vector<std::string> texts = settings.listen;
  if (!settings.admin_listen.empty()) texts.push_back(settings.admin_listen);
  for (const std::string& text : texts)
    if (const auto failure = try_bind(parse_listen("server.listen", text).endpoints.front()))
      refuse_listen(text, failure);
}

}  // namespace

// Members are in the order of their making; the threads are joined before any of them goes.
struct Application::State {
  State(const Settings& settings, const Clock& clock);
  ~State();

  void listen();
  void listen_on(const ListenAddress& address);
  Endpoint listen_everywhere(const Endpoint& endpoint);
  void listen_for_admin();
  void serve();
  bool drain();

  template <class F>
  void on_every_shard(F function) {
    for (const auto& shard : shards) shard->run([&] { function(*shard); });
  }
  std::size_t members();
  bool quiet() { return server.connections() == 0 && members() == 0 && gateway.sockets() == 0; }
  // Asks until it is true or the deadline has passed.
  template <class F>
  bool wait_until(SteadyTime deadline, F condition) {
    while (!condition()) {
      if (clock.steady() >= deadline) return false;
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    return true;
  }
  void send_everyone_away(SteadyTime deadline);
  void stop_supervisor();
  bool end_shards(SteadyTime deadline);
  [[noreturn]] void abort_stalled(std::size_t shard);

  const Settings& settings;
  const Clock& clock;
  Services services;
  HealthBoard board;
  gateway::Gateway gateway;
  http::Router router;
  http::Server server;
  http::Router admin_router;
  http::Server admin_server;
  std::vector<std::unique_ptr<ShardThread>> shards;
  std::unique_ptr<http::ShardServer> admin_shard;  // on shard 0

  // What is not for a shard: health, the watchdog, the control socket.
  asio::io_context supervisor{1};
  asio::executor_work_guard<Executor> supervisor_guard{supervisor.get_executor()};
  Administration administration;
  ControlServer control;
  HealthMonitor monitor;
  Housekeeper housekeeper;
  Ticker presence;
  std::thread supervisor_thread;

  std::vector<Endpoint> endpoints;
  std::optional<Endpoint> admin_endpoint;
  std::optional<std::string> setup_token;
  bool drained = false;
};

Application::State::State(const Settings& given, const Clock& given_clock)
    : settings(given),
      clock(given_clock),
      services(settings, clock),
      gateway({services.hub, services.writer, services.readers, services.tickets, services.topic_rules, clock,
               services.head.epoch, &services.users.password_login()},
              gateway_settings(settings)),
      server(router, settings.http, auth::CidrList::parse(settings.exempt_cidrs).value(), clock),
      admin_server(admin_router, admin_settings(settings), {}, clock),
      administration(services, settings),
      control(supervisor, services.directory.path(), administration),
      monitor(supervisor, board,
              {[this] { return services.writer.state(); }, services.directory.path(),
               settings.disk_free_min_bytes,
               [this] {
                 std::vector<std::uint64_t> beats;
                 beats.reserve(shards.size());
                 for (const auto& shard : shards) beats.push_back(shard->shard().heartbeat());
                 return beats;
               },
               [this](Component component, Status old_status, Status status) {
                 gateway.publish_health(name(component), name(old_status), name(status));
               },
               [this](std::size_t shard) { abort_stalled(shard); }}),
      housekeeper(supervisor, services.writer, chores(settings), settings.housekeeping),
      presence(supervisor, gateway::Gateway::presence_interval, [this] { gateway.publish_presence(); }) {
  services.users.add_routes(router);
  gateway.add_routes(router);
  web::add_page_routes(router, settings.pages);
  add_health_routes(router, board, clock, false);
  add_health_routes(admin_router, board, clock, true);
  add_metrics_route(admin_router, {services.hub, server, board});

  // The other half is for the writer, the readers, the hasher and the kernel: with a shard on every core they
  // take turns with each other, and events of a burst part into more and smaller sends.
  const std::size_t count =
      settings.shards != 0 ? settings.shards : std::max(1U, std::thread::hardware_concurrency() / 2);
  const hub::LogState log = services.read_recent(settings.shard.tail);
  const hub::ShardLimits limits = shard_limits(settings, count);
  std::vector<hub::Shard*> hub_shards;
  for (std::size_t i = 0; i < count; ++i) {
    shards.push_back(std::make_unique<ShardThread>(i, services, settings, limits, clock, server, log));
    hub_shards.push_back(&shards.back()->shard());
    gateway.add_shard(shards.back()->shard(), shards.back()->authenticator());
  }
  services.hub.set_shards(std::move(hub_shards));
  ShardThread& first = *shards.front();
  admin_shard = std::make_unique<http::ShardServer>(admin_server, 0, first.context(), first.shard().wheel(),
                                                    first.authenticator());
}

Application::State::~State() { drain(); }

// ---- the beginning ----

void Application::State::listen() {
  for (const std::string& text : settings.listen) {
    try {
      listen_on(parse_listen("server.listen", text));
    } catch (const boost::system::system_error& error) {
      refuse_listen(text, error.code());
    }
  }
  listen_for_admin();
}

void Application::State::listen_on(const ListenAddress& address) {
  Endpoint bound;
  for (std::size_t i = 0; i < address.endpoints.size(); ++i) {
    Endpoint endpoint = address.endpoints[i];
    const bool any_port = endpoint.port() == 0;
    if (i > 0) endpoint.port(bound.port());  // of `localhost`, both have the same
    try {
      bound = listen_everywhere(endpoint);
    } catch (const boost::system::system_error& error) {
      const bool optional = i > 0 && address.ipv6_optional;
      if (!optional || !(any_port || no_such_address(error.code()))) throw;
    }
  }
}

Endpoint Application::State::listen_everywhere(const Endpoint& endpoint) {
  const Endpoint bound = shards.front()->server().listen(endpoint, true);
  for (std::size_t i = 1; i < shards.size(); ++i) shards[i]->server().listen(bound, false);
  endpoints.push_back(bound);
  return bound;
}

void Application::State::listen_for_admin() {
  if (settings.admin_listen.empty()) return;
  const ListenAddress address = parse_listen("server.admin_listen", settings.admin_listen);
  try {
    admin_endpoint = admin_shard->listen(address.endpoints.front(), true);
  } catch (const boost::system::system_error& error) {
    refuse_listen(settings.admin_listen, error.code());
  }
}

void Application::State::serve() {
  for (const auto& shard : shards) shard->start();
  control.start();
  monitor.start();
  housekeeper.start();
  presence.start();
  supervisor_thread = std::thread([this] {
    ::pthread_setname_np(::pthread_self(), "supervisor");
    supervisor.run();
  });
  Result<std::optional<std::string>> token = wait_for(supervisor, services.users.issue_setup_token());
  if (token.has_error())
    throw storage::StartError(exit_io, "cannot write to the database: " + token.error().detail);
  setup_token = std::move(*token);
  board.set_phase(Phase::serving);
}

void Application::State::abort_stalled(std::size_t shard) {
  log::error("shard.stalled", {{"shard", shard}, {"rounds", StallWatch::fatal_rounds}});
  shards[shard]->print_stack();
  std::this_thread::sleep_for(std::chrono::milliseconds(200));  // for the stack and the log to be written
  std::abort();
}

// ---- the end (DESIGN section 2, "End") ----

bool Application::State::drain() {
  if (std::exchange(drained, true)) return true;
  const bool served = board.phase() == Phase::serving;  // else a start that failed says why, in one line
  board.set_phase(Phase::draining);
  if (served) log::info("drain.begin", {{"connections", services.hub.roster().counts().total}});
  for (const auto& shard : shards) shard->start();
  const SteadyTime begin = clock.steady();

  administration.interrupt();
  server.begin_drain();
  gateway.begin_drain();
  on_every_shard([](ShardThread& shard) { shard.server().stop_accepting(); });
  send_everyone_away(begin + settings.drain.requests);

  stop_supervisor();
  services.stop();
  const bool clean = end_shards(begin + settings.drain.total);
  const auto took = (clock.steady() - begin) / std::chrono::milliseconds(1);
  if (served) log::info("drain.end", {{"clean", clean}, {"ms", took}});
  return clean;
}

std::size_t Application::State::members() {
  std::size_t count = 0;
  on_every_shard([&](ShardThread& shard) { count += shard.shard().size(); });
  return count;
}

void Application::State::send_everyone_away(SteadyTime deadline) {
  const std::chrono::milliseconds spread = settings.drain.spread;
  on_every_shard([&](ShardThread& shard) {
    shard.server().close_idle();
    shard.shard().close_all(CloseReason::draining, spread);
  });
  const SteadyTime told = clock.steady() + spread + std::chrono::seconds(1);
  if (wait_until(std::min(told, deadline), [&] { return quiet(); })) return;

  // A handshake that was under way when the others were told may have become a connection since.
  on_every_shard([](ShardThread& shard) {
    shard.shard().close_all(CloseReason::draining, std::chrono::milliseconds(0));
  });
  if (wait_until(deadline, [&] { return quiet(); })) return;
  log::warn("drain.cut_off", {{"requests", server.connections()}, {"connections", members()}});
}

void Application::State::stop_supervisor() {
  asio::post(supervisor, [this] {
    monitor.stop();
    housekeeper.stop();
    presence.stop();
    control.stop();
  });
  supervisor_guard.reset();
  if (supervisor_thread.joinable())
    supervisor_thread.join();
  else
    supervisor.run();
  administration.stop();
}

bool Application::State::end_shards(SteadyTime deadline) {
  shards.front()->run([&] {
    admin_shard->stop_accepting();
    admin_shard->abort_all();
  });
  on_every_shard([](ShardThread& shard) { shard.server().abort_all(); });
  bool clean = wait_until(deadline, [&] { return quiet() && admin_server.connections() == 0; });
  on_every_shard([](ShardThread& shard) { shard.shard().stop(); });
  for (const auto& shard : shards) shard->finish();
  for (const auto& shard : shards) {
    const bool ended = wait_until(deadline, [&] { return shard->ended(); });
    if (!ended) log::error("drain.shard_cut_off");
    clean = clean && ended;
    shard->join(!ended);
  }
  return clean;
}

// ---- the application ----

namespace {

// Within the second in which every revocation holds.
constexpr std::chrono::milliseconds removed_key_spread{800};

// Whether tokens were good before and are not by what is there now.
bool lacks_key_of(const auth::KeyRing& now_there, const auth::KeyRing& before, UnixMs now) {
  return std::ranges::any_of(before.keys(), [&](const auth::Key& key) {
    if (before.find(key.id, now) == nullptr) return false;
    const auth::Key* same = now_there.find(key.id, now);
    return same == nullptr || same->material.reveal() != key.material.reveal();
  });
}

}  // namespace

Application::Application(Settings settings, const Clock& clock)
    : settings_(std::move(settings)), clock_(clock) {
  check_settings(settings_);
}

Application::~Application() { stop(); }

void Application::start() {
  check_addresses(settings_);
  state_ = std::make_unique<State>(settings_, clock_);
  try {
    state_->listen();
    state_->serve();
  } catch (...) {
    state_.reset();
    throw;
  }
}

bool Application::stop() {
  if (state_ == nullptr) return true;
  return state_->drain();
}

const std::vector<Endpoint>& Application::endpoints() const noexcept { return state_->endpoints; }
std::optional<Endpoint> Application::admin_endpoint() const noexcept { return state_->admin_endpoint; }
const std::optional<std::string>& Application::setup_token() const noexcept { return state_->setup_token; }
const http::Router& Application::router() const noexcept { return state_->router; }
Result<users::LocalLogin> Application::provide_login(std::string name, std::string email, Role role) {
  users::Users& users = state_->services.users;
  Result<users::LocalLogin> login = wait_for(state_->supervisor, users.open_login(email));
  if (login || login.error().code != ErrorCode::not_found) return login;
  users::NewUser user{std::move(name), email, Secret(random_token()), {}, role};
  const Result<Account> created = wait_for(state_->supervisor, users.create_user(std::move(user)));
  if (!created) return created.error();
  return wait_for(state_->supervisor, users.open_login(std::move(email)));
}

// T34: what a removed key has opened ends. Connections don't keep by which key they were let in, and this is
// for the day when a key has leaked, so all of them end: those with a good token come back and miss nothing.
// Who is being let in meanwhile is judged by the new keys in the turn in which he is registered.
Result<> Application::reload_keys() {
  auth::KeyStore& keys = state_->services.keys;
  const std::shared_ptr<const auth::KeyRing> before = keys.ring();
  if (const Result<> reloaded = keys.reload(); !reloaded) return reloaded;
  if (!lacks_key_of(*keys.ring(), *before, clock_.unix_ms())) return {};
  log::warn("keys.removed", {{"closing", state_->members()}});
  state_->on_every_shard(
      [](ShardThread& shard) { shard.shard().close_all(CloseReason::token_expired, removed_key_spread); });
  return {};
}

}  // namespace corohub::server
