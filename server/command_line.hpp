// The command line as values. CLI11 only splits it; names and values of settings are judged by the settings
// table.
#pragma once

#include "server/settings.hpp"

#include <cstdint>
#include <optional>
#include <string>

namespace corohub::server {

enum class Command : std::uint8_t {
  help,
  version,
  serve,
  user_create,
  user_list,
  user_set_role,
  user_set_password,
  keys_rotate,
  backup,
  config_check,
  config_show,
  config_defaults,
  doctor,
};

struct Invocation {
  Command command = Command::help;
  std::string help;         // Command::help: what to print
  std::string config_file;  // --config or COROHUB_CONFIG; empty: none
  ConfigSources sources;    // flags and environment; the file is not read yet
  bool markdown = false;    // config defaults --markdown

  std::string user_name;
  std::string email;
  std::string role = "user";
  std::optional<std::int64_t> age;
  bool password_stdin = false;
  std::string backup_file;
};

// Throws ConfigError with one line that names what was wrong and the nearest known name.
Invocation parse_command_line(int argc, const char* const* argv);

// Reads the file that `invocation` names and loads everything. Throws ConfigError.
Settings load_settings(const Invocation& invocation);

}  // namespace corohub::server
