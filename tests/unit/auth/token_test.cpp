#include "auth/token.hpp"

#include "auth/key_file.hpp"
#include "auth_support.hpp"
#include "core/json.hpp"
#include "support/manual_clock.hpp"
#include "support/temp_dir.hpp"

#include <string>

#include <gtest/gtest.h>

namespace corohub::auth {
namespace {

std::string part(const std::string& token, int index) {
  std::size_t start = 0;
  for (; index > 0; --index) start = token.find('.', start) + 1;
  return from_base64url(std::string_view(token).substr(start, token.find('.', start) - start)).value_or("");
}

class TokensTest : public testing::TestWithParam<Algorithm> {
 protected:
  TokensTest() {
    Key first = make_key(GetParam());
    first.active = true;
    std::vector<Key> keys;
    keys.push_back(std::move(first));
    EXPECT_TRUE(write_keys(file, keys, Write::create));
  }
  corohub::test::TempDir directory;
  const std::filesystem::path file = directory.path() / "keys.json";
  corohub::test::ManualClock clock;
};
INSTANTIATE_TEST_SUITE_P(Algorithms, TokensTest, testing::Values(Algorithm::hs256, Algorithm::eddsa),
                         [](const auto& param) { return std::string(name(param.param)); });

TEST_P(TokensTest, what_is_issued_verifies_and_says_what_it_was_issued_for) {
  const KeyStore store(file, clock);
  const Tokens tokens(store, {}, clock);
  const SessionId session = SessionId::random();
  auto account = test::make_account(42, session);
  account->role = Role::admin;

  const std::string token = tokens.issue(*account, session);
  const Result<Claims> claims = tokens.verify(token);
  ASSERT_TRUE(claims) << claims.error().cause;
  EXPECT_EQ(claims->user_id, 42);
  EXPECT_EQ(claims->session, session);
  EXPECT_EQ(claims->token_version, 4);
  EXPECT_EQ(claims->role, Role::admin);
  EXPECT_EQ(from_base64url(claims->id)->size(), 16u);
  EXPECT_NE(tokens.issue(*account, session), token);
}

TEST_P(TokensTest, T24_begins_in_the_past_for_verifiers_without_leeway_and_lives_no_shorter_than_promised) {
  const KeyStore store(file, clock);
  const Tokens tokens(store, {.access_ttl = std::chrono::seconds(86'400)}, clock);
  const SessionId session = SessionId::random();
  for (const int millisecond : {0, 1, 499, 500, 999}) {
    clock.step_wall(std::chrono::milliseconds(1000 - clock.unix_ms() % 1000 + millisecond));
    const Result<Claims> claims = tokens.verify(tokens.issue(*test::make_account(1, session), session));
    ASSERT_TRUE(claims) << millisecond << ": " << claims.error().cause;
    EXPECT_LE(claims->issued_at * 1000, clock.unix_ms());
    EXPECT_LE(claims->not_before * 1000, clock.unix_ms());
    EXPECT_GE(claims->expires_at * 1000, clock.unix_ms() + 86'400'000);
    EXPECT_LT(claims->expires_at * 1000, clock.unix_ms() + 86'401'000);
  }
}

TEST_P(TokensTest, has_this_header_and_these_claims_and_no_more) {
  const KeyStore store(file, clock);
  const Tokens tokens(store, {}, clock);
  const SessionId session = SessionId::random();
  const std::string token = tokens.issue(*test::make_account(42, session), session);
  EXPECT_EQ(part(token, 0), R"({"alg":")" + std::string(name(GetParam())) + R"(","typ":"at+jwt","kid":")" +
                                store.ring()->active().id + R"("})");
  const json::object payload = parse_json(part(token, 1))->as_object();
  EXPECT_EQ(payload.size(), 10u);
  for (const char* claim : {"iss", "aud", "sub", "sid", "role", "jti"})
    EXPECT_TRUE(payload.at(claim).is_string()) << claim;
  for (const char* claim : {"tv", "iat", "nbf", "exp"}) EXPECT_TRUE(payload.at(claim).is_int64()) << claim;
  EXPECT_LT(token.size(), 600u);
}

TEST_P(TokensTest, T24_ends_to_the_second) {
  const KeyStore store(file, clock);
  const Tokens tokens(store, {}, clock);
  const SessionId session = SessionId::random();
  clock.step_wall(std::chrono::milliseconds(1000 - clock.unix_ms() % 1000));
  const std::string token = tokens.issue(*test::make_account(1, session), session);
  clock.step_wall(std::chrono::milliseconds(899'999));
  EXPECT_TRUE(tokens.verify(token));
  clock.step_wall(std::chrono::milliseconds(1));
  const Result<Claims> late = tokens.verify(token);
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().cause, "expired");
}

TEST_P(TokensTest, T24_a_clock_that_was_set_back_is_forgiven_up_to_the_leeway) {
  const KeyStore store(file, clock);
  const Tokens tokens(store, {}, clock);
  const SessionId session = SessionId::random();
  const std::string token = tokens.issue(*test::make_account(1, session), session);
  clock.step_wall(std::chrono::seconds(-30));
  EXPECT_TRUE(tokens.verify(token));
  clock.step_wall(std::chrono::seconds(-1));
  EXPECT_FALSE(tokens.verify(token));
}

TEST_P(TokensTest, T19_every_changed_byte_is_noticed) {
  const KeyStore store(file, clock);
  const Tokens tokens(store, {}, clock);
  const SessionId session = SessionId::random();
  const std::string token = tokens.issue(*test::make_account(1, session), session);
  for (std::size_t i = 0; i < token.size(); ++i) {
    for (const char other : {'A', 'B', '.', '\0', ' '}) {
      if (token[i] == other) continue;
      std::string changed = token;
      changed[i] = other;
      EXPECT_FALSE(tokens.verify(changed)) << i;
    }
    EXPECT_FALSE(tokens.verify(std::string_view(token).substr(0, i)));
    EXPECT_FALSE(tokens.verify(std::string_view(token).substr(i + 1)));
  }
}

TEST_P(TokensTest, T21_tokens_of_another_issuer_or_for_another_service_are_refused) {
  const KeyStore store(file, clock);
  const SessionId session = SessionId::random();
  const auto account = test::make_account(1, session);
  TokenSettings elsewhere;
  elsewhere.issuer = "other";
  EXPECT_FALSE(Tokens(store, {}, clock).verify(Tokens(store, elsewhere, clock).issue(*account, session)));
  elsewhere = {};
  elsewhere.audience = "other";
  EXPECT_FALSE(Tokens(store, {}, clock).verify(Tokens(store, elsewhere, clock).issue(*account, session)));
}

TEST_P(TokensTest, T19_a_known_token_is_not_verified_again_and_nothing_else_is_taken_for_it) {
  const KeyStore store(file, clock);
  const Tokens tokens(store, {}, clock);
  const SessionId session = SessionId::random();
  const std::string token = tokens.issue(*test::make_account(1, session), session);
  const std::string other = tokens.issue(*test::make_account(2, session), session);
  KnownToken known;
  for (int i = 0; i < 3; ++i) {
    const Result<const Claims*> claims = tokens.verify(token, known);
    ASSERT_TRUE(claims);
    EXPECT_EQ((*claims)->user_id, 1);
    EXPECT_EQ((*claims)->session, session);
  }
  EXPECT_EQ(known.signatures_checked(), 1U);
  for (std::size_t i = 0; i < token.size(); ++i) {
    std::string changed = token;
    changed[i] = changed[i] == 'A' ? 'B' : 'A';
    EXPECT_FALSE(tokens.verify(changed, known)) << i;
    EXPECT_FALSE(tokens.verify(std::string_view(token).substr(0, i), known)) << i;
  }
  EXPECT_FALSE(tokens.verify(token + "A", known));
  const std::uint64_t checked = known.signatures_checked();
  EXPECT_TRUE(tokens.verify(token, known));
  EXPECT_EQ(known.signatures_checked(), checked);
  EXPECT_EQ((*tokens.verify(other, known))->user_id, 2);
  EXPECT_EQ((*tokens.verify(token, known))->user_id, 1);
}

TEST_P(TokensTest, T24_a_known_token_ends_to_the_second_and_holds_not_before_its_time) {
  const KeyStore store(file, clock);
  const Tokens tokens(store, {}, clock);
  const SessionId session = SessionId::random();
  clock.step_wall(std::chrono::milliseconds(1000 - clock.unix_ms() % 1000));
  const std::string token = tokens.issue(*test::make_account(1, session), session);
  KnownToken known;
  ASSERT_TRUE(tokens.verify(token, known));
  clock.step_wall(std::chrono::seconds(-30));
  EXPECT_TRUE(tokens.verify(token, known));
  clock.step_wall(std::chrono::seconds(-1));
  EXPECT_EQ(tokens.verify(token, known).error().cause, tokens.verify(token).error().cause);
  clock.step_wall(std::chrono::milliseconds(31'000 + 899'999));
  EXPECT_TRUE(tokens.verify(token, known));
  clock.step_wall(std::chrono::milliseconds(1));
  EXPECT_EQ(tokens.verify(token, known).error().cause, "expired");
}

TEST_P(TokensTest, T34_a_known_token_ends_with_its_key) {
  KeyStore store(file, clock);
  const Tokens tokens(store, {}, clock);
  const SessionId session = SessionId::random();
  const std::string token = tokens.issue(*test::make_account(1, session), session);
  KnownToken known;
  ASSERT_TRUE(tokens.verify(token, known));
  ASSERT_TRUE(store.rotate(std::chrono::seconds(60)));
  EXPECT_TRUE(tokens.verify(token, known));
  EXPECT_TRUE(tokens.verify(token, known));
  clock.step_wall(std::chrono::milliseconds(59'999));
  EXPECT_TRUE(tokens.verify(token, known));
  clock.step_wall(std::chrono::milliseconds(1));
  EXPECT_EQ(tokens.verify(token, known).error().cause, "unknown key");

  const std::string by_new_key = tokens.issue(*test::make_account(1, session), session);
  ASSERT_TRUE(tokens.verify(by_new_key, known));
  std::filesystem::remove(file);
  KeyStore elsewhere(file, clock);  // a file with another key
  ASSERT_TRUE(store.reload());
  EXPECT_EQ(tokens.verify(by_new_key, known).error().cause, "unknown key");
}

TEST(Tokens, settings_without_sense_are_refused_at_start) {
  const corohub::test::TempDir directory;
  const corohub::test::ManualClock clock;
  const KeyStore store(directory.path() / "keys.json", clock);
  TokenSettings settings;
  settings.access_ttl = std::chrono::seconds(0);
  EXPECT_THROW(Tokens(store, settings, clock), std::invalid_argument);
  settings.access_ttl = std::chrono::seconds(86'401);
  EXPECT_THROW(Tokens(store, settings, clock), std::invalid_argument);
  settings = {};
  settings.issuer.clear();
  EXPECT_THROW(Tokens(store, settings, clock), std::invalid_argument);
}

}  // namespace
}  // namespace corohub::auth
