#include "server/password_input.hpp"

#include "server/settings.hpp"

#include <array>
#include <iostream>
#include <string>

#include <fmt/format.h>

#include <termios.h>
#include <unistd.h>

namespace corohub::server {
namespace {

constexpr std::size_t password_bytes_max = 4096;

// Takes one line end off, as any system writes it.
void drop_line_end(std::string& text) {
  if (!text.ends_with('\n')) return;
  text.pop_back();
  if (text.ends_with('\r')) text.pop_back();
}

Secret read_all(std::string_view what) {
  std::string text;
  std::array<char, 1024> buffer{};
  for (;;) {
    const ssize_t count = ::read(STDIN_FILENO, buffer.data(), buffer.size());
    if (count <= 0) break;
    text.append(buffer.data(), static_cast<std::size_t>(count));
    if (text.size() > password_bytes_max)
      throw ConfigError(fmt::format("the {} on standard input is too long", what));
  }
  buffer.fill('\0');
  drop_line_end(text);
  return Secret(std::move(text));
}

// Switches echo off for as long as the object lives.
class QuietTerminal {
 public:
  QuietTerminal() {
    ::tcgetattr(STDIN_FILENO, &before_);
    termios quiet = before_;
    quiet.c_lflag &= ~static_cast<tcflag_t>(ECHO);
    ::tcsetattr(STDIN_FILENO, TCSAFLUSH, &quiet);
  }
  ~QuietTerminal() { ::tcsetattr(STDIN_FILENO, TCSAFLUSH, &before_); }
  QuietTerminal(const QuietTerminal&) = delete;
  QuietTerminal& operator=(const QuietTerminal&) = delete;

 private:
  termios before_{};
};

void require_terminal() {
  if (::isatty(STDIN_FILENO) == 0)
    throw ConfigError("give the password on standard input with --password-stdin");
}

Secret ask(const char* question) {
  std::cerr << question << std::flush;
  std::string text;
  std::getline(std::cin, text);
  std::cerr << '\n';
  if (text.size() > password_bytes_max) throw ConfigError("the password is too long");
  return Secret(std::move(text));
}

}  // namespace

Secret read_secret_from_stdin(std::string_view what) {
  Secret secret = read_all(what);
  if (secret.empty()) throw ConfigError(fmt::format("there is no {} on standard input", what));
  return secret;
}

Secret read_known_password(bool from_stdin) {
  if (from_stdin) return read_secret_from_stdin("password");
  require_terminal();
  const QuietTerminal quiet;
  return ask("Password: ");
}

Secret read_password(bool from_stdin) {
  if (from_stdin) return read_secret_from_stdin("password");
  require_terminal();
  const QuietTerminal quiet;
  Secret password = ask("Password: ");
  const Secret again = ask("Again: ");
  if (password.empty() || password.reveal() != again.reveal())
    throw ConfigError("the two passwords are not the same");
  return password;
}

}  // namespace corohub::server
