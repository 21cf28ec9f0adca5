// Connections of clients and services with their keys, in the native protocol: what they hear, what they may
// not, and how they end.
#include "gateway/session/client_judge.hpp"
#include "session_rig.hpp"
#include "support/flags.hpp"

#include <gmock/gmock.h>

namespace corohub::gateway::test {
namespace {

using corohub::test::flag_event;
using corohub::test::FlagSketch;
using corohub::test::make_namespace;
using flags::NamespaceAccess;
using testing::ElementsAre;
using testing::IsEmpty;

const FlagSketch seen{1, "seen"};
const FlagSketch hidden{2, "hidden", false};
const FlagSketch gated{3, "gated", true, true};

class SessionKeys : public testing::Test {
 protected:
  SessionKeys() {
    rig_.shard.set_judge(&judge_);
    rig_.flags.begin_with(
        {make_namespace("bep", NamespaceAccess::clients, {seen, hidden, gated}, {"default", "staging"}, 3),
         make_namespace("shop", NamespaceAccess::users, {seen}, {"default"}, 5)},
        {client_});
  }

  static flags::ClientRef make_client(flags::Client::Status status, bool granted = true) {
    flags::Client made;
    made.id = 9;
    made.key = "phone";
    made.namespace_id = 3;
    made.status = status;
    if (granted) made.overrides.push_back({.flag_id = 3, .granted = true});
    return std::make_shared<const flags::Client>(std::move(made));
  }
  static Entrant client_key() {
    flags::ClientKey key;
    key.id = 4;
    key.client_id = 9;
    return {key, "chc_"};
  }
  static Entrant service_key(std::vector<std::string> scopes, std::optional<UnixMs> expires_at = {}) {
    users::ServiceKey key;
    key.id = 5;
    key.created_by = 1;
    key.scopes = std::move(scopes);
    key.expires_at = expires_at;
    return {key, "chk_"};
  }

  void publish(std::vector<hub::EventDraft> drafts) {
    std::vector<hub::Entry> entries;
    for (hub::EventDraft& draft : drafts)
      entries.emplace_back(hub::EventRef(new hub::Event(std::move(draft), ++seq_, 0)));
    rig_.publish(std::move(entries));
  }
  void publish_flags() {
    publish({flag_event("bep", seen, "enabled", "", 3), flag_event("bep", hidden, "enabled", "", 3),
             flag_event("bep", gated, "enabled", "", 3), flag_event("bep", seen, "enabled", "staging", 3),
             flag_event("shop", seen, "enabled", "", 5)});
  }
  std::string ask(RawClient& client, const std::string& type, const std::string& data) {
    const auto answers = [&] {
      std::vector<std::string> all;
      for (const boost::json::object& message : messages(client)) {
        if (!message.contains("id")) continue;
        all.emplace_back(message.contains("ok") ? "ok" : message.at("data").at("code").as_string().c_str());
      }
      return all;
    };
    const std::size_t before = answers().size();
    client.send(encode({.payload = R"({"type":")" + type + R"(","id":1,"data":)" + data + "}"}));
    rig_.until([&] { return answers().size() > before; });
    return answers().back();
  }
  std::string subscribe(RawClient& client, const std::string& topic) {
    return ask(client, "subscribe", R"({"topic":")" + topic + R"("})");
  }
  static std::vector<std::string> heard(const RawClient& client) {
    std::vector<std::string> all;
    for (const boost::json::object& message : messages(client)) {
      const std::string type(message.at("type").as_string());
      if (type.starts_with("flag."))
        all.push_back(std::string(message.at("topic").as_string()) + " " +
                      std::string(message.at("data").at("flag_key").as_string()));
      else if (type != "connection.established" && !message.contains("id"))
        all.push_back(type);
    }
    return all;
  }
  static hub::EventDraft alert_to_all() {
    return {.type = "system.alert",
            .data = R"({"message":"x"})",
            .audience = hub::Audience::everyone(),
            .also = "system"};
  }
  static std::string end_of(const RawClient& client) {
    return client.frames.empty() || client.frames.back().opcode != 0x8 ? "open"
                                                                       : client.frames.back().close_reason();
  }

  const flags::ClientRef client_ = make_client(flags::Client::Status::active);
  SessionRig rig_;
  ClientJudge judge_{rig_.flags};
  Seq seq_ = 0;
};

TEST_F(SessionKeys, T31b_a_client_hears_flags_of_its_place_and_what_is_for_it) {
  const auto client = rig_.connect(client_key());
  rig_.settle();
  const boost::json::object welcome = messages(*client).at(0).at("data").as_object();
  EXPECT_TRUE(welcome.at("user_id").is_null());
  EXPECT_TRUE(welcome.at("token_expires_at").is_null());
  EXPECT_EQ(subscribe(*client, "flags"), "ok");
  EXPECT_EQ(subscribe(*client, "flags/bep"), "ok");
  EXPECT_EQ(subscribe(*client, "system"), "ok");
  for (const char* topic : {"flags/shop", "flags/bep/staging", "rooms/one", "proxy_config_events",
                            "feature/1", "feature", "activity", "editing/flags/bep/seen"})
    EXPECT_EQ(subscribe(*client, topic), "forbidden") << topic;
  publish_flags();
  hub::EventDraft for_it{"client.updated", "{}", hub::Audience::admins_and_clients()};
  for_it.attributes = R"({"for":{"namespace":3,"client":9}})";
  hub::EventDraft for_another = for_it;
  for_another.attributes = R"({"for":{"namespace":3,"client":10}})";
  publish({for_it,
           for_another,
           {"user.updated", "{}", hub::Audience::everyone()},
           alert_to_all(),
           {"system.alert", "{}", hub::Audience::exactly(Role::user)}});
  EXPECT_THAT(heard(*client),
              ElementsAre("flags/bep seen", "flags/bep gated", "client.updated", "system.alert"));
}

TEST_F(SessionKeys, T31b_a_key_publishes_nothing_and_sees_nobody) {
  const auto client = rig_.connect(client_key());
  const auto service = rig_.connect(service_key({"publish", "flags:read"}));
  rig_.settle();
  for (RawClient* one : {client.get(), service.get()}) {
    EXPECT_EQ(ask(*one, "publish", R"({"topic":"rooms/one","type":"message","data":{}})"), "forbidden");
    EXPECT_EQ(ask(*one, "presence", R"({"topic":"rooms/one"})"), "forbidden");
    EXPECT_EQ(ask(*one, "typing", R"({"topic":"rooms/one","typing":true})"), "forbidden");
    EXPECT_EQ(ask(*one, "history", R"({"topic":"rooms/one"})"), "forbidden");
    EXPECT_EQ(ask(*one, "ping", "{}"), "ok");
  }
}

TEST_F(SessionKeys, T31b_a_service_hears_what_its_scopes_open_hidden_flags_too) {
  const auto bep = rig_.connect(service_key({"flags:evaluate:bep"}));
  const auto all = rig_.connect(service_key({"flags:read", "config:read"}));
  const auto publisher = rig_.connect(service_key({"publish"}));
  rig_.settle();
  EXPECT_EQ(subscribe(*bep, "flags"), "ok");
  EXPECT_EQ(subscribe(*bep, "flags/bep/staging"), "ok");
  EXPECT_EQ(subscribe(*bep, "flags/shop"), "forbidden");
  EXPECT_EQ(subscribe(*bep, "proxy_config_events"), "forbidden");
  EXPECT_EQ(subscribe(*all, "flags/shop"), "ok");
  EXPECT_EQ(subscribe(*all, "proxy_config_events"), "ok");
  EXPECT_EQ(subscribe(*publisher, "flags"), "forbidden");
  EXPECT_EQ(subscribe(*publisher, "system"), "ok");
  publish_flags();
  publish({{"user.updated", "{}", hub::Audience::everyone()},
           {"x", "{}", hub::Audience::admins_and_clients()},
           alert_to_all()});
  EXPECT_THAT(heard(*bep),
              ElementsAre("flags/bep seen", "flags/bep hidden", "flags/bep gated", "flags/bep/staging seen"));
  EXPECT_THAT(heard(*all), ElementsAre("flags/shop seen")) << "it does not listen to the server";
  EXPECT_THAT(heard(*publisher), ElementsAre("system.alert"));
}

TEST_F(SessionKeys, T31b_a_connection_ends_with_its_key) {
  const auto client = rig_.connect(client_key());
  const auto again = rig_.connect(client_key());
  const auto service = rig_.connect(service_key({"flags:read"}));
  rig_.settle();
  rig_.flags.apply(flags::ClientChange{client_, make_client(flags::Client::Status::disabled)});
  rig_.settle();
  EXPECT_EQ(end_of(*client), "session_revoked");
  EXPECT_EQ(end_of(*again), "session_revoked");
  EXPECT_EQ(end_of(*service), "open");
  rig_.service_keys.end({.made_by = 2});
  rig_.settle();
  EXPECT_EQ(end_of(*service), "open") << "another has made it";
  rig_.service_keys.end({.made_by = 1});
  rig_.settle();
  EXPECT_EQ(end_of(*service), "session_revoked");
}

TEST_F(SessionKeys, T31b_what_waits_for_a_key_that_ends_is_taken_back) {
  const auto client = rig_.connect(client_key());
  rig_.settle();
  ASSERT_EQ(subscribe(*client, "flags/bep"), "ok");
  publish({flag_event("bep", seen, "enabled", "", 3)});
  EXPECT_THAT(heard(*client), ElementsAre("flags/bep seen"));
  rig_.client_keys.end({.id = 4});
  publish_flags();
  EXPECT_THAT(heard(*client), ElementsAre("flags/bep seen"));
  EXPECT_EQ(end_of(*client), "session_revoked");
}

TEST_F(SessionKeys, T31b_a_service_leaves_when_its_key_is_past_its_end) {
  const auto service = rig_.connect(service_key({"flags:read"}, rig_.clock.unix_ms() + 40'000));
  rig_.settle();
  EXPECT_THAT(heard(*service), ElementsAre("auth.expiring"));
  rig_.pass(std::chrono::seconds(38));
  EXPECT_EQ(end_of(*service), "open");
  rig_.pass(std::chrono::seconds(3));
  EXPECT_EQ(end_of(*service), "session_revoked");
}

TEST_F(SessionKeys, T31b_a_client_in_another_environment_loses_the_topics_of_the_old_one) {
  const auto client = rig_.connect(client_key());
  rig_.settle();
  ASSERT_EQ(subscribe(*client, "flags/bep"), "ok");
  ASSERT_EQ(subscribe(*client, "flags"), "ok");
  flags::Client moved = *client_;
  moved.environment_id = 2;
  rig_.flags.apply(flags::ClientChange{client_, std::make_shared<const flags::Client>(std::move(moved))});
  rig_.settle();
  EXPECT_THAT(heard(*client), ElementsAre("subscription.revoked"));
  EXPECT_EQ(subscribe(*client, "flags/bep/staging"), "ok");
  publish_flags();
  EXPECT_THAT(heard(*client), ElementsAre("subscription.revoked", "flags/bep/staging seen"));
}

TEST_F(SessionKeys, a_good_key_is_good_however_long_ago_it_was_read) {
  const std::string secret = flags::make_client_key();
  flags::ClientKeyId id = 0;
  const auto unit = [&](storage::UnitOfWork& work) -> Result<storage::Nothing> {
    work.query(
            "INSERT INTO clients (id, namespace_id, key, name, version, created_at, updated_at) VALUES "
            "(9, 1, 'phone', '', 1, 0, 0)")
        .run();
    id = flags::add_client_key(work, secret, {.client_id = 9, .name = "CI"}).value().id;
    return storage::Nothing{};
  };
  rig_.database.commit(unit).value();
  const auto key = corohub::test::run_task([&] { return rig_.client_keys.get(secret); });
  const Entrant entrant(*key.value(), secret);
  rig_.clock.advance(flags::ClientKeyCache::life + std::chrono::seconds(1));
  EXPECT_TRUE(judge_again(rig_.desk, entrant));
  rig_.flags.apply(flags::ClientKeyRevoked{id});
  EXPECT_FALSE(judge_again(rig_.desk, entrant));
}

TEST_F(SessionKeys, stand_among_the_connections_as_what_they_are) {
  const auto client = rig_.connect(client_key());
  rig_.settle();
  const hub::MemberInfo info = rig_.shard.list(1).at(0);
  EXPECT_EQ(info.user_id, 0);
  EXPECT_EQ(info.role, Role::user);
  ASSERT_NE(info.key, nullptr);
  EXPECT_EQ(info.key->key_id, 4);
  EXPECT_EQ(info.key->client_id, 9);
  EXPECT_EQ(rig_.settings.metrics.connections[static_cast<std::size_t>(Role::user)]->Value(), 1);
}

TEST_F(SessionKeys, the_key_may_be_said_again_and_nothing_else) {
  const auto client = rig_.connect(client_key());
  rig_.settle();
  EXPECT_EQ(ask(*client, "auth.refresh", R"({"token":"chc_no"})"), "invalid_token");
  const AccountRef user = rig_.add_account(1, Role::user);
  EXPECT_EQ(ask(*client, "auth.refresh", R"({"token":")" + rig_.token(*user) + R"("})"), "invalid_token");
  EXPECT_EQ(end_of(*client), "open");
}

}  // namespace
}  // namespace corohub::gateway::test
