// `corohub doctor`: says what would keep a server with this configuration from starting or serving well, and
// changes nothing.
#include "core/printable.hpp"
#include "server/commands.hpp"
#include "server/control_socket.hpp"
#include "server/listen_address.hpp"
#include "server/open_doors.hpp"
#include "server/output.hpp"
#include "server/process.hpp"

#include <filesystem>

#include <boost/asio/error.hpp>
#include <fmt/format.h>

#include <sys/stat.h>
#include <unistd.h>

namespace corohub::server {
namespace {

namespace fs = std::filesystem;

class Report {
 public:
  void good(std::string_view what, std::string_view detail) const { line("ok", what, detail); }
  void doubtful(std::string_view what, std::string_view detail) const { line("warn", what, detail); }
  void bad(std::string_view what, std::string_view detail) {
    line("FAIL", what, detail);
    failed_ = true;
  }
  bool failed() const noexcept { return failed_; }

 private:
  static void line(std::string_view verdict, std::string_view what, std::string_view detail) {
    print(fmt::format("{:<5} {:<16} {}\n", verdict, what, printable(detail)));
  }
  bool failed_ = false;
};

bool others_may_read(const fs::path& path) {
  struct stat status{};
  return ::stat(path.c_str(), &status) == 0 && (status.st_mode & 077) != 0;
}

void check_directory(Report& report, const Settings& settings) {
  const fs::path directory(settings.data_dir);
  if (!fs::exists(directory))
    return report.good("data directory", settings.data_dir + " will be made on first start");
  if (::access(directory.c_str(), R_OK | W_OK | X_OK) != 0)
    return report.bad("data directory", settings.data_dir + " cannot be written by this user");
  if (others_may_read(directory))
    report.doubtful("data directory", settings.data_dir + " is open to other users; chmod 700 closes it");
  else
    report.good("data directory", settings.data_dir);
  for (const char* name : {"keys.json", "corohub.db"}) {
    const fs::path file = directory / name;
    if (!fs::exists(file)) continue;
    if (others_may_read(file))
      report.bad(name, "is readable by other users; chmod 600 closes it");
    else
      report.good(name, "is private");
  }
}

void check_disk(Report& report, const Settings& settings) {
  fs::path path = fs::absolute(settings.data_dir);
  while (!fs::exists(path) && path.has_relative_path()) path = path.parent_path();
  std::error_code failure;
  const fs::space_info space = fs::space(path, failure);
  if (failure) return report.bad("disk", failure.message());
  const std::string free = fmt::format("{} MiB free", space.available >> 20);
  if (space.available < settings.disk_free_min_bytes)
    report.doubtful("disk", free + ", less than health.disk_free_min_bytes");
  else
    report.good("disk", free);
}

void check_port(Report& report, const std::string& text) {
  for (const auto& endpoint : parse_listen("server.listen", text).endpoints) {
    const boost::system::error_code failure = try_bind(endpoint);
    if (failure == boost::asio::error::address_in_use)
      report.bad("port", text + " is in use");
    else if (failure)
      report.doubtful("port", fmt::format("{}: {}", text, failure.message()));
    else
      report.good("port", text + " is free");
  }
}

void check_descriptors(Report& report, const Settings& settings) {
  const std::size_t limit = descriptor_limit();
  const std::string text = fmt::format("{} may be open", limit);
  if (limit < settings.http.connections_max)
    report.doubtful("descriptors", text + ", fewer than http.connections_max; raise the limit (ulimit -Hn)");
  else
    report.good("descriptors", text);
}

}  // namespace

int run_doctor(const Invocation& invocation) {
  Report report;
  Settings settings;
  try {
    settings = load_settings(invocation);
    report.good("configuration", "can be used");
  } catch (const ConfigError& error) {
    report.bad("configuration", error.what());
    return EXIT_FAILURE;
  }
  prepare_process();
  check_directory(report, settings);
  check_disk(report, settings);
  check_descriptors(report, settings);
  for (const OpenDoor& door : open_doors(settings)) report.doubtful(door.event, door.why);
  if (ask_server(settings.data_dir, {{"command", "status"}})) {
    report.good("server", "runs on this data directory");
  } else {
    for (const std::string& address : settings.listen) check_port(report, address);
    if (!settings.admin_listen.empty()) check_port(report, settings.admin_listen);
  }
  return report.failed() ? EXIT_FAILURE : EXIT_SUCCESS;
}

}  // namespace corohub::server
