// `corohub config check|show|defaults`.
#include "server/commands.hpp"

#include <cstdlib>
#include <iostream>

namespace corohub::server {

int run_config(const Invocation& invocation) {
  if (invocation.command == Command::config_defaults) {
    std::cout << (invocation.markdown ? to_markdown() : to_toml(Settings(), true));
    return EXIT_SUCCESS;
  }
  const Settings settings = load_settings(invocation);
  if (invocation.command == Command::config_check)
    std::cout << "the configuration can be used\n";
  else
    std::cout << to_toml(settings, false);
  return EXIT_SUCCESS;
}

}  // namespace corohub::server
