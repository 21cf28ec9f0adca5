// `corohub config check|show|defaults`.
#include "server/commands.hpp"
#include "server/output.hpp"

#include <cstdlib>

namespace corohub::server {

int run_config(const Invocation& invocation) {
  if (invocation.command == Command::config_defaults) {
    print(invocation.markdown ? to_markdown() : to_toml(Settings(), true));
    return EXIT_SUCCESS;
  }
  const Settings settings = load_settings(invocation);
  if (invocation.command == Command::config_check)
    print("the configuration can be used\n");
  else
    print(to_toml(settings, false));
  return EXIT_SUCCESS;
}

}  // namespace corohub::server
