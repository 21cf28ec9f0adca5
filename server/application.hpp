// The server as one object: made from settings, started, stopped. main() runs one; tests run many in one
// process.
#pragma once

#include "core/clock.hpp"
#include "core/error.hpp"
#include "http/router.hpp"
#include "server/settings.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <boost/asio/ip/tcp.hpp>

namespace corohub::server {

class Application {
 public:
  using Endpoint = boost::asio::ip::tcp::endpoint;

  // Nothing happens yet. Throws ConfigError for settings that contradict each other.
  explicit Application(Settings settings, const Clock& clock = system_clock());
  ~Application();  // stop()
  Application(const Application&) = delete;
  Application& operator=(const Application&) = delete;

  // Opens the data directory, listens, and serves on threads of its own once it returns. Throws
  // storage::StartError with the exit code and one line of why.
  void start();

  // Drains and ends: every client is told, everything accepted is finished. Blocks, for at most
  // drain.total. False if something had to be cut off. Idempotent; call from one thread.
  bool stop();

  // ---- once started; any thread ----
  const std::vector<Endpoint>& endpoints() const noexcept;  // of the public listeners
  std::optional<Endpoint> admin_endpoint() const noexcept;
  // The one-time token for the first superadmin, while there is none. Print it; never log it.
  const std::optional<std::string>& setup_token() const noexcept;
  // What the public listeners serve; /openapi.json is compared with it.
  const http::Router& router() const noexcept;
  // A fresh login of the account with this address, which is made first if there is none, with a password
  // nobody knows. For --ephemeral and --demo. Blocks.
  Result<users::LocalLogin> provide_login(std::string name, std::string email, Role role);
  // SIGHUP: reads the signing keys again.
  Result<> reload_keys();

 private:
  struct State;

  Settings settings_;
  const Clock& clock_;
  std::unique_ptr<State> state_;
};

}  // namespace corohub::server
