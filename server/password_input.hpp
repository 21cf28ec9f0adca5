// A password from standard input, or asked for on the terminal; never from the command line.
#pragma once

#include "core/secret.hpp"

namespace corohub::server {

// A new password. `from_stdin`: everything up to the end of input, without one trailing newline. Otherwise
// the user is asked for it twice without echo. Throws ConfigError when there is none, or when it is longer
// than 4 KiB.
Secret read_password(bool from_stdin);
// A password that exists already: the user is asked for it once.
Secret read_known_password(bool from_stdin);
// Standard input to its end, without one trailing newline. ConfigError when it is empty.
Secret read_secret_from_stdin(std::string_view what);

}  // namespace corohub::server
