#include "auth/account_cache.hpp"
#include "auth/authenticator.hpp"
#include "house.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace corohub::users::test {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

class ConnectionLoginTest : public testing::Test {
 protected:
  Result<auth::Principal> log_in(std::string email, std::string_view text,
                                 const std::string& ip = "192.0.2.7", bool exempt = false) {
    auth::PasswordLogin::Caller caller;
    caller.address = boost::asio::ip::make_address(ip);
    caller.user_agent = "client/1";
    caller.exempt = exempt;
    return house_.run([&]() -> Task<Result<auth::Principal>> {
      co_return co_await house_.users().password_login().log_in(email, Secret(std::string(text)), caller);
    });
  }
  // What log_out() asked for is behind everything that was asked before.
  void log_out(const auth::Principal& login) {
    house_.users().password_login().log_out(login);
    house_.run(
        [&]() -> Task<Result<>> { co_return co_await house_.users().record_deed("settled", {}, "test"); });
  }
  std::string code(const Result<auth::Principal>& login) {
    return login ? std::string() : std::string(name(login.error().code));
  }
  std::size_t logins_of(const std::string& email) {
    return house_
        .run([&]() -> Task<Result<json::array>> { co_return co_await house_.users().logins(email, false); })
        .value()
        .size();
  }

  House house_;
  Person ann_ = house_.person("ann");
};

TEST_F(ConnectionLoginTest, is_a_login_like_others_for_as_long_as_an_access_token) {
  house_.happened();
  const Result<auth::Principal> login = log_in("ANN@example.com", password);
  ASSERT_TRUE(login) << code(login);
  EXPECT_EQ(login->user_id(), ann_.id);
  EXPECT_TRUE(login->account->has_session(login->session));
  EXPECT_EQ(login->token_expires_at, (house_.clock().unix_ms() + 999) / 1000 + 900);
  EXPECT_FALSE(login->key_id.empty());
  EXPECT_THAT(house_.happened(), ElementsAre("account: user, 2 logins (session_revoked)"));
  EXPECT_THAT(house_.audit(), Contains("login ok"));
  EXPECT_EQ(logins_of(ann_.email), 2U);
  house_.clock().advance(std::chrono::seconds(901));
  EXPECT_EQ(logins_of(ann_.email), 1U) << "its end may have been lost";
}

TEST_F(ConnectionLoginTest, ends_with_its_connection_and_pushes_out_no_other) {
  for (int i = 0; i < 30; ++i) {
    const Result<auth::Principal> login = log_in(ann_.email, password, "192.0.2.7", true);
    ASSERT_TRUE(login);
    log_out(*login);
  }
  EXPECT_EQ(logins_of(ann_.email), 1U);
  EXPECT_TRUE(house_.is_live(ann_));
  EXPECT_THAT(house_.audit(), Contains("logout ok"));
}

TEST_F(ConnectionLoginTest, ends_once_however_often_it_is_told) {
  const Result<auth::Principal> login = log_in(ann_.email, password);
  ASSERT_TRUE(login);
  log_out(*login);
  house_.person("eve");  // whose registration is written behind the logout, for which nobody waits
  house_.happened();
  log_out(*login);
  EXPECT_THAT(house_.happened(), IsEmpty());
  auth::Principal foreign = *login;
  const Person bob = house_.person("bob");
  const Result<auth::Principal> of_bob = log_in(bob.email, password);
  ASSERT_TRUE(of_bob);
  foreign.session = of_bob->session;
  log_out(foreign);
  EXPECT_EQ(logins_of(bob.email), 2U) << "another account's";
}

TEST_F(ConnectionLoginTest, T37_what_is_wrong_is_not_told) {
  EXPECT_EQ(code(log_in(ann_.email, "wrong-one")), "invalid_credentials");
  EXPECT_EQ(code(log_in("nobody@example.com", password)), "invalid_credentials");
  EXPECT_EQ(code(log_in("", password)), "invalid_credentials");
  EXPECT_EQ(code(log_in(ann_.email, "")), "invalid_credentials");
  EXPECT_EQ(code(log_in(ann_.email, std::string(100'000, 'x'))), "invalid_credentials");
  EXPECT_EQ(code(log_in("\xff\xfe@example.com", "\xff")), "invalid_credentials");
}

TEST_F(ConnectionLoginTest, T38_failures_count_with_those_of_the_route) {
  for (int i = 0; i < 5; ++i) EXPECT_EQ(code(log_in(ann_.email, "wrong-one")), "invalid_credentials");
  EXPECT_EQ(code(log_in(ann_.email, password)), "rate_limited") << "the delay of the account";
  for (int i = 0; i < 5; ++i) log_in("u" + std::to_string(i) + "@example.com", "wrong-one");
  Ask by_route{Method::post, "/api/v1/auth/login", R"({"email":"bob@example.com","password":"wrong-one"})"};
  by_route.exempt = false;
  EXPECT_EQ(house_.ask(by_route).status, 429) << "ten of the address";
  EXPECT_THAT(house_.audit(), Contains("login.failed denied"));
}

TEST_F(ConnectionLoginTest, T38_successes_cost_the_address_nothing) {
  for (int i = 0; i < 20; ++i) ASSERT_TRUE(log_in(ann_.email, password));
}

}  // namespace
}  // namespace corohub::users::test
