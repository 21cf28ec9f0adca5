#include "server/trials.hpp"

#include "core/json.hpp"
#include "server/listen_address.hpp"
#include "server/output.hpp"
#include "server/services.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <sstream>
#include <type_traits>

#include <boost/json/serialize.hpp>
#include <fmt/format.h>

#include <unistd.h>

namespace corohub::server {
namespace {

constexpr std::chrono::hours trial_token_life{24};

// Sets `mine` where the settings leave the value at its default.
template <class T>
void unless_set(T& field, const T& default_value, std::type_identity_t<T> mine) {
  if (field == default_value) field = std::move(mine);
}

users::LocalLogin login_of(Application& application, const char* name, const char* email, Role role) {
  Result<users::LocalLogin> login = application.provide_login(name, email, role);
  if (!login)
    throw storage::StartError(exit_io, fmt::format("cannot log in {}: {}", email, login.error().detail));
  return std::move(*login);
}

// The path by which this program can be called from any directory.
std::string own_path() {
  std::error_code failure;
  const std::filesystem::path path = std::filesystem::read_symlink("/proc/self/exe", failure);
  return failure ? "corohub" : path.string();
}

struct DemoUser {
  const char* name;
  const char* email;
  Role role;
};
// A domain that nobody can own (RFC 2606).
constexpr std::array<DemoUser, 3> demo_users{{
    {"Demo Admin", "admin@demo.example", Role::admin},
    {"Ann", "ann@demo.example", Role::user},
    {"Ben", "ben@demo.example", Role::user},
}};

// An example for each user: speak to all, listen, speak in a room.
std::string curl_of(const DemoUser& user, const std::string& url, const std::string& token) {
  const std::string authorization = fmt::format("-H 'Authorization: Bearer {}'", token);
  const std::string json = "-H 'Content-Type: application/json'";
  if (user.role == Role::admin)
    return fmt::format("curl {}/ws/broadcast {} {} -d '{{\"message\":\"Hello, everybody\"}}'", url,
                       authorization, json);
  if (user.email == demo_users[1].email)
    return fmt::format("curl -N '{}/api/v1/events/stream?topic=rooms/lobby' {}", url, authorization);
  return fmt::format(
      "curl {}/api/v1/topics/rooms/lobby/events {} {} -d '{{\"data\":{{\"text\":\"Hello, Ann\"}}}}'", url,
      authorization, json);
}

}  // namespace

std::string url_of(const Application::Endpoint& endpoint) {
  std::ostringstream text;
  text << "http://" << endpoint;
  return text.str();
}

std::string local_url(const Application::Endpoint& endpoint) {
  const bool local = endpoint.address().is_loopback() || endpoint.address().is_unspecified();
  return local ? fmt::format("http://localhost:{}", endpoint.port()) : url_of(endpoint);
}

TemporaryDirectory::TemporaryDirectory() {
  std::string name = (std::filesystem::temp_directory_path() / "corohub-XXXXXX").string();
  if (::mkdtemp(name.data()) == nullptr)
    throw std::filesystem::filesystem_error("cannot make a temporary directory", name,
                                            std::error_code(errno, std::generic_category()));
  path_ = name;
}

TemporaryDirectory::~TemporaryDirectory() { remove(); }

void TemporaryDirectory::remove() const noexcept {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

void make_ephemeral(Settings& settings, const Invocation& invocation,
                    const std::filesystem::path& directory) {
  const bool asked = std::ranges::any_of(invocation.sources.flags, [](const FlagValue& given) {
    return given.flag == "--data-dir" || given.flag == "--server-data-dir";
  });
  if (asked) throw ConfigError("--ephemeral has a data directory of its own; leave --data-dir out");
  const Settings defaults;
  settings.data_dir = directory.string();
  unless_set(settings.listen, defaults.listen, {"127.0.0.1:0"});
  unless_set(settings.admin_listen, defaults.admin_listen, {});
  unless_set(settings.exempt_cidrs, defaults.exempt_cidrs, {"127.0.0.0/8", "::1/128"});
  unless_set(settings.tokens.access_ttl, defaults.tokens.access_ttl, trial_token_life);
  unless_set(settings.password.memory_kib, defaults.password.memory_kib, std::size_t{1024});
  unless_set(settings.password.passes, defaults.password.passes, std::size_t{1});
  unless_set(settings.drain.spread, defaults.drain.spread, std::chrono::milliseconds(0));
}

void print_ephemeral(Application& application, const Settings& settings) {
  const users::LocalLogin login =
      login_of(application, "Ephemeral Admin", "admin@ephemeral.example", Role::superadmin);
  const std::string url = url_of(application.endpoints().front());
  const json::object line{
      {"url", url},
      {"ws_url", "ws" + url.substr(4) + "/ws"},
      {"admin",
       {{"email", login.account.email},
        {"user_id", login.account.id},
        {"access_token", login.access_token},
        {"refresh_token", login.refresh_token}}},
      {"data_dir", settings.data_dir},
      {"pid", ::getpid()},
  };
  print_or_give_up(json::serialize(line) + '\n');
}

void make_demo(Settings& settings) {
  for (const std::string& text : settings.listen)
    for (const auto& endpoint : parse_listen("server.listen", text).endpoints)
      if (!endpoint.address().is_loopback())
        throw ConfigError(fmt::format(
            "--demo prints tokens and serves on loopback only, not on {}; use localhost:8080", text));
  const Settings defaults;
  unless_set(settings.tokens.access_ttl, defaults.tokens.access_ttl, trial_token_life);
}

void print_demo(Application& application, const Settings& settings) {
  const std::string url = local_url(application.endpoints().front());
  std::string text = fmt::format(
      "demo users; their passwords are random and shown nowhere, their tokens work for {} s.\n"
      "To log in at {}/websocket-test.html, paste a token there and press Connect.\n",
      settings.tokens.access_ttl.count(), url);
  for (const DemoUser& user : demo_users) {
    const users::LocalLogin login = login_of(application, user.name, user.email, user.role);
    text += fmt::format(
        "\n{} <{}>, {}, user {}\n  token:  {}\n  listen: COROHUB_TOKEN={} {} listen --server {} --topic "
        "rooms/lobby\n"
        "  curl:   {}\n",
        login.account.name, login.account.email, name(login.account.role), login.account.id,
        login.access_token, login.access_token, own_path(), url, curl_of(user, url, login.access_token));
  }
  print_or_give_up(text + '\n');
}

}  // namespace corohub::server
