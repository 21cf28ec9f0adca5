#include "server/application.hpp"

#include "core/random.hpp"
#include "ingest/ingest.hpp"
#include "server/drain.hpp"
#include "server/health.hpp"
#include "server/key_reload.hpp"
#include "server/listeners.hpp"
#include "server/metrics_route.hpp"
#include "server/run_task.hpp"
#include "server/services.hpp"
#include "server/shards.hpp"
#include "server/supervisor.hpp"
#include "web/pages.hpp"

#include <utility>

namespace corohub::server {
namespace {

gateway::GatewaySettings gateway_settings(const Settings& settings) {
  gateway::GatewaySettings result = settings.gateway;
  result.loopback_only = all_on_loopback(settings.listen);
  return result;
}

// The admin listener is for a scraper and an operator: small, and not counted among the public connections.
http::HttpSettings admin_settings(const Settings& settings) {
  http::HttpSettings result = settings.http;
  result.connections_max = 64;
  result.backlog = 64;
  result.cors_origins.clear();
  result.trusted_proxies.clear();
  result.descriptors_reserved /= 2;  // an operator who looks why nobody gets in must get in
  return result;
}

}  // namespace

// Members are in the order of their making; drain() joins the threads before any member goes.
struct Application::State {
  State(const Settings& settings, const Clock& clock);
  ~State() { end(); }

  void serve();
  bool end();

  const Settings& settings;
  const Clock& clock;
  Services services;
  HealthBoard board;
  gateway::Gateway gateway;
  http::Router router;
  http::Server server;
  http::Router admin_router;
  http::Server admin_server;
  Shards shards;
  http::ShardServer admin_shard;  // on the first shard
  Supervisor supervisor;

  Listeners listeners;
  std::optional<std::string> setup_token;
  bool ended = false;
};

Application::State::State(const Settings& given, const Clock& given_clock)
    : settings(given),
      clock(given_clock),
      services(settings, clock),
      board(settings.ingest.enabled),
      gateway({services.hub, services.writer, services.readers, services.tickets, services.topic_rules,
               services.keys, services.flags.directories(), clock, services.head.epoch,
               &services.users.password_login()},
              gateway_settings(settings)),
      server(router, settings.http, auth::CidrList::parse(settings.exempt_cidrs).value(), clock),
      admin_server(admin_router, admin_settings(settings), {}, clock),
      shards(services, settings, clock, server),
      admin_shard(admin_server, 0, shards.first().context(), shards.first().shard().wheel(),
                  shards.first().authenticator()),
      supervisor(services, settings, board, gateway, shards) {
  services.begin_flags(shards.size());
  services.users.add_routes(router);
  services.flags.add_routes(router);
  ingest::add_update_route(router, services.flags, settings.ingest.access);
  gateway.add_routes(router);
  web::add_page_routes(router, settings.pages);
  add_health_routes(router, board, clock, false);
  add_health_routes(admin_router, board, clock, true);
  add_metrics_route(admin_router, {services.hub, server, board});
  for (const std::unique_ptr<ShardThread>& shard : shards)
    gateway.add_shard(shard->shard(), shard->authenticator());
}

void Application::State::serve() {
  listeners = open_listeners(settings, shards, admin_shard);
  shards.start();
  supervisor.start();
  Result<std::optional<std::string>> token =
      wait_for(supervisor.context(), services.users.issue_setup_token());
  if (token.has_error())
    throw storage::StartError(exit_io, "cannot write to the database: " + token.error().detail);
  setup_token = std::move(*token);
  if (const Result<> told = wait_for(supervisor.context(), services.flags.tell_of_new_beginning()); !told)
    throw storage::StartError(exit_io, "cannot write to the database: " + told.error().detail);
  board.set_phase(Phase::serving);
}

bool Application::State::end() {
  if (std::exchange(ended, true)) return true;
  return drain({settings.drain, clock, board, gateway, server, shards, admin_server, admin_shard, supervisor,
                services});
}

Application::Application(Settings settings, const Clock& clock)
    : settings_(std::move(settings)), clock_(clock) {
  check_settings(settings_);
}

Application::~Application() { stop(); }

void Application::start() {
  check_addresses(settings_);
  state_ = std::make_unique<State>(settings_, clock_);
  try {
    state_->serve();
  } catch (...) {
    state_.reset();
    throw;
  }
}

bool Application::stop() { return state_ == nullptr || state_->end(); }

const std::vector<Endpoint>& Application::endpoints() const noexcept { return state_->listeners.endpoints; }
std::optional<Endpoint> Application::admin_endpoint() const noexcept { return state_->listeners.admin; }
const std::optional<std::string>& Application::setup_token() const noexcept { return state_->setup_token; }
const http::Router& Application::router() const noexcept { return state_->router; }

Result<users::LocalLogin> Application::provide_login(std::string name, std::string email, Role role) {
  users::Users& users = state_->services.users;
  asio::io_context& context = state_->supervisor.context();
  Result<users::LocalLogin> login = wait_for(context, users.open_login(email));
  if (login || login.error().code != ErrorCode::not_found) return login;
  users::NewUser user{std::move(name), email, Secret(random_token()), {}, role};
  const Result<Account> created = wait_for(context, users.create_user(std::move(user)));
  if (!created) return created.error();
  return wait_for(context, users.open_login(std::move(email)));
}

Result<> Application::reload_keys() {
  return server::reload_keys(state_->services.keys, state_->shards, clock_);
}

}  // namespace corohub::server
