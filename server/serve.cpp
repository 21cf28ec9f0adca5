// `corohub serve`: one application, from its start to the signal that ends it.
#include "core/log.hpp"
#include "server/application.hpp"
#include "server/commands.hpp"
#include "server/open_doors.hpp"
#include "server/output.hpp"
#include "server/process.hpp"
#include "server/service_variables.hpp"
#include "server/services.hpp"
#include "server/trials.hpp"

#include <array>
#include <csignal>
#include <cstdlib>
#include <optional>
#include <thread>

#include <boost/asio/buffer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <fmt/format.h>

#include <unistd.h>

namespace corohub::server {
namespace {

namespace asio = boost::asio;

struct LogLifetime {
  explicit LogLifetime(const log::Options& options) { log::start(options); }
  ~LogLifetime() { log::stop(); }
  LogLifetime(const LogLifetime&) = delete;
  LogLifetime& operator=(const LogLifetime&) = delete;
};

// To standard output, not to the log: the set-up link is a secret.
std::string welcome(const Application& application, const Settings& settings) {
  std::string text = fmt::format("corohub " COROHUB_VERSION ", data in {}\n", settings.data_dir);
  for (const auto& endpoint : application.endpoints())
    text += fmt::format("listening on {}\n", url_of(endpoint));
  if (const auto admin = application.admin_endpoint())
    text += fmt::format("admin listener on {} (/metrics)\n", url_of(*admin));
  const std::string url = local_url(application.endpoints().front());
  if (settings.pages)
    text += fmt::format("test client: {0}/websocket-test.html\nAPI reference: {0}/docs\n", url);
  if (const auto& token = application.setup_token())
    text += fmt::format(
        "\nThere is no superadmin yet. This link makes the first one; it works once, for {} minutes:\n  "
        "{}/setup#token={}\n\n",
        settings.users.setup_ttl.count() / 60, url, *token);
  return text;
}

// A server whose standard output is closed, full or read by nobody serves all the same. A user who asks for a
// trial waits for what it prints, so the trial ends without a reader.
void announce(Application& application, const Invocation& invocation, const Settings& settings) {
  if (invocation.ephemeral) return print_ephemeral(application, settings);
  try {
    print_or_give_up(welcome(application, settings));
  } catch (const OutputError& error) {
    log::warn("output.lost", {{"why", error.what()}});
  }
  if (invocation.demo) print_demo(application, settings);
}

std::string value_text(const Value& value) {
  if (const auto* number = std::get_if<std::int64_t>(&value)) return std::to_string(*number);
  if (const auto* flag = std::get_if<bool>(&value)) return *flag ? "true" : "false";
  if (const auto* text = std::get_if<std::string>(&value)) return *text;
  return fmt::format("{}", fmt::join(std::get<std::vector<std::string>>(value), " "));
}

void log_start(const Application& application, const Invocation& invocation, const Settings& settings) {
  log::info("start", {{"version", COROHUB_VERSION},
                      {"pid", ::getpid()},
                      {"data_dir", settings.data_dir},
                      {"descriptors", descriptor_limit()}});
  const Settings defaults;
  for (const Setting& setting : settings_table()) {
    if (setting.key.ends_with("listen")) continue;  // the bound addresses have lines of their own
    const Value value = setting.read(settings);
    if (value != setting.read(defaults))
      log::info("setting", {{"key", setting.key}, {"value", value_text(value)}});
  }
  for (const auto& endpoint : application.endpoints()) log::info("listening", {{"url", url_of(endpoint)}});
  if (const auto admin = application.admin_endpoint())
    log::info("listening.admin", {{"url", url_of(*admin)}});
  for (const auto& [name, value] : invocation.sources.environment)
    if (is_kubernetes_service_variable(name, value))
      log::debug("variable.ignored", {{"name", name}, {"why", "it has the shape of a Kubernetes service's"}});
  for (const OpenDoor& door : open_doors(settings)) log::warn(door.event, {{"why", door.why}});
}

// Waits for signals on the main thread while the application runs on its own.
class SignalLoop {
 public:
  // `temporary` goes even when the end is forced.
  SignalLoop(Application& application, const Invocation& invocation, const Settings& settings,
             const std::optional<TemporaryDirectory>& temporary)
      : application_(application),
        invocation_(invocation),
        temporary_(temporary),
        // The application's own deadline comes first; this one is for an end that hangs.
        end_max_(settings.drain.total + std::chrono::milliseconds(500)) {
    // A copy: closing it must not close the process's own.
    if (invocation.exit_with_stdin) stdin_.assign(::dup(STDIN_FILENO));
  }

  // The exit code.
  int run() {
    wait();
    if (invocation_.exit_with_stdin) wait_for_stdin();
    context_.run();
    if (stopper_.joinable()) stopper_.join();
    return clean_ ? EXIT_SUCCESS : EXIT_FAILURE;
  }

 private:
  void wait() {
    signals_.async_wait([this](boost::system::error_code cancelled, int signal) {
      if (cancelled) return;
      if (signal == SIGHUP)
        reload();
      else
        end(signal);
      wait();
    });
  }

  // The process that has started this one holds the other end of standard input, and has gone when it ends.
  void wait_for_stdin() {
    stdin_.async_read_some(asio::buffer(ignored_), [this](boost::system::error_code failure, std::size_t) {
      if (failure == asio::error::operation_aborted) return;
      if (!failure) return wait_for_stdin();
      if (!stopper_.joinable()) end(SIGTERM);
    });
  }

  void end(int signal) {
    if (stopper_.joinable()) leave(128 + signal);  // the second one: at once
    log::info("signal", {{"number", signal}});
    deadline_.expires_after(end_max_);
    deadline_.async_wait([this](boost::system::error_code cancelled) {
      if (!cancelled) leave(EXIT_FAILURE);
    });
    stopper_ = std::thread([this] {
      clean_ = application_.stop();
      asio::post(context_, [this] {
        signals_.cancel();
        deadline_.cancel();
        stdin_.close();
      });
    });
  }

  [[noreturn]] void leave(int exit_code) const {
    if (temporary_) temporary_->remove();
    ::_exit(exit_code);
  }

  void reload() {
    if (const Result<> reloaded = application_.reload_keys(); reloaded.has_error())
      log::error("reload.keys", {{"why", reloaded.error().cause.empty() ? reloaded.error().detail
                                                                        : reloaded.error().cause}});
    try {
      log::set_level(load_settings(invocation_).log.level);
      log::info("reload");
    } catch (const ConfigError& error) {
      log::error("reload.config", {{"why", error.what()}});
    }
  }

  Application& application_;
  const Invocation& invocation_;
  const std::optional<TemporaryDirectory>& temporary_;
  const std::chrono::milliseconds end_max_;
  asio::io_context context_{1};
  asio::signal_set signals_{context_, SIGTERM, SIGINT, SIGHUP};
  asio::steady_timer deadline_{context_};
  asio::posix::stream_descriptor stdin_{context_};
  std::array<char, 256> ignored_{};
  std::thread stopper_;
  bool clean_ = true;  // written by the stopper, read once it is joined
};

}  // namespace

int run_serve(const Invocation& invocation) {
  Settings settings = load_settings(invocation);
  prepare_process();
  std::optional<TemporaryDirectory> temporary;  // goes after the application
  if (invocation.ephemeral) make_ephemeral(settings, invocation, temporary.emplace().path());
  if (invocation.demo) make_demo(settings);
  const LogLifetime log(settings.log);
  Application application(settings);
  SignalLoop signals(application, invocation, settings, temporary);  // from here on a signal ends in a drain
  application.start();
  log_start(application, invocation, settings);
  announce(application, invocation, settings);
  const int exit_code = signals.run();
  log::info("end", {{"exit_code", exit_code}});
  return exit_code;
}

}  // namespace corohub::server
