#include "auth/authenticator.hpp"

#include "auth_support.hpp"
#include "support/manual_clock.hpp"
#include "support/run_task.hpp"
#include "support/temp_dir.hpp"

#include <functional>
#include <map>
#include <string>

#include <boost/asio/post.hpp>
#include <gtest/gtest.h>

namespace corohub::auth {
namespace {

using corohub::test::run_task;

class AuthenticatorTest : public testing::Test {
 protected:
  Task<Result<AccountRef>> load(UserId id) {
    ++reads;
    if (broken) co_return Error(ErrorCode::storage_unavailable);
    const auto found = stored.find(id);
    if (found == stored.end()) co_return AccountRef();
    co_return found->second;
  }
  // A change as the shard sees it: storage, then the control entry.
  void change(const std::function<void(Account&)>& how) {
    auto changed = std::make_shared<Account>(*stored.at(42));
    how(*changed);
    stored[42] = changed;
    accounts.apply(42, changed);
  }
  Result<Principal> authenticate(std::string text) {
    return run_task([&] { return authenticator.authenticate(text); });
  }
  ErrorCode refusal(const Result<Principal>& result) {
    return result ? ErrorCode::internal_error : result.error().code;
  }

  corohub::test::TempDir directory;
  corohub::test::ManualClock clock;
  KeyStore keys{directory.path() / "keys.json", clock};
  Tokens tokens{keys, {}, clock};
  const SessionId session = SessionId::random();
  std::map<UserId, AccountRef> stored{{42, test::make_account(42, session)}};
  AccountCache accounts{[this](UserId id) { return load(id); }, 10};
  Authenticator authenticator{tokens, accounts, clock};
  const std::string token = tokens.issue(*stored.at(42), session);
  int reads = 0;
  bool broken = false;
};

TEST_F(AuthenticatorTest, a_live_login_is_a_principal_with_the_live_account) {
  const Result<Principal> principal = authenticate(token);
  ASSERT_TRUE(principal);
  EXPECT_EQ(principal->account, stored.at(42));
  EXPECT_EQ(principal->session, session);
  EXPECT_EQ(principal->token_expires_at, (clock.unix_ms() + 999) / 1000 + 900);
  EXPECT_TRUE(authenticate(token));
  EXPECT_EQ(reads, 1);
}

TEST_F(AuthenticatorTest, does_not_suspend_for_a_cached_account) {
  ASSERT_TRUE(authenticate(token));
  asio::io_context context(1);
  bool others_ran = false;
  bool others_ran_before_the_answer = true;
  run_task(context, [&]() -> Task<bool> {
    asio::post(context, [&] { others_ran = true; });
    const Result<Principal> principal = co_await authenticator.authenticate(token);
    others_ran_before_the_answer = others_ran;
    co_return principal.has_value();
  });
  EXPECT_FALSE(others_ran_before_the_answer);
}

TEST_F(AuthenticatorTest, T1_a_bad_token_reads_nothing) {
  for (const char* bad : {"", "x", "a.b.c"}) EXPECT_EQ(refusal(authenticate(bad)), ErrorCode::invalid_token);
  EXPECT_EQ(refusal(authenticate(token.substr(0, token.size() - 4) + "AAAA")), ErrorCode::invalid_token);
  EXPECT_EQ(reads, 0);
}

TEST_F(AuthenticatorTest, T31_rights_come_from_the_live_role_and_not_from_the_claim) {
  ASSERT_TRUE(authenticate(token));
  change([](Account& account) { account.role = Role::superadmin; });
  EXPECT_EQ(authenticate(token)->role(), Role::superadmin);
}

TEST_F(AuthenticatorTest, T30_T31_an_outdated_token_version_is_refused) {
  change([](Account& account) { account.token_version = 5; });
  EXPECT_EQ(refusal(authenticate(token)), ErrorCode::invalid_token);
  EXPECT_TRUE(authenticate(tokens.issue(*stored.at(42), session)));
  change([](Account& account) { account.token_version = 4; });
  EXPECT_TRUE(authenticate(token));
}

TEST_F(AuthenticatorTest, T29_a_login_that_ended_is_refused) {
  ASSERT_TRUE(authenticate(token));
  change([](Account& account) { account.sessions = {SessionId::random()}; });
  const Result<Principal> refused = authenticate(token);
  EXPECT_EQ(refusal(refused), ErrorCode::invalid_token);
  EXPECT_EQ(refused.error().cause, "login has ended");
}

TEST_F(AuthenticatorTest, T32_a_disabled_or_deleted_user_is_refused) {
  change([](Account& account) { account.status = UserStatus::disabled; });
  EXPECT_EQ(refusal(authenticate(token)), ErrorCode::invalid_token);
  stored.clear();
  accounts.apply(42, nullptr);
  EXPECT_EQ(refusal(authenticate(token)), ErrorCode::invalid_token);
}

TEST_F(AuthenticatorTest, every_refusal_reads_the_same) {
  const std::string detail = authenticate("x").error().detail;
  change([](Account& account) { account.status = UserStatus::disabled; });
  EXPECT_EQ(authenticate(token).error().detail, detail);
}

TEST_F(AuthenticatorTest, storage_errors_are_no_refusals) {
  broken = true;
  EXPECT_EQ(refusal(authenticate(token)), ErrorCode::storage_unavailable);
  broken = false;
  EXPECT_TRUE(authenticate(token));
}

TEST_F(AuthenticatorTest, T36_resumes_a_login_proved_by_a_ticket_until_its_token_would_have_ended) {
  const auto resume = [&](UserId user, const SessionId& login, std::int64_t expires_at) {
    return run_task([&] { return authenticator.resume(user, login, expires_at, keys.ring()->active().id); });
  };
  const std::int64_t now = clock.unix_ms() / 1000;
  const Result<Principal> principal = resume(42, session, now + 1);
  ASSERT_TRUE(principal);
  EXPECT_EQ(principal->token_expires_at, now + 1);
  EXPECT_EQ(refusal(resume(42, session, now)), ErrorCode::invalid_token);
  EXPECT_EQ(refusal(resume(42, SessionId::random(), now + 1)), ErrorCode::invalid_token);
  EXPECT_EQ(refusal(resume(43, session, now + 1)), ErrorCode::invalid_token);
  change([](Account& account) { account.status = UserStatus::disabled; });
  EXPECT_EQ(refusal(resume(42, session, now + 1)), ErrorCode::invalid_token);
}

TEST_F(AuthenticatorTest, judges_again_by_what_is_cached_now) {
  const Principal before = *authenticate(token);
  ASSERT_TRUE(authenticator.check_again(before));
  change([](Account& account) { account.role = Role::admin; });
  EXPECT_EQ(authenticator.check_again(before)->role(), Role::admin);

  change([](Account& account) { account.token_version = 5; });
  EXPECT_EQ(refusal(authenticator.check_again(before)), ErrorCode::invalid_token);
  change([](Account& account) { account.token_version = 4; });
  EXPECT_TRUE(authenticator.check_again(before));
  change([](Account& account) { account.sessions.clear(); });
  EXPECT_FALSE(authenticator.check_again(before));
}

TEST_F(AuthenticatorTest, T32_judging_again_refuses_a_user_the_cache_no_longer_knows) {
  const Principal before = *authenticate(token);
  accounts.apply(42, nullptr);
  EXPECT_EQ(refusal(authenticator.check_again(before)), ErrorCode::invalid_token);
}

TEST_F(AuthenticatorTest, judging_again_sees_that_the_token_has_ended) {
  const Principal before = *authenticate(token);
  clock.step_wall(std::chrono::seconds(901));
  EXPECT_EQ(refusal(authenticator.check_again(before)), ErrorCode::invalid_token);
}

}  // namespace
}  // namespace corohub::auth
