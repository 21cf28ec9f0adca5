#include "server/output.hpp"

#include "core/printable.hpp"

#include <cerrno>
#include <string>
#include <system_error>

#include <poll.h>
#include <unistd.h>

namespace corohub::server {
namespace {

// 0, or what went wrong.
int write_all(int descriptor, std::string_view text) noexcept {
  while (!text.empty()) {
    const ssize_t written = ::write(descriptor, text.data(), text.size());
    if (written >= 0) {
      text.remove_prefix(static_cast<std::size_t>(written));
    } else if (errno == EAGAIN) {  // somebody who shares it has made it non-blocking
      pollfd room{descriptor, POLLOUT, 0};
      ::poll(&room, 1, -1);
    } else if (errno != EINTR) {
      return errno;
    }
  }
  return 0;
}

}  // namespace

OutputError::OutputError(int error)
    : std::runtime_error("cannot write to standard output: " + std::generic_category().message(error)),
      error_(error) {}

bool OutputError::reader_gone() const noexcept { return error_ == EPIPE; }

void print(std::string_view text) {
  if (const int error = write_all(STDOUT_FILENO, text); error != 0) throw OutputError(error);
}

void complain(std::string_view what) noexcept {
  try {
    write_all(STDERR_FILENO, "corohub: " + printable(what) + '\n');
  } catch (...) {  // no memory for it
  }
}

}  // namespace corohub::server
