// Each command of the command line; the result is the exit code. Commands write to standard output what was
// asked for, and throw what main() turns into one line on standard error.
#pragma once

#include "server/command_line.hpp"

namespace corohub::server {

int run_serve(const Invocation& invocation);
int run_doctor(const Invocation& invocation);
// The user, keys and backup commands: through the control socket, or alone on the data directory.
int run_administration(const Invocation& invocation);
// restore and epoch new: for a data directory that no server uses.
int run_offline(const Invocation& invocation);
int run_config(const Invocation& invocation);
// login, listen, broadcast, publish: to a server, as any client.
int run_client(const Invocation& invocation);

}  // namespace corohub::server
