// The streams of OFREP: their tokens, when a client is told to ask again, and when a stream ends.
#include "core/encoding.hpp"
#include "gateway/ofrep/concern.hpp"
#include "gateway/ofrep/stream_token.hpp"
#include "gateway/ofrep/streams.hpp"
#include "ofrep_rig.hpp"

#include <array>

#include <boost/asio/ip/tcp.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace corohub::gateway::ofrep::test {
namespace {

using namespace std::chrono_literals;
using flags::NamespaceAccess;
using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;

constexpr const char* other =
    R"({"state":"ENABLED","variants":{"on":true,"off":false},"defaultVariant":"off"})";

// ---- tokens ----

class StreamToken : public testing::Test {
 protected:
  StreamToken() {
    grant.kind = flags::Viewer::Kind::user;
    grant.id = 42;
    grant.session = SessionId::random();
    grant.place = {"bep", "staging"};
    grant.evaluated = {{"epoch-1", 129}, "staging", Role::admin};
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

// ---- whom a change concerns ----

class Concern : public testing::Test {
 protected:
  static std::string concerned(const flags::EnvironmentRef& before, const flags::EnvironmentRef& after) {
    const flags::Namespace name_space;
    std::string all;
    for (const auto& [kind, word] :
         {std::pair(flags::Viewer::Kind::guest, "guest "), std::pair(flags::Viewer::Kind::user, "user "),
          std::pair(flags::Viewer::Kind::service, "service ")}) {
      const flags::Viewer viewer{.kind = kind};
      const flags::Standing who(viewer, name_space, nullptr, 0);
      if (concerns(who, *before, who, *after)) all += word;
    }
    return all;
  }
  // The environment with one flag more or less, as a change makes it: what is the same is shared.
  static flags::EnvironmentRef with(const flags::EnvironmentRef& before, Seq revision,
                                    const std::function<void(std::vector<flags::Flag>&)>& change,
                                    const std::function<void(flags::EnvironmentParts&)>& edit = {}) {
    flags::EnvironmentParts parts = *before;
    parts.revision = revision;
    if (edit) edit(parts);
    std::vector<flags::Flag> flags = before->flags();
    change(flags);
    return std::make_shared<const flags::Environment>(std::move(parts), std::move(flags),
                                                      std::vector<flags::PlatformRef>());
  }
  static flags::SegmentRef segment(const std::string& key, const char* rule = R"({"==":[1,1]})") {
    auto made = std::make_shared<flags::Segment>();
    made->key = key;
    flags::Reading reading;
    made->rule = flags::parse_segment(json::parse(rule), reading).value();
    return made;
  }

  static constexpr const char* by_segment =
      R"({"state":"ENABLED","variants":{"on":true,"off":false},"defaultVariant":"off",
          "targeting":{"if":[{"$ref":"staff"},"on","off"]}})";
  static flags::EnvironmentParts parts_with_segments() {
    flags::EnvironmentParts parts;
    parts.segments = {segment("beta"), segment("staff")};
    return parts;
  }
  const flags::EnvironmentRef before = environment(
      "default", 5,
      {{"hidden", by_segment, false}, {"child", other, true, "hidden"}, {"plain"}, {"seen", other}},
      parts_with_segments());
};

TEST_F(Concern, only_those_who_see_what_changed) {
  const auto change = [](const char* key) {
    return [key](std::vector<flags::Flag>& flags) {
      for (flags::Flag& flag : flags)
        if (flag.key() == key) flag.definition = definition(other);
    };
  };
  const auto nothing = [](std::vector<flags::Flag>&) {};
  EXPECT_EQ(concerned(before, before), "");
  EXPECT_EQ(concerned(before, with(before, 6, nothing)), "");
  EXPECT_EQ(concerned(before, with(before, 6, change("plain"))), "guest user service ");
  EXPECT_EQ(concerned(before, with(before, 6, change("hidden"))), "service ");
  EXPECT_EQ(concerned(before, with(before, 6, change("child"))), "service ");
  const auto removed = [](const char* key) {
    return [key](std::vector<flags::Flag>& flags) {
      std::erase_if(flags, [&](const flags::Flag& flag) { return flag.key() == key; });
    };
  };
  EXPECT_EQ(concerned(before, with(before, 6, removed("plain"))), "guest user service ");
  EXPECT_EQ(concerned(with(before, 4, removed("plain")), before), "guest user service ");
  const auto change_segment = [](std::size_t which, const char* key) {
    return [=](flags::EnvironmentParts& parts) { parts.segments[which] = segment(key, R"({"==":[1,2]})"); };
  };
  EXPECT_EQ(concerned(before, with(before, 6, nothing, change_segment(0, "beta"))), "")
      << "nobody asks for it";
  EXPECT_EQ(concerned(before, with(before, 6, nothing, change_segment(1, "staff"))), "service ");
  EXPECT_EQ(concerned(before, with(before, 6, nothing,
                                   [](flags::EnvironmentParts& parts) { parts.metadata["a"] = 1; })),
            "guest user service ");
  EXPECT_EQ(concerned(before, environment("other", 5, {})), "guest user service ") << "another environment";
}

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

TEST_F(Concern, nobody_by_what_evaluations_do_not_read) {
  const auto rename = [](flags::EnvironmentParts& parts) {
    auto named = std::make_shared<flags::Segment>(*parts.segments[1]);
    named->name = "Staff";
    parts.segments[1] = named;
  };
  const auto describe = [](bool package_gated) {
    return [=](std::vector<flags::Flag>& flags) {
      auto identity = std::make_shared<flags::FlagIdentity>(*flags.back().identity);
      identity->description = "What is seen";
      identity->package_gated = package_gated;
      flags.back().identity = identity;
    };
  };
  EXPECT_EQ(concerned(before, with(before, 6, describe(false), rename)), "");
  EXPECT_EQ(concerned(before, with(before, 6, describe(true))), "guest user service ");
}

// ---- streams ----

// A reader of one stream.
class Reader {
 public:
  explicit Reader(asio::io_context& context) : client_(context) {
    asio::ip::tcp::acceptor acceptor(context, {asio::ip::address_v4::loopback(), 0});
    acceptor.set_option(asio::ip::tcp::no_delay(true));
    client_.connect(acceptor.local_endpoint());
    client_.non_blocking(true);
    server = Socket(context);
    acceptor.accept(*server);
    server->non_blocking(true);
  }
  void turn() {
    std::array<char, 4096> bytes;
    boost::system::error_code error;
    const std::size_t size = client_.read_some(asio::buffer(bytes), error);
    received.append(bytes.data(), size);
    if (error == asio::error::eof) {
      ended = true;
      client_.close();
    }
  }
  std::size_t count(std::string_view word) const {
    std::size_t found = 0;
    for (std::size_t at = 0; (at = received.find(word, at)) != std::string::npos; ++at) ++found;
    return found;
  }
  std::size_t refetches() const { return count("refetchEvaluation"); }

  std::optional<Socket> server;
  std::string received;
  bool ended = false;

 private:
  asio::ip::tcp::socket client_;
};

class OfrepStreams : public testing::Test {
 protected:
  OfrepStreams() { put(7, {{"plain"}}); }
  ~OfrepStreams() override {
    rig.shard.close_all(CloseReason::draining, 0ms);
    for (int i = 0; i < 30; ++i) tick();
  }

  void put(Seq revision, const std::vector<MadeFlag>& made,
           NamespaceAccess access = NamespaceAccess::everybody) {
    rig.put(name_space("default", access, {environment("default", revision, made, default_parts())}));
    settle();
  }
  std::string address(std::vector<std::pair<std::string, std::string>> headers = {}) {
    const json::object body = rig.ask({.headers = std::move(headers)}).json();
    return std::string(body.at("eventStreams").at(0).at("endpoint").at("requestUri").as_string());
  }
  Reader& open(const std::string& target, std::vector<std::pair<std::string, std::string>> headers = {}) {
    http::Request request;
    http::Response response =
        rig.answer({.target = target, .headers = std::move(headers), .method = http::Method::get}, request);
    EXPECT_EQ(response.status, 200) << response.body;
    EXPECT_EQ(response.content_type, "text/event-stream");
    Reader& reader = *readers.emplace_back(std::make_unique<Reader>(rig.context));
    if (!response.takeover) throw std::runtime_error("no stream: " + response.body);
    response.takeover->begin_with("HEAD\r\n\r\n");
    response.takeover->take(std::move(*reader.server), "");
    settle();
    return reader;
  }
  int status(const std::string& target) {
    return rig.ask({.target = target, .method = http::Method::get, .peer = "192.0.2.9"}).status;
  }
  void settle() {
    for (int i = 0; i < 20; ++i) {
      rig.context.restart();
      rig.context.poll();
      for (const auto& reader : readers)
        if (!reader->ended) reader->turn();
    }
  }
  void tick() {
    rig.clock.advance(Wheel::tick);
    rig.shard.tick();
    settle();
  }
  std::string user_header() {
    account = rig.add_account(1, Role::user);
    return "Bearer " + rig.token(*account);
  }
  void account_becomes(const std::shared_ptr<Account>& now,
                       CloseReason ending = CloseReason::session_revoked) {
    rig.accounts[1] = now;
    rig.cache.apply(1, now);
    rig.publish({hub::AccountChanged{1, now, ending}});
    settle();
  }

  OfrepRig rig;
  std::vector<std::unique_ptr<Reader>> readers;
  AccountRef account;
};

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
