// The program: one command, one exit code, and for a failure one line on standard error.
#include "server/commands.hpp"
#include "server/output.hpp"
#include "server/services.hpp"

#include <csignal>
#include <cstdlib>

#include <boost/system/system_error.hpp>

namespace corohub::server {
namespace {

int run(const Invocation& invocation) {
  switch (invocation.command) {
    case Command::help:
      print(invocation.help);
      return EXIT_SUCCESS;
    case Command::version:
      print("corohub " COROHUB_VERSION "\n");
      return EXIT_SUCCESS;
    case Command::serve:
      return run_serve(invocation);
    case Command::config_check:
    case Command::config_show:
    case Command::config_defaults:
      return run_config(invocation);
    case Command::doctor:
      return run_doctor(invocation);
    case Command::user_create:
    case Command::user_list:
    case Command::user_set_role:
    case Command::user_set_password:
    case Command::user_disable:
    case Command::user_enable:
    case Command::user_delete:
    case Command::user_reset_link:
    case Command::user_sessions:
    case Command::keys_rotate:
    case Command::backup:
      return run_administration(invocation);
    case Command::restore:
    case Command::epoch_new:
      return run_offline(invocation);
    case Command::login:
    case Command::listen:
    case Command::broadcast:
    case Command::publish:
    case Command::flags_import:
    case Command::flags_export:
    case Command::flags_eval:
      return run_client(invocation);
  }
  return exit_software;
}

int fail(int code, const char* why) {
  complain(why);
  return code;
}

}  // namespace
}  // namespace corohub::server

int main(int argc, char** argv) {
  using namespace corohub::server;
  std::signal(SIGPIPE, SIG_IGN);  // a write says so itself
  // Whoever rotates log files asks servers by this signal to open theirs again; ours is standard error.
  std::signal(SIGUSR1, SIG_IGN);
  try {
    return run(parse_command_line(argc, argv));
  } catch (const ConfigError& error) {
    return fail(exit_usage, error.what());
  } catch (const corohub::storage::StartError& error) {
    return fail(error.exit_code, error.what());
  } catch (const OutputError& error) {
    return error.reader_gone() ? exit_io : fail(exit_io, error.what());
  } catch (const boost::system::system_error& error) {
    return fail(exit_io, error.what());
  } catch (const std::filesystem::filesystem_error& error) {
    return fail(exit_io, error.what());
  } catch (const std::exception& error) {
    return fail(exit_software, error.what());
  }
}
