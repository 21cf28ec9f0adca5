// A password from standard input, or asked for on the terminal; never from the command line.
#pragma once

#include "core/secret.hpp"

namespace corohub::server {

// `from_stdin`: everything up to the end of input, without one trailing newline. Otherwise it is asked for
// twice without echo. Throws ConfigError when there is none, or it is longer than 4 KiB.
Secret read_password(bool from_stdin);

}  // namespace corohub::server
