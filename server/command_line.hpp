// The command line as values. CLI11 only splits it; names and values of settings are judged by the settings
// table.
#pragma once

#include "server/settings.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace corohub::server {

enum class Command : std::uint8_t {
  help,
  version,
  serve,
  user_create,
  user_list,
  user_set_role,
  user_set_password,
  user_disable,
  user_enable,
  user_delete,
  user_reset_link,
  user_sessions,
  keys_rotate,
  backup,
  restore,
  epoch_new,
  config_check,
  config_show,
  config_defaults,
  doctor,
  login,
  listen,
  broadcast,
  publish,
  flags_import,
  flags_export,
  flags_eval,
};

// What the commands that speak to a server are told.
struct ClientArguments {
  std::string server = "http://localhost:8080";
  bool token_stdin = false;
  bool print_token = false;         // login
  std::string since;                // listen
  std::vector<std::string> topics;  // listen
  std::string types;                // listen
  std::string message;              // broadcast
  std::string priority = "normal";  // broadcast
  std::optional<std::int64_t> to_user;
  std::optional<std::string> to_role;
  std::string topic;  // publish
  std::string data;   // publish
  bool text = false;  // publish
  std::string type = "message";
  std::string idempotency_key;
};

// What the commands of feature flags are told, beside the server.
struct FlagArguments {
  std::string name_space = "default";
  std::string environment = "default";
  std::string file;                     // import; "-": standard input
  std::string mode = "merge";           // import
  bool dry_run = false;                 // import
  bool lenient = false;                 // import
  std::string comment;                  // import
  bool plain = false;                   // export
  std::string key;                      // eval
  std::string context;                  // eval: JSON text; empty: none
  std::string as_client;                // eval
  std::optional<std::int64_t> as_user;  // eval
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
  std::string backup_file;  // backup and restore
  bool end_logins = false;  // user sessions
  ClientArguments client;
  FlagArguments flags;

  bool ephemeral = false;        // serve
  bool demo = false;             // serve
  bool exit_with_stdin = false;  // serve
};

// Throws ConfigError with one line that names the mistake and the nearest known name.
Invocation parse_command_line(int argc, const char* const* argv);

// Reads the file that `invocation` names and loads everything. Throws ConfigError.
Settings load_settings(const Invocation& invocation);

}  // namespace corohub::server
