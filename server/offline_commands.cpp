// `corohub restore` and `epoch new`: on the data directory itself, while no server uses it.
#include "core/clock.hpp"
#include "core/printable.hpp"
#include "server/commands.hpp"
#include "server/output.hpp"
#include "server/process.hpp"
#include "server/services.hpp"
#include "storage/storage.hpp"

#include <filesystem>

#include <fmt/format.h>

namespace corohub::server {
namespace {

std::string summary(const storage::Restored& restored, const std::string& file) {
  std::string text = fmt::format("restored {}: {} users, events up to {}, new epoch {}\n", printable(file),
                                 restored.users, restored.head.seq, restored.head.epoch);
  text += fmt::format("{} logins and all password links have ended\n", restored.sessions_ended);
  if (restored.service_keys.empty()) text += "no service keys came back with it\n";
  for (const std::string& key : restored.service_keys)
    text += fmt::format("service key {} works (again); revoke it if it was revoked since\n", printable(key));
  if (restored.client_keys > 0)
    text += fmt::format("{} keys of clients work (again); revoke those that were revoked since\n",
                        restored.client_keys);
  if (!restored.previous.empty())
    text += fmt::format("what was there is kept as {}\n", printable(restored.previous.string()));
  return text;
}

storage::DataDirectory take(const std::string& path) {
  try {
    return storage::DataDirectory(path, storage::Caller::command);
  } catch (const storage::StartError& error) {
    if (error.exit_code != exit_busy) throw;
    throw storage::StartError(exit_busy, std::string(error.what()) + "; stop it first");
  }
}

}  // namespace

int run_offline(const Invocation& invocation) {
  const Settings settings = load_settings(invocation);
  prepare_process();
  if (invocation.command == Command::epoch_new && !std::filesystem::is_directory(settings.data_dir))
    throw storage::StartError(exit_io, fmt::format("there is no data directory {}", settings.data_dir));
  const storage::DataDirectory directory = take(settings.data_dir);
  if (invocation.command == Command::restore) {
    print(summary(storage::restore_database(directory, invocation.backup_file, system_clock().unix_ms()),
                  invocation.backup_file));
  } else {
    const storage::LogHead head = storage::renew_epoch(directory);
    print(fmt::format("the log has epoch {} from now on; positions of the old one are answered with a gap\n",
                      head.epoch));
  }
  return EXIT_SUCCESS;
}

}  // namespace corohub::server
