// The whole application in this process, on free ports and a directory of its own, for integration tests.
#pragma once

#include "server/application.hpp"
#include "support/http_client.hpp"
#include "support/temp_dir.hpp"
#include "support/ws_client.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

namespace corohub::test {

// Someone with an account and a login.
struct TestUser {
  std::int64_t id = 0;
  std::string email;
  std::string password;
  std::string access_token;
  std::string refresh_token;
};

class TestServer {
 public:
  using Adjust = std::function<void(server::Settings&)>;

  // Two shards, a cheap password hash, every caller exempt from limits, no spread at the end; `adjust` may
  // change all of it.
  explicit TestServer(Adjust adjust = {});
  ~TestServer() = default;

  std::uint16_t port() const { return application_->endpoints().front().port(); }
  std::uint16_t admin_port() const { return application_->admin_endpoint()->port(); }
  server::Application& application() { return *application_; }
  const std::filesystem::path& data_dir() const { return directory_.path(); }

  bool stop() { return application_->stop(); }
  // Ends, so that the data directory is nobody's until the next restart().
  void end() { application_.reset(); }
  // Ends and begins again on the same data; the ports change.
  void restart();

  HttpClient client() const { return HttpClient(port()); }
  WsClient connect(const TestUser& user) const { return WsClient(port(), user.access_token); }

  // Throw when the server refuses.
  TestUser register_user(const std::string& name);
  TestUser superadmin();  // the first call uses the set-up link; later ones log in
  TestUser admin(const std::string& name);
  TestUser log_in(const std::string& email, const std::string& password);

 private:
  TempDir directory_;
  server::Settings settings_;
  std::unique_ptr<server::Application> application_;
  std::optional<TestUser> superadmin_;
};

}  // namespace corohub::test
