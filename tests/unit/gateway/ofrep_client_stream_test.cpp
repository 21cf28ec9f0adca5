// The streams of clients, of those who ask for one, and of users who are one: what they are told of, and when
// they end.
#include "ofrep_stream_rig.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace corohub::gateway::ofrep::test {
namespace {

using Headers = std::vector<std::pair<std::string, std::string>>;
using testing::HasSubstr;

class OfrepClientStreams : public OfrepStreams {
 protected:
  OfrepClientStreams() {
    put(State());
    put_client(9, 1);
    put_client(10);
  }

  struct State {
    Seq revision = 7;
    Seq of_staging = 3;
    std::vector<flags::Feature> of_gold{};
    bool staging_is_default = false;
    NamespaceAccess access = NamespaceAccess::clients;
  };
  void put(const State& state) {
    flags::EnvironmentParts plain;
    rig.put(name_space(
        "default", state.access,
        {environment("default", state.revision, {{"paid", MadeFlag().definition, true, "", true}, {"plain"}},
                     state.staging_is_default ? plain : default_parts()),
         environment("staging", state.of_staging, {{"staged"}},
                     state.staging_is_default ? default_parts() : plain)},
        {package("gold", state.of_gold), package("silver", {})}));
    settle();
  }
  // Its package is `gold` for 9, `silver` for others.
  static flags::Client client(std::int64_t id, std::optional<UserId> user = {}) {
    flags::Client made;
    made.id = id;
    made.key = "c" + std::to_string(id);
    made.namespace_id = id_of("default");
    made.package_id = id_of(id == 9 ? "gold" : "silver");
    made.user_id = user;
    return made;
  }
  void put_client(
      std::int64_t id, std::optional<UserId> user = {},
      const std::function<void(flags::Client&)>& change = [](flags::Client&) {}) {
    flags::Client made = client(id, user);
    change(made);
    made.version = ++version;
    rig.put(std::move(made));
    settle();
  }
  Headers key(std::int64_t client_id) { return {{"X-API-Key", rig.make_client_key(client_id)}}; }
  Headers service(const std::string& client = "c9") {
    return {{"X-API-Key", rig.make_key({"flags:evaluate:default"})}, {"X-Corohub-Client", client}};
  }
  // "1 0 1": how often each was told since the last call; "-" once it has ended.
  std::string told(const std::vector<Reader*>& list) {
    std::string text;
    for (Reader* const reader : list) {
      text += reader->ended ? "- " : std::to_string(reader->refetches()) + " ";
      reader->received.clear();
    }
    for (int i = 0; i < 3; ++i) tick();
    return text;
  }

  std::int64_t version = 1;
};

TEST_F(OfrepClientStreams, are_told_of_their_own_client_and_package_only) {
  const std::vector<Reader*> all{&open(address(key(9))), &open(address({{"Authorization", user_header()}})),
                                 &open(address(service())), &open(address(key(10)))};
  told(all);
  put({.of_gold = {{1, {}}}});
  EXPECT_EQ(told(all), "1 1 1 0 ") << "a package";
  using Client = flags::Client;
  const std::pair<const char*, std::function<void(Client&)>> changes[] = {
      {"attributes", [](Client& one) { one.attributes = R"({"a":1})"; }},
      {"package", [](Client& one) { one.package_id = 0; }},
      {"platform", [](Client& one) { one.platform_id = 5; }},
      {"override", [](Client& one) { one.overrides = {{1, true}}; }},
      {"environment", [](Client& one) { one.environment_id = id_of("staging"); }},
  };
  for (const auto& [what, change] : changes) {
    put_client(9, 1, change);
    EXPECT_EQ(told(all), "1 1 1 0 ") << what;
    put_client(9, 1);
    EXPECT_EQ(told(all), "1 1 1 0 ") << "not " << what;
  }
  put_client(9, 1, [](Client& one) { one.name = "Acme"; });
  EXPECT_EQ(told(all), "0 0 0 0 ") << "a name";
  put_client(10, {}, [](Client& one) { one.attributes = R"({"a":1})"; });
  EXPECT_EQ(told(all), "0 0 0 1 ");
}

TEST_F(OfrepClientStreams, T51f_end_with_their_client) {
  for (const bool gone : {false, true}) {
    const std::vector<Reader*> all{&open(address(key(9))), &open(address({{"Authorization", user_header()}})),
                                   &open(address(service())), &open(address(key(10)))};
    if (gone)
      rig.remove_client(9);
    else
      put_client(9, 1, [](flags::Client& one) { one.status = flags::Client::Status::disabled; });
    settle();
    EXPECT_EQ(told(all), "- - - 0 ");
    put_client(9, 1);
  }
}

TEST_F(OfrepClientStreams, T31_end_with_their_key) {
  Reader& other_key = open(address(key(9)));
  const std::string target = address(key(9));
  Reader& reader = open(target);
  rig.revoke_client_key();
  settle();
  EXPECT_EQ(told({&reader, &other_key}), "- 0 ");
  EXPECT_EQ(status(target), 401);
  const std::string by_service = address(service());
  Reader& served = open(by_service);
  rig.service_keys.end({.id = rig.key_id});
  settle();
  EXPECT_TRUE(served.ended);
  EXPECT_FALSE(other_key.ended);
}

TEST_F(OfrepClientStreams, T31_a_key_that_ends_while_its_stream_begins_has_none) {
  const std::string target = address(key(9));
  EXPECT_FALSE(open(target).ended);
  EXPECT_TRUE(open(target, {}, [&] { rig.revoke_client_key(); }).ended);
  const std::string by_service = address(service());
  EXPECT_TRUE(open(by_service, {}, [&] { rig.service_keys.end({.id = rig.key_id}); }).ended);
}

TEST_F(OfrepClientStreams, follow_their_client_to_another_environment_unless_they_named_one) {
  const Headers headers = key(9);
  Headers named = headers;
  named.emplace_back("X-Corohub-Environment", "default");
  const std::vector<Reader*> all{&open(address(headers)), &open(address(named))};
  put_client(9, 1, [](flags::Client& one) { one.environment_id = id_of("staging"); });
  EXPECT_EQ(told(all), "1 - ");
  put({.of_staging = 4});
  EXPECT_EQ(told({all[0]}), "1 ");
  put({.revision = 8, .of_staging = 4});
  EXPECT_EQ(told({all[0]}), "0 ") << "it is not there any more";
}

TEST_F(OfrepClientStreams, are_told_when_another_environment_is_the_default_one_unless_they_have_their_own) {
  put_client(10, {}, [](flags::Client& one) { one.environment_id = id_of("default"); });
  const std::vector<Reader*> all{&open(address(key(9))), &open(address(key(10)))};
  told(all);
  put({.staging_is_default = true});
  EXPECT_EQ(told(all), "1 0 ");
}

TEST_F(OfrepClientStreams, a_user_gains_and_loses_a_client) {
  put({.access = NamespaceAccess::users});
  account = rig.add_account(1, Role::user);
  const AccountRef second = rig.add_account(2, Role::user);
  const std::vector<Reader*> all{&open(address({{"Authorization", "Bearer " + rig.token(*account)}})),
                                 &open(address({{"Authorization", "Bearer " + rig.token(*second)}}))};
  told(all);
  put_client(9, 2);
  EXPECT_EQ(told(all), "1 1 ") << "from the one to the other";
  rig.remove_client(9);
  settle();
  EXPECT_EQ(told(all), "0 1 ");
}

TEST_F(OfrepClientStreams, are_told_at_once_of_what_came_before_they_were_open) {
  const Headers headers = key(9);
  const std::string old = address(headers);
  EXPECT_EQ(open(old).refetches(), 0U);
  put_client(9, 1, [](flags::Client& one) { one.package_id = 0; });
  EXPECT_EQ(open(old).refetches(), 1U);
  const UnixMs end = rig.clock.unix_ms() + 1000;
  put_client(9, 1, [&](flags::Client& one) { one.overrides = {{1, true, "", end}}; });
  const std::string before = address(headers);
  EXPECT_EQ(open(before).refetches(), 0U);
  rig.clock.advance(1s);
  EXPECT_EQ(open(before).refetches(), 1U) << "an override is past its time";
  put_client(9, 1);
  const std::string by_service = address(service());
  EXPECT_EQ(open(by_service).refetches(), 0U);
  put_client(9, 1, [](flags::Client& one) { one.status = flags::Client::Status::disabled; });
  EXPECT_EQ(status(by_service), 404);
  EXPECT_EQ(status(before), 401);
}

TEST_F(OfrepClientStreams, T63_are_listed_as_what_they_are) {
  put({.access = NamespaceAccess::everybody});
  const auto listed = [&](const Headers& headers) {
    const Reader& reader = open(address(headers));
    const auto list = rig.shard.list(10);
    EXPECT_EQ(list.size(), 1U);
    std::string text = std::to_string(list[0].user_id) + (list[0].is_guest ? " guest " : " ") +
                       std::to_string(rig.hub.roster().counts().total);
    rig.shard.close_all(CloseReason::draining, 0ms);
    for (int i = 0; i < 30; ++i) tick();
    EXPECT_TRUE(reader.ended);
    return text;
  };
  EXPECT_EQ(listed({}), "0 guest 0");
  EXPECT_EQ(listed(key(9)), "0 1") << "counted as role user";
  EXPECT_EQ(listed(service()), "0 1");
  EXPECT_EQ(listed({{"Authorization", user_header()}}), "1 1");
}

}  // namespace
}  // namespace corohub::gateway::ofrep::test
