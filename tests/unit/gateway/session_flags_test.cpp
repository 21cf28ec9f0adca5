// Topics of feature flags in the native protocol: who may follow them, and what of them it hears.
#include "gateway/poller.hpp"
#include "session_rig.hpp"
#include "support/allocations.hpp"
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

class SessionFlags : public testing::Test {
 protected:
  SessionFlags() {
    rig_.flags.begin_with(
        {make_namespace("bep", NamespaceAccess::users, {seen, hidden, gated}, {"default", "staging"}),
         make_namespace("open", NamespaceAccess::everybody, {seen}),
         make_namespace("shop", NamespaceAccess::clients, {seen})});
  }

  void change(const flags::NamespaceRef& before, const flags::NamespaceRef& after) {
    rig_.flags.apply({before, after});
    rig_.settle();
  }
  void publish(std::vector<hub::EventDraft> drafts) {
    std::vector<hub::Entry> entries;
    for (hub::EventDraft& draft : drafts)
      entries.emplace_back(hub::EventRef(new hub::Event(std::move(draft), ++seq_, 0)));
    rig_.publish(std::move(entries));
  }
  // What its answers say: "ok", or a code.
  static std::vector<std::string> answers(const RawClient& client) {
    std::vector<std::string> all;
    for (const boost::json::object& message : messages(client)) {
      if (!message.contains("id")) continue;
      all.emplace_back(message.contains("ok") ? "ok" : message.at("data").at("code").as_string().c_str());
    }
    return all;
  }
  std::string ask(RawClient& client, const std::string& type, const std::string& data) {
    const std::size_t before = answers(client).size();
    client.send(encode({.payload = R"({"type":")" + type + R"(","id":1,"data":)" + data + "}"}));
    rig_.until([&] { return answers(client).size() > before; });
    return answers(client).back();
  }
  std::string subscribe(RawClient& client, const std::string& topic) {
    return ask(client, "subscribe", R"({"topic":")" + topic + R"("})");
  }
  // The flags of the events it has heard, and topics that it lost.
  static std::vector<std::string> heard(const RawClient& client) {
    std::vector<std::string> all;
    for (const boost::json::object& message : messages(client)) {
      const std::string type(message.at("type").as_string());
      if (type.starts_with("flag."))
        all.push_back(std::string(message.at("topic").as_string()) + " " +
                      std::string(message.at("data").at("flag_key").as_string()));
      if (type == "subscription.revoked")
        all.emplace_back("lost " + std::string(message.at("data").at("topic").as_string()));
    }
    return all;
  }
  hub::Identity identity(Role role) const { return {7, role}; }

  SessionRig rig_;
  AccountRef user_ = rig_.add_account(1, Role::user);
  AccountRef admin_ = rig_.add_account(2, Role::admin);
  Seq seq_ = 0;
};

TEST_F(SessionFlags, whoever_may_evaluate_may_follow) {
  const auto user = rig_.connect(*user_);
  const auto admin = rig_.connect(*admin_);
  for (const char* topic : {"flags", "flags/bep", "flags/bep/staging", "flags/open"})
    EXPECT_EQ(subscribe(*user, topic), "ok") << topic;
  for (const char* topic :
       {"flags/none", "flags/bep/none", "flags/bep/default", "flags/shop", "flags/bep/staging/x"})
    EXPECT_EQ(subscribe(*user, topic), "forbidden") << topic;
  EXPECT_EQ(subscribe(*admin, "flags/shop"), "ok");
  EXPECT_EQ(subscribe(*admin, "flags/none"), "forbidden");
  EXPECT_EQ(ask(*user, "publish", R"({"topic":"flags/bep","data":1})"), "forbidden");
  EXPECT_EQ(ask(*admin, "publish", R"({"topic":"flags/bep","data":1})"), "forbidden");
}

TEST_F(SessionFlags, T49_nobody_hears_of_a_flag_it_may_not_see) {
  const auto user = rig_.connect(*user_);
  const auto admin = rig_.connect(*admin_);
  for (RawClient* client : {user.get(), admin.get()}) {
    subscribe(*client, "flags");
    subscribe(*client, "flags/bep/staging");
  }
  publish({flag_event("bep", hidden), flag_event("bep", seen), flag_event("bep", gated),
           flag_event("shop", seen), flag_event("bep", hidden, "enabled", "staging"),
           flag_event("bep", seen, "enabled", "staging"), flag_event("gone", seen)});
  EXPECT_THAT(heard(*user), ElementsAre("flags/bep seen", "flags/bep/staging seen"));
  EXPECT_EQ(heard(*admin).size(), 7U);
}

TEST_F(SessionFlags, T49_what_is_hidden_now_is_not_told_of_before_and_the_other_way_round) {
  const auto was_hidden = flag_event("bep", {4, "shown-later", false});
  const auto was_seen = flag_event("bep", {2, "hidden", true});
  const auto is_gone = flag_event("bep", {9, "gone", true}, "deleted");
  const auto hidden_is_gone = flag_event("bep", {10, "hidden-is-gone", false}, "deleted");
  hub::EventDraft says_nothing = flag_event("bep", seen);
  says_nothing.attributes.clear();
  const auto user = rig_.connect(*user_);
  subscribe(*user, "flags/bep");
  publish({was_hidden, was_seen, is_gone, hidden_is_gone, says_nothing});
  EXPECT_THAT(heard(*user), ElementsAre("flags/bep gone"));
}

TEST_F(SessionFlags, T49_what_is_resumed_is_judged_as_it_is_now) {
  publish({flag_event("bep", seen), flag_event("bep", hidden), flag_event("open", seen)});
  const auto client = std::make_unique<RawClient>(rig_.context);
  Beginning beginning;
  beginning.events = {.since = Position{"epoch-1", 0}, .types = {}, .topics = {"flags", "flags/bep"}};
  beginning.committed = seq_;
  beginning.topic_floors = {0, 0};
  rig_.start(*client, rig_.principal(rig_.token(*user_)), std::move(beginning));
  rig_.settle();
  EXPECT_THAT(heard(*client), ElementsAre("flags/bep seen", "flags/open seen")) << "each once";
}

TEST_F(SessionFlags, T49_a_subscription_ends_with_the_access_it_was_for) {
  const auto user = rig_.connect(*user_);
  const auto admin = rig_.connect(*admin_);
  for (RawClient* client : {user.get(), admin.get()})
    for (const char* topic : {"flags/bep", "flags/bep/staging", "flags/open", "flags"})
      subscribe(*client, topic);
  const flags::NamespaceRef bep = *rig_.flags.find("bep");
  const auto one_environment = make_namespace("bep", NamespaceAccess::users, {seen});
  change(bep, one_environment);
  EXPECT_THAT(heard(*user), ElementsAre("lost flags/bep/staging"));
  const auto for_clients = make_namespace("bep", NamespaceAccess::clients, {seen});
  change(one_environment, for_clients);
  EXPECT_THAT(heard(*user), ElementsAre("lost flags/bep/staging", "lost flags/bep"));
  EXPECT_THAT(heard(*admin), ElementsAre("lost flags/bep/staging"));
  change(for_clients, nullptr);
  EXPECT_THAT(heard(*admin), ElementsAre("lost flags/bep/staging", "lost flags/bep"));
  publish({flag_event("open", seen)});
  EXPECT_EQ(heard(*user).back(), "flags/open seen");
}

TEST_F(SessionFlags, T49_a_subscription_ends_with_the_role_it_was_for) {
  const auto admin = rig_.connect(*admin_);
  for (const char* topic : {"flags/shop", "flags/bep", "flags"}) subscribe(*admin, topic);
  auto demoted = std::make_shared<Account>(*admin_);
  demoted->role = Role::user;
  rig_.publish({hub::AccountChanged{2, demoted, CloseReason::session_revoked}});
  publish({flag_event("shop", seen), flag_event("bep", hidden), flag_event("bep", seen)});
  EXPECT_THAT(heard(*admin), ElementsAre("lost flags/shop", "flags/bep seen"));
}

TEST_F(SessionFlags, whoever_follows_an_environment_that_becomes_the_default_one_is_told) {
  const auto user = rig_.connect(*user_);
  for (const char* topic : {"flags/bep", "flags/bep/staging"}) subscribe(*user, topic);
  change(*rig_.flags.find("bep"),
         make_namespace("bep", NamespaceAccess::users, {seen}, {"staging", "default"}));
  EXPECT_THAT(heard(*user), ElementsAre("lost flags/bep/staging"));
  EXPECT_EQ(subscribe(*user, "flags/bep/default"), "ok") << "it is one like others now";
  EXPECT_EQ(rig_.topics.topic_of_environment("flags/bep/staging"), "flags/bep");
  EXPECT_EQ(rig_.topics.topic_of_environment("flags/bep/default"), "flags/bep/default");
}

TEST_F(SessionFlags, T49_a_namespace_under_a_key_that_was_used_before_has_its_own_past_alone) {
  const auto user = rig_.connect(*user_);
  change(*rig_.flags.find("bep"), nullptr);
  change(nullptr, make_namespace("bep", NamespaceAccess::everybody, {{8, "new"}}, {"default"}, 9));
  subscribe(*user, "flags/bep");
  publish({flag_event("bep", seen), flag_event("bep", {7, "gone"}, "deleted"),
           flag_event("bep", {8, "new"}, "created", {}, 9)});
  EXPECT_THAT(heard(*user), ElementsAre("flags/bep new"));
}

TEST_F(SessionFlags, T25_what_was_read_for_an_administrator_of_flags_is_for_administrators) {
  constexpr std::uint8_t all = hub::Audience::everyone_bits;
  EXPECT_EQ(rig_.topics.readers_of("flags/bep", all, identity(Role::admin)), hub::Audience::admin_bits);
  EXPECT_EQ(rig_.topics.readers_of("flags/bep", all, identity(Role::user)), all);
  EXPECT_EQ(rig_.topics.readers_of("rooms/a", all, identity(Role::admin)), all);
}

TEST_F(SessionFlags, a_judgement_needs_no_memory) {
  const hub::EventRef event(new hub::Event(flag_event("bep", seen), 1, 0));
  const auto after = make_namespace("bep", NamespaceAccess::clients, {seen});
  const flags::NamespaceChange what{*rig_.flags.find("bep"), after};
  const corohub::test::AllocationCount allocations;
  EXPECT_TRUE(rig_.topics.shows(*event, identity(Role::user)));
  EXPECT_FALSE(rig_.topics.shows(*event, hub::Identity::guest()));
  rig_.flags.apply(what);
  EXPECT_EQ(allocations.so_far(), 0U);
}

// The topic of a default environment has events of the one that was it before.
TEST_F(SessionFlags, T49_a_client_hears_of_its_own_environment_whatever_is_the_default_one) {
  const flags::Namespace& bep = **rig_.flags.find("bep");
  auto client = std::make_shared<flags::Client>();
  client->id = 5;
  client->key = "agent";
  client->namespace_id = bep.id;
  rig_.flags.apply(flags::ClientChange{nullptr, client});
  boost::intrusive_ptr<hub::KeyHolder> holder(new hub::KeyHolder);
  holder->key_id = 1;
  holder->client_id = client->id;
  const hub::Identity agent = hub::Identity::of_key(std::move(holder));
  const auto shown = [&](std::string_view environment) {
    hub::EventDraft draft = flag_event("bep", seen);
    const std::string id = std::to_string((*bep.environment(environment))->id);
    draft.attributes.insert(draft.attributes.find(R"("hidden")"), R"("environment_id":)" + id + ",");
    const hub::EventRef event(new hub::Event(std::move(draft), 0, 0));
    return rig_.topics.shows(*event, agent);
  };
  EXPECT_TRUE(shown("default"));
  EXPECT_FALSE(shown("staging"));
}

TEST_F(SessionFlags, many_subscribers_share_one_judgement) {
  const hub::EventRef event(new hub::Event(flag_event("bep", seen), 1, 0));
  EXPECT_TRUE(rig_.topics.shows(*event, identity(Role::user)));
  const corohub::test::AllocationCount allocations;
  for (int i = 0; i < 1000; ++i) EXPECT_TRUE(rig_.topics.shows(*event, identity(Role::user)));
  EXPECT_EQ(allocations.so_far(), 0U);
  EXPECT_FALSE(rig_.topics.shows(*event, hub::Identity::guest())) << "each kind of viewer has its own";
  change(*rig_.flags.find("bep"), make_namespace("bep", NamespaceAccess::everybody, {seen}));
  EXPECT_TRUE(rig_.topics.shows(*event, hub::Identity::guest())) << "and each state of the namespace";
}

TEST_F(SessionFlags, a_poll_waits_for_what_it_may_see_alone) {
  Poller poller(rig_.shard, Entrant(rig_.principal(rig_.token(*user_))).identity(),
                asio::ip::address_v4::loopback(), {});
  poller.follow(rig_.topics, {"flags/bep", "flags/shop"});
  EXPECT_EQ(poller.subscription_count(), 1U);
  publish({flag_event("bep", hidden)});
  const auto waits = [&](SteadyTime end) {
    return corohub::test::run_task([&]() -> Task<Result<bool>> { co_return co_await poller.wait_until(end); })
        .value();
  };
  EXPECT_FALSE(waits(SteadyTime::min()));
  publish({flag_event("bep", seen)});
  EXPECT_TRUE(waits(SteadyTime::min()));
}

}  // namespace
}  // namespace corohub::gateway::test
