// Two ways to serve for a moment: `--ephemeral`, for other programs' test suites, and `--demo`, for people
// who want to see the server. Both print tokens on standard output, on purpose and never into the log, and
// both serve on loopback unless the settings say otherwise (a demo then refuses).
#pragma once

#include "server/application.hpp"
#include "server/command_line.hpp"

#include <filesystem>
#include <string>

namespace corohub::server {

// A temporary directory, 0700, which is removed with the object.
class TemporaryDirectory {
 public:
  TemporaryDirectory();  // throws std::filesystem::filesystem_error
  ~TemporaryDirectory();
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;

  const std::filesystem::path& path() const noexcept { return path_; }
  void remove() const noexcept;

 private:
  std::filesystem::path path_;
};

// Settings that are left at their defaults become: a free port of 127.0.0.1, no admin listener, no limits for
// callers from this machine, cheap password hashes, tokens for a day, an end without a spread. Throws
// ConfigError when a data directory was asked for.
void make_ephemeral(Settings& settings, const Invocation& invocation, const std::filesystem::path& directory);
// Prints one line of JSON: where the server is, and as whom to begin. Throws StartError.
void print_ephemeral(Application& application, const Settings& settings);

// Sets tokens for a day. Throws ConfigError unless every listener is on loopback.
void make_demo(Settings& settings);
// Prints three users, their tokens, and what to paste. Throws StartError.
void print_demo(Application& application, const Settings& settings);

// http://ADDRESS:PORT.
std::string url_of(const Application::Endpoint& endpoint);
// The address by which a browser on this machine reaches the server.
std::string local_url(const Application::Endpoint& endpoint);

}  // namespace corohub::server
