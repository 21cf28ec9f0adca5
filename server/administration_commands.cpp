// `corohub user …`, `keys rotate` and `backup`: a request for Administration, answered by the running server
// or, when there is none, here.
#include "core/printable.hpp"
#include "server/administration.hpp"
#include "server/commands.hpp"
#include "server/control_socket.hpp"
#include "server/output.hpp"
#include "server/password_input.hpp"
#include "server/process.hpp"
#include "server/run_task.hpp"

#include <csignal>
#include <filesystem>
#include <memory>
#include <thread>
#include <utility>

#include <boost/asio/signal_set.hpp>
#include <boost/json/serialize.hpp>
#include <fmt/format.h>

namespace corohub::server {
namespace {

constexpr std::chrono::milliseconds busy_wait{
    1500};  // a server that is just starting or ending has the lock but no socket

json::object request_of(const Invocation& invocation) {
  json::object request;
  const auto put_password = [&] {
    request.emplace("password", read_password(invocation.password_stdin).reveal());
  };
  switch (invocation.command) {
    case Command::user_create:
      request = {{"command", "user.create"},
                 {"name", invocation.user_name},
                 {"email", invocation.email},
                 {"role", invocation.role}};
      if (invocation.age) request.emplace("age", *invocation.age);
      put_password();
      break;
    case Command::user_set_role:
      request = {{"command", "user.set_role"}, {"email", invocation.email}, {"role", invocation.role}};
      break;
    case Command::user_set_password:
      request = {{"command", "user.set_password"}, {"email", invocation.email}};
      put_password();
      break;
    case Command::user_disable:
    case Command::user_enable:
      request = {{"command", "user.set_status"},
                 {"email", invocation.email},
                 {"status", name(invocation.command == Command::user_enable ? UserStatus::active
                                                                            : UserStatus::disabled)}};
      break;
    case Command::user_delete:
      request = {{"command", "user.delete"}, {"email", invocation.email}};
      break;
    case Command::user_reset_link:
      request = {{"command", "user.reset_link"}, {"email", invocation.email}};
      break;
    case Command::user_sessions:
      request = {{"command", "user.sessions"}, {"email", invocation.email}, {"end", invocation.end_logins}};
      break;
    case Command::keys_rotate:
      request = {{"command", "keys.rotate"}};
      break;
    default:
      request = {{"command", "backup"}, {"file", std::filesystem::absolute(invocation.backup_file).string()}};
      break;
  }
  return request;
}

Task<json::object> run_until_answered(Administration& administration, json::object request,
                                      asio::signal_set& signals) {
  json::object answer = co_await administration.run(std::move(request));
  signals.cancel();  // or the loop would wait for the signals
  co_return answer;
}

// The data directory, opened here because no server has it.
class Alone {
 public:
  explicit Alone(const Settings& settings)
      : services_(settings, system_clock(), storage::Caller::command), administration_(services_, settings) {}
  ~Alone() {
    administration_.stop();
    services_.stop();
  }
  Alone(const Alone&) = delete;
  Alone& operator=(const Alone&) = delete;

  json::object run(const json::object& request) {
    asio::io_context context(1);
    // SIGTERM and SIGINT break off a long backup, which leaves nothing behind.
    asio::signal_set signals(context, SIGTERM, SIGINT);
    signals.async_wait([&](boost::system::error_code cancelled, int) {
      if (!cancelled) administration_.interrupt();
    });
    return run_here(context, run_until_answered(administration_, request, signals));
  }

 private:
  Services services_;
  Administration administration_;
};

// `alone` is made when no server answers, and then used for everything that is asked after that.
json::object ask(const Settings& settings, const json::object& request, std::unique_ptr<Alone>& alone) {
  const SteadyTime give_up = system_clock().steady() + busy_wait;
  while (!alone) {
    if (auto answer = ask_server(settings.data_dir, request)) return std::move(*answer);
    try {
      alone = std::make_unique<Alone>(settings);
    } catch (const storage::StartError& error) {
      if (error.exit_code != exit_busy || system_clock().steady() > give_up) throw;
      std::this_thread::sleep_for(std::chrono::milliseconds(100));
    }
  }
  return alone->run(request);
}

std::string text_of(const json::object& object, std::string_view member) {
  const json::value* value = object.if_contains(member);
  if (value == nullptr || value->is_null()) return "-";
  return printable(value->is_string() ? std::string(value->as_string()) : json::serialize(*value));
}

std::string user_heading() {
  return fmt::format("{:>6}  {:<10}  {:<8}  {:<24}  {:<32}  {}\n", "id", "role", "status", "created", "email",
                     "name");
}

std::string user_line(const json::object& user) {
  return fmt::format("{:>6}  {:<10}  {:<8}  {:<24}  {:<32}  {}\n", text_of(user, "id"), text_of(user, "role"),
                     text_of(user, "status"), text_of(user, "created_at"), text_of(user, "email"),
                     text_of(user, "name"));
}

void print_logins(const json::object& data) {
  std::string lines =
      fmt::format("{:<36}  {:<24}  {:<24}  {:<39}  {}\n", "id", "created", "last used", "address", "client");
  for (const json::value& value : data.at("sessions").as_array()) {
    const json::object& session = value.as_object();
    lines += fmt::format("{:<36}  {:<24}  {:<24}  {:<39}  {}\n", text_of(session, "id"),
                         text_of(session, "created_at"), text_of(session, "last_used_at"),
                         text_of(session, "ip"), text_of(session, "user_agent"));
  }
  if (data.at("ended") == true) lines += "all of them are ended\n";
  print(lines);
}

void print_answer(Command command, const json::value& data) {
  if (const auto* users = data.if_array()) {
    std::string lines;
    for (const json::value& user : *users) lines += user_line(user.as_object());
    return print(lines);
  }
  const json::object& object = data.as_object();
  if (command == Command::keys_rotate)
    print(fmt::format("tokens are signed with key {} from now on; the old key verifies for {} s more\n",
                      text_of(object, "kid"), text_of(object, "old_keys_verify_for_s")));
  else if (command == Command::backup)
    print(fmt::format("the database is copied to {}\n", text_of(object, "file")));
  else if (command == Command::user_delete)
    print(fmt::format("{} is deleted\n", text_of(object, "email")));
  else if (command == Command::user_reset_link)
    print(fmt::format("This path of the server sets a new password; it works once, for {} minutes:\n  {}\n",
                      object.at("expires_in").as_int64() / 60, text_of(object, "link")));
  else if (command == Command::user_sessions)
    print_logins(object);
  else
    print(user_line(object));
}

int exit_code_of(std::string_view code) {
  if (code == name(ErrorCode::storage_full) || code == name(ErrorCode::storage_unavailable)) return exit_io;
  if (code == name(ErrorCode::draining) || code == name(ErrorCode::overloaded)) return exit_busy;
  return EXIT_FAILURE;
}

bool is_ok(const json::object& answer) {
  const json::value* ok = answer.if_contains("ok");
  return ok != nullptr && *ok == true;
}

// Prints the answer. Returns the exit code.
int answer_of(Command command, const json::object& answer) {
  if (is_ok(answer)) {
    print_answer(command, answer.at("data"));
    return EXIT_SUCCESS;
  }
  complain(text_of(answer, "detail"));
  return exit_code_of(text_of(answer, "code"));
}

// Page by page, so that nobody keeps a million accounts in memory.
int list_users(const Settings& settings) {
  std::unique_ptr<Alone> alone;
  for (std::int64_t last = 0;;) {
    const json::object request{{"command", "user.list"}, {"after", last}};
    const json::object answer = ask(settings, request, alone);
    if (last == 0 && is_ok(answer)) print(user_heading());
    if (const int code = answer_of(Command::user_list, answer); code != EXIT_SUCCESS) return code;
    const json::array& page = answer.at("data").as_array();
    if (std::cmp_less(page.size(), users::Users::listed_users_max)) return EXIT_SUCCESS;
    last = page.back().as_object().at("id").to_number<std::int64_t>();
  }
}

}  // namespace

int run_administration(const Invocation& invocation) {
  const Settings settings = load_settings(invocation);
  if (invocation.command != Command::user_create && !std::filesystem::is_directory(settings.data_dir))
    throw storage::StartError(exit_io, fmt::format("there is no data directory {}", settings.data_dir));
  prepare_process();
  if (invocation.command == Command::user_list) return list_users(settings);
  std::unique_ptr<Alone> alone;
  return answer_of(invocation.command, ask(settings, request_of(invocation), alone));
}

}  // namespace corohub::server
