#include "users/expiry.hpp"

#include "support/test_database.hpp"
#include "users/audit.hpp"
#include "users/credential_repository.hpp"
#include "users/login_repository.hpp"
#include "users/password_check.hpp"

#include <gtest/gtest.h>

namespace corohub::users {
namespace {

using storage::Nothing;
using storage::UnitOfWork;

constexpr std::int64_t hour_ms = 3'600'000;

class Expiry : public testing::Test {
 protected:
  template <class F>
  void write(F function) {
    auto unit = [&](UnitOfWork& work) -> Result<Nothing> {
      function(work);
      return Nothing{};
    };
    ASSERT_TRUE(db_.commit(unit));
  }
  ExpiryStep step(ExpirySettings settings = {}) {
    auto unit = [settings](UnitOfWork& work) -> Result<ExpiryStep> { return delete_expired(work, settings); };
    return db_.commit(unit).value().value;
  }
  std::int64_t count(std::string_view sql) {
    auto read = [sql](storage::Snapshot& snapshot) -> Result<std::int64_t> {
      storage::Query query = snapshot.query(sql);
      query.next();
      return query.integer(0);
    };
    return db_.read(read).value();
  }
  void add_user() {
    write([](UnitOfWork& work) {
      work.query(
              "INSERT INTO users (name, email, email_key, password_hash, created_at, updated_at) "
              "VALUES ('Ann', 'a@example.com', 'a@example.com', '', 0, 0)")
          .run();
    });
  }
  void add_login(std::string_view hash, std::int64_t life_ms) {
    write([&](UnitOfWork& work) {
      LoginRow session;
      session.id = SessionId::random();
      session.user_id = 1;
      session.created_at = session.last_used_at = work.now();
      session.expires_at = work.now() + life_ms;
      insert_login(work, session);
      RefreshRow token;
      token.hash = hash;
      token.session = session.id;
      token.issued_at = work.now();
      token.expires_at = session.expires_at;
      insert_refresh_token(work, token);
    });
  }

  test::TestDatabase db_;
};

TEST_F(Expiry, a_login_past_its_end_goes_with_its_tokens) {
  add_user();
  add_login("short", hour_ms);
  add_login("long", 2 * hour_ms);
  db_.clock.advance(std::chrono::milliseconds(hour_ms - 1));
  EXPECT_EQ(step().deleted, 0);
  db_.clock.advance(std::chrono::milliseconds(1));
  EXPECT_EQ(step().deleted, 1);
  EXPECT_EQ(count("SELECT count(*) FROM sessions"), 1);
  EXPECT_EQ(count("SELECT count(*) FROM refresh_tokens WHERE hash = CAST('long' AS BLOB)"), 1);
  EXPECT_EQ(count("SELECT count(*) FROM refresh_tokens"), 1);
}

TEST_F(Expiry, a_step_is_small_and_says_that_there_is_more) {
  add_user();
  for (const char* hash : {"1", "2", "3"}) add_login(hash, 1);
  db_.clock.advance(std::chrono::milliseconds(1));
  const ExpirySettings two{.step_rows = 2};
  EXPECT_TRUE(step(two).more);
  const ExpiryStep last = step(two);
  EXPECT_EQ(last.deleted, 1);
  EXPECT_FALSE(last.more);
}

TEST_F(Expiry, links_go_once_they_are_late) {
  add_user();
  write([](UnitOfWork& work) {
    insert_password_reset(work, "late", {.user_id = 1, .expires_at = work.now() + 1});
    insert_password_reset(work, "good", {.user_id = 1, .expires_at = work.now() + hour_ms});
  });
  db_.clock.advance(std::chrono::milliseconds(2));
  EXPECT_EQ(step().deleted, 1);
  EXPECT_EQ(count("SELECT count(*) FROM password_resets WHERE hash = CAST('good' AS BLOB)"), 1);
}

TEST_F(Expiry, failures_are_forgotten_after_a_day) {
  const FailuresKey one = failures_key("ann@example.com", "192.0.2.0/24");
  write([&](UnitOfWork& work) { save_login_failures(work, one, {crowd_failures, 0}, 10); });
  db_.clock.advance(std::chrono::milliseconds(forgotten_after_ms));
  EXPECT_EQ(step().deleted, 0);
  db_.clock.advance(std::chrono::milliseconds(1));
  EXPECT_EQ(step().deleted, 1);
  EXPECT_EQ(count("SELECT count(*) FROM login_failures"), 0);
}

TEST_F(Expiry, T38_of_an_accounts_failing_networks_the_latest_are_kept) {
  const std::string email = "ann@example.com";
  for (int i = 0; i < 5; ++i) {
    write([&](UnitOfWork& work) {
      save_login_failures(work, failures_key(email, std::to_string(i)), {i + 1, 0}, 3);
      save_login_failures(work, failures_key(email, {}), {i + 1, 0}, 3);
      save_login_failures(work, failures_key("bob@example.com", "0"), {1, 0}, 3);
    });
    db_.clock.advance(std::chrono::seconds(1));
  }
  EXPECT_EQ(count("SELECT count(*) FROM login_failures"), 3 + 1 + 1);
  EXPECT_EQ(count("SELECT min(failures) FROM login_failures WHERE failures > 1"), 3);
}

TEST_F(Expiry, the_audit_trail_stays_unless_a_setting_says_for_how_long) {
  write([](UnitOfWork& work) { record(work, {}, "one", 1); });
  db_.clock.advance(std::chrono::hours(24 * 365));
  write([](UnitOfWork& work) { record(work, {}, "two", 1); });
  EXPECT_EQ(step().deleted, 0);
  EXPECT_EQ(step({.audit = std::chrono::hours(24)}).deleted, 1);
  EXPECT_EQ(count("SELECT count(*) FROM audit WHERE action = 'two'"), 1);
  EXPECT_EQ(count("SELECT count(*) FROM audit"), 1);
}

}  // namespace
}  // namespace corohub::users
