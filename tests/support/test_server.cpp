#include "support/test_server.hpp"

#include "support/prepared_database.hpp"

#include <stdexcept>

namespace corohub::test {
namespace {

const std::string test_password = "secure123";

TestUser user_of(const HttpAnswer& answer, std::string email, std::string password) {
  if (answer.status != 200 && answer.status != 201)
    throw std::runtime_error("refused with " + std::to_string(answer.status) + ": " + answer.body);
  TestUser user;
  user.id = answer.at("data.user.id").as_int64();
  user.email = std::move(email);
  user.password = std::move(password);
  user.access_token = answer.at("data.access_token").as_string();
  user.refresh_token = answer.at("data.refresh_token").as_string();
  return user;
}

std::string email_of(const std::string& name) { return name + "@example.com"; }

}  // namespace

TestServer::TestServer(Adjust adjust) {
  settings_.listen = {"127.0.0.1:0"};
  settings_.admin_listen = "127.0.0.1:0";
  settings_.data_dir = directory_.path().string();
  settings_.shards = 2;
  settings_.password.memory_kib = 64;
  settings_.password.passes = 1;
  settings_.exempt_cidrs = {"127.0.0.0/8"};
  settings_.drain.spread = std::chrono::milliseconds(0);
  copy_prepared_database(directory_.path());
  if (adjust) adjust(settings_);
  application_ = std::make_unique<server::Application>(settings_);
  application_->start();
}

void TestServer::restart() {
  application_.reset();
  application_ = std::make_unique<server::Application>(settings_);
  application_->start();
}

TestUser TestServer::register_user(const std::string& name) {
  const HttpAnswer answer = client().post(
      "/api/v1/auth/register", {{"name", name}, {"email", email_of(name)}, {"password", test_password}});
  return user_of(answer, email_of(name), test_password);
}

TestUser TestServer::superadmin() {
  if (superadmin_) return *superadmin_ = log_in(superadmin_->email, superadmin_->password);
  const std::string name = "root";
  const HttpAnswer answer = client().post("/api/v1/setup", {{"token", application_->setup_token().value()},
                                                            {"name", name},
                                                            {"email", email_of(name)},
                                                            {"password", test_password}});
  superadmin_ = user_of(answer, email_of(name), test_password);
  return *superadmin_;
}

TestUser TestServer::admin(const std::string& name) {
  const TestUser root = superadmin();
  const TestUser user = register_user(name);
  const HttpAnswer answer = client().put("/api/v1/admin/users/" + std::to_string(user.id) + "/role",
                                         {{"role", "admin"}}, root.access_token);
  if (answer.status != 200) throw std::runtime_error("no promotion: " + answer.body);
  return log_in(user.email, user.password);
}

TestUser TestServer::log_in(const std::string& email, const std::string& password) {
  return user_of(client().post("/api/v1/auth/login", {{"email", email}, {"password", password}}), email,
                 password);
}

}  // namespace corohub::test
