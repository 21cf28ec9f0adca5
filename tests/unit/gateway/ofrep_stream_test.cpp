// The streams of OFREP: their tokens, when a client is told to ask again, and when a stream ends.
#include "core/encoding.hpp"
#include "gateway/ofrep/stream_token.hpp"
#include "gateway/ofrep/streams.hpp"
#include "ofrep_stream_rig.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace corohub::gateway::ofrep::test {
namespace {

using namespace std::chrono_literals;
using flags::NamespaceAccess;
using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;

// ---- tokens ----

class StreamToken : public testing::Test {
 protected:
  StreamToken() {
    grant.kind = flags::Viewer::Kind::user;
    grant.id = 42;
    grant.session = SessionId::random();
    grant.place = {"bep", "staging"};
    grant.client_id = 9;
    grant.evaluated = {{"epoch-1", 129}, "staging", Role::admin, "9:3 4:1 past 2"};
    grant.expires_at = rig.clock.unix_ms() / 1000 + 60;
  }
  Result<StreamGrant> read(const std::string& token) {
    std::string key_id;
    return StreamTokens(rig.keys, rig.clock).read(token, key_id);
  }

  OfrepRig rig;
  StreamTokens tokens{rig.keys, rig.clock};
  StreamGrant grant;
};

TEST_F(StreamToken, says_whose_stream_it_is_until_it_expires) {
  const std::string token = tokens.issue(grant);
  const Result<StreamGrant> got = read(token);
  ASSERT_TRUE(got);
  EXPECT_EQ(got->kind, flags::Viewer::Kind::user);
  EXPECT_EQ(got->id, 42);
  EXPECT_EQ(got->session, grant.session);
  EXPECT_EQ(got->place.name_space, "bep");
  EXPECT_EQ(got->place.environment, "staging");
  EXPECT_EQ(got->evaluated.revision.text(), "epoch-1:129");
  EXPECT_EQ(got->evaluated.environment, "staging");
  EXPECT_EQ(got->evaluated.role, Role::admin);
  EXPECT_EQ(got->client_id, 9);
  EXPECT_EQ(got->evaluated.client, "9:3 4:1 past 2");
  EXPECT_EQ(got->expires_at, grant.expires_at);
  rig.clock.advance(60s);
  EXPECT_EQ(read(token).error().code, ErrorCode::invalid_token);
}

TEST_F(StreamToken, T51d_what_was_changed_or_signed_for_something_else_is_none) {
  const std::string token = tokens.issue(grant);
  const std::string signature = token.substr(token.find('.'));
  std::string text = *from_base64url(token.substr(0, token.find('.')));
  text.replace(text.find("|42|"), 4, "|43|");
  EXPECT_FALSE(read(base64url(text) + signature));
  const AccountRef account = rig.add_account(1, Role::user);
  for (const std::string& bad : {std::string(), std::string("."), std::string("a.b"), std::string(5000, 'a'),
                                 token + "A", token.substr(0, token.size() - 2), rig.token(*account)})
    EXPECT_FALSE(read(bad)) << bad;
  std::optional<Result<auth::Principal>> as_access =
      rig.authenticator.authenticate_now(token, *std::make_unique<auth::KnownToken>());
  ASSERT_TRUE(as_access);
  EXPECT_FALSE(*as_access) << "it opens nothing else";
}

TEST_F(StreamToken, T34_the_key_of_a_token_may_be_rotated) {
  const std::string token = tokens.issue(grant);
  ASSERT_TRUE(rig.keys.rotate(30s));
  EXPECT_TRUE(read(token));
  EXPECT_NE(tokens.issue(grant), token);
  rig.clock.advance(31s);
  EXPECT_FALSE(read(token));
}

// ---- streams ----

TEST(Crowds, beyond_two_thousand_are_told_in_a_steady_rate_whatever_the_changes) {
  const Crowd crowd(2, 10'000);  // half of the rate on each shard
  SteadyTime now{1h};
  Pace pace;
  const auto last_of = [&](int count) {
    std::chrono::milliseconds last{0};
    for (int i = 0; i < count; ++i) last = pace.next(crowd, now);
    return last;
  };
  EXPECT_EQ(last_of(1001), 0ms);
  EXPECT_EQ(last_of(5000), 1000ms);
  now += 500ms;
  EXPECT_EQ(last_of(1), 500ms) << "the next change waits for what is told of the one before";
  now += 1s;
  EXPECT_EQ(last_of(1001), 0ms) << "after a while without";
  Pace free;
  for (int i = 0; i < 10'000; ++i) EXPECT_EQ(free.next(Crowd(1, 0), now), 0ms);
}

TEST_F(OfrepStreams, says_that_it_stands_and_when_to_ask_again) {
  Reader& reader = open(address());
  EXPECT_THAT(reader.received, HasSubstr("retry: "));
  EXPECT_THAT(reader.received, HasSubstr("id: epoch-1:7\ndata: {\"type\":\"connected\"}\n\n"));
  EXPECT_EQ(reader.refetches(), 0U);
  put(8, {{"plain", other}});
  EXPECT_THAT(
      reader.received,
      HasSubstr(
          "id: epoch-1:8\nevent: message\ndata: {\"type\":\"refetchEvaluation\",\"etag\":\"\\\"r8\\\"\","
          "\"lastModified\":1767695401}\n\n"));
}

TEST_F(OfrepStreams, T51_a_change_that_it_does_not_see_is_not_told) {
  put(8, {{"plain"}, {"hidden", other, false}});
  const flags::NamespaceRef before = *rig.flags.find("default");
  Reader& guest = open(address());
  const std::string key = rig.make_key({"flags:read"});
  Reader& service = open(address({{"X-API-Key", key}}));
  auto now = std::make_shared<flags::Namespace>(*before);
  flags::EnvironmentParts parts = before->default_environment();
  parts.revision = 9;
  std::vector<flags::Flag> flags = before->default_environment().flags();
  for (flags::Flag& flag : flags)
    if (flag.key() == "hidden") flag.definition = definition(other);
  now->environments = {std::make_shared<const flags::Environment>(parts, flags, now->platforms)};
  rig.put(now);
  settle();
  EXPECT_EQ(guest.refetches(), 0U);
  EXPECT_EQ(service.refetches(), 1U);
}

TEST_F(OfrepStreams, is_told_at_once_of_what_came_before_it_was_open) {
  const std::string old = address();
  put(8, {{"plain", other}});
  EXPECT_EQ(open(old).refetches(), 1U);
  EXPECT_EQ(open(old, {{"Last-Event-ID", "epoch-1:8"}}).refetches(), 0U);
  EXPECT_EQ(open(old, {{"Last-Event-ID", "epoch-1:7"}}).refetches(), 1U);
  EXPECT_EQ(open(address(), {{"Last-Event-ID", "epoch-0:900"}}).refetches(), 1U);
  EXPECT_EQ(open(address(), {{"Last-Event-ID", "nonsense"}}).refetches(), 1U);
  EXPECT_EQ(open(address()).refetches(), 0U);
}

TEST_F(OfrepStreams, is_told_at_once_that_another_environment_is_the_default_one_since) {
  flags::EnvironmentParts plain;
  const auto both = [&](bool staging) {
    rig.put(name_space("default", NamespaceAccess::everybody,
                       {environment("default", 7, {{"plain"}}, staging ? plain : default_parts()),
                        environment("staging", 3, {{"plain", other}}, staging ? default_parts() : plain)}));
    settle();
  };
  both(false);
  const std::string old = address();
  both(true);
  EXPECT_EQ(open(old).refetches(), 1U);
  EXPECT_EQ(open(old, {{"Last-Event-ID", "epoch-1:7"}}).refetches(), 1U);
  EXPECT_EQ(open(address()).refetches(), 0U);
}

TEST_F(OfrepStreams, is_told_at_once_that_its_role_is_another_one_since) {
  const std::string header = user_header();
  const std::string old = address({{"Authorization", header}});
  EXPECT_EQ(open(old).refetches(), 0U);
  auto now = std::make_shared<Account>(*account);
  now->role = Role::admin;
  account_becomes(now);
  EXPECT_EQ(open(old).refetches(), 1U);
  EXPECT_EQ(open(old, {{"Last-Event-ID", "epoch-1:7"}}).refetches(), 1U);
}

TEST_F(OfrepStreams, one_that_is_behind_is_welcomed_where_it_stands) {
  const std::string old = address();
  put(8, {{"plain", other}});
  EXPECT_THAT(open(old).received, HasSubstr("id: epoch-1:7\ndata: {\"type\":\"connected\"}"));
}

TEST_F(OfrepStreams, is_told_once_in_a_hundred_milliseconds_and_of_the_newest) {
  Reader& reader = open(address());
  for (Seq revision = 8; revision < 20; ++revision) put(revision, {{"plain", other}});
  EXPECT_EQ(reader.refetches(), 1U);
  tick();
  tick();
  EXPECT_EQ(reader.refetches(), 2U);
  EXPECT_THAT(reader.received, HasSubstr("\"r19\\\""));
  for (int i = 0; i < 5; ++i) tick();
  EXPECT_EQ(reader.refetches(), 2U);
}

TEST_F(OfrepStreams, T63_says_something_every_twenty_seconds_and_where_it_is) {
  Reader& reader = open(address());
  reader.received.clear();
  for (int i = 0; i < 402; ++i) tick();
  EXPECT_EQ(reader.count(":\nid: epoch-1:7\n\n"), 2U);
}

TEST_F(OfrepStreams, T51d_ends_when_the_place_is_closed_or_gone) {
  Reader& guest = open(address());
  Reader& user = open(address({{"Authorization", user_header()}}));
  put(8, {{"plain"}}, NamespaceAccess::users);
  EXPECT_TRUE(guest.ended);
  EXPECT_THAT(guest.received, EndsWith("0\r\n\r\n"));
  EXPECT_THAT(guest.received, Not(HasSubstr("connection.closed")));
  EXPECT_FALSE(user.ended);
  rig.remove("default");
  settle();
  EXPECT_TRUE(user.ended);
}

TEST_F(OfrepStreams, T29_ends_with_the_login) {
  const std::string target = address({{"Authorization", user_header()}});
  Reader& reader = open(target);
  auto now = std::make_shared<Account>(*account);
  now->sessions.clear();
  account_becomes(now);
  EXPECT_TRUE(reader.ended);
  EXPECT_EQ(status(target), 401);
}

TEST_F(OfrepStreams, T31_ends_with_the_key) {
  const std::string key = rig.make_key({"flags:read"}, rig.clock.unix_ms() + 5000);
  const std::string target = address({{"X-API-Key", key}});
  Reader& reader = open(target);
  for (int i = 0; i < 48; ++i) tick();
  EXPECT_FALSE(reader.ended);
  for (int i = 0; i < 4; ++i) tick();
  EXPECT_TRUE(reader.ended);
  EXPECT_EQ(status(target), 401);

  const std::string third = rig.make_key({"flags:read"}, rig.clock.unix_ms() + 3'600'000);
  Reader& stepped = open(address({{"X-API-Key", third}}));
  rig.clock.step_wall(2h);
  for (int i = 0; i < 202; ++i) tick();
  EXPECT_TRUE(stepped.ended) << "the wall clock was set";

  const std::string second = rig.make_key({"flags:read"});
  Reader& revoked = open(address({{"X-API-Key", second}}));
  rig.service_keys.remove(rig.key_id);
  settle();
  EXPECT_TRUE(revoked.ended);
}

TEST_F(OfrepStreams, T31_ends_if_its_own_key_ends_while_it_opens_and_not_with_another) {
  rig.make_key({"flags:read"});
  const users::ServiceKeyId another = rig.key_id;
  const std::string target = address({{"X-API-Key", rig.make_key({"flags:read"})}});
  EXPECT_FALSE(open(target, {}, [&] { rig.service_keys.remove(another); }).ended);
  EXPECT_TRUE(open(target, {}, [&] { rig.service_keys.remove(rig.key_id); }).ended);
}

TEST_F(OfrepStreams, lives_longer_than_the_token_that_opened_it) {
  Reader& reader = open(address());
  rig.clock.advance(3600s);
  rig.shard.tick();
  settle();
  EXPECT_FALSE(reader.ended);
}

TEST_F(OfrepStreams, another_role_may_be_another_value) {
  Reader& reader = open(address({{"Authorization", user_header()}}));
  auto now = std::make_shared<Account>(*account);
  now->role = Role::admin;
  account_becomes(now);
  EXPECT_EQ(reader.refetches(), 1U);
}

TEST_F(OfrepStreams, T63_is_a_connection_among_others) {
  Reader& guest = open(address());
  open(address({{"Authorization", user_header()}}));
  EXPECT_EQ(rig.hub.roster().places(), 2U);
  EXPECT_EQ(rig.hub.roster().counts().total, 1U) << "a guest has no role";
  ASSERT_EQ(rig.shard.list(10).size(), 2U);
  EXPECT_EQ(rig.shard.list(10)[0].transport, "ofrep");
  rig.publish({hub::EventRef(new hub::Event(hub::EventDraft{"system.alert", "{}", hub::Audience::everyone()},
                                            12, rig.clock.unix_ms()))});
  settle();
  EXPECT_THAT(guest.received, Not(HasSubstr("system.alert")));
  rig.shard.close_all(CloseReason::draining, 0ms);
  for (int i = 0; i < 3; ++i) tick();
  EXPECT_TRUE(guest.ended);
  EXPECT_EQ(rig.hub.roster().places(), 0U);
}

TEST_F(OfrepStreams, T51d_without_a_good_token_there_is_none) {
  EXPECT_EQ(status("/ofrep/v1/events"), 401);
  EXPECT_EQ(status("/ofrep/v1/events?t=nonsense"), 401);
  const std::string target = address();
  EXPECT_EQ(rig.ask({.target = target, .method = http::Method::head}).status, 200);
  put(8, {}, NamespaceAccess::users);
  EXPECT_EQ(status(target), 401);
  rig.draining = true;
  EXPECT_EQ(status(target), 503);
}

}  // namespace
}  // namespace corohub::gateway::ofrep::test
