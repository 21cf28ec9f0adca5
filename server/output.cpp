#include "server/output.hpp"

#include "core/printable.hpp"

#include <algorithm>
#include <cerrno>
#include <string>
#include <system_error>

#include <climits>

#include <poll.h>
#include <unistd.h>

namespace corohub::server {
namespace {

constexpr int forever = -1;
constexpr int patience_ms = 1000;

// Returns 0 or an errno; EAGAIN: nobody made room for so long. Where there is room, PIPE_BUF bytes at a time
// do not make the write wait.
int write_all(int descriptor, std::string_view text, int wait_ms) noexcept {
  while (!text.empty()) {
    pollfd room{descriptor, POLLOUT, 0};
    if (::poll(&room, 1, wait_ms) == 0) return EAGAIN;
    const ssize_t written =
        ::write(descriptor, text.data(), std::min(text.size(), static_cast<std::size_t>(PIPE_BUF)));
    if (written >= 0)
      text.remove_prefix(static_cast<std::size_t>(written));
    else if (errno != EINTR &&
             errno != EAGAIN)  // another process that shares the descriptor may have made it non-blocking
      return errno;
  }
  return 0;
}

void print_within(std::string_view text, int wait_ms) {
  if (const int error = write_all(STDOUT_FILENO, text, wait_ms); error != 0) throw OutputError(error);
}

}  // namespace

OutputError::OutputError(int error)
    : std::runtime_error("cannot write to standard output: " + std::generic_category().message(error)),
      error_(error) {}

bool OutputError::reader_gone() const noexcept { return error_ == EPIPE; }

void print(std::string_view text) { print_within(text, forever); }

void print_or_give_up(std::string_view text) { print_within(text, patience_ms); }

void complain(std::string_view what) noexcept {
  try {
    write_all(STDERR_FILENO, "corohub: " + printable(what) + '\n', patience_ms);
  } catch (...) {  // no memory for the line
  }
}

}  // namespace corohub::server
