// A password from standard input, or asked for on the terminal; never from the command line.
#pragma once

#include "core/secret.hpp"

namespace corohub::server {

// `from_stdin`: everything up to the end of input, without one trailing newline. Otherwise it is asked for
// twice without echo. Throws ConfigError when there is none, or it is longer than 4 KiB.
Secret read_password(bool from_stdin);
// One that exists: asked for once.
Secret read_known_password(bool from_stdin);
// Standard input to its end, without one newline there. ConfigError when it is empty.
Secret read_secret_from_stdin(std::string_view what);

}  // namespace corohub::server
