// Which clients an event is for, as its attributes say.
#include "gateway/session/client_judge.hpp"

#include "support/flags.hpp"

#include <initializer_list>

#include <gtest/gtest.h>

namespace corohub::gateway {
namespace {

flags::ClientRef client(std::int64_t id, std::int64_t name_space, std::int64_t package,
                        std::optional<UserId> user, bool active = true) {
  flags::Client made;
  made.id = id;
  made.key = "c" + std::to_string(id);
  made.namespace_id = name_space;
  made.package_id = package;
  made.user_id = user;
  made.status = active ? flags::Client::Status::active : flags::Client::Status::disabled;
  return std::make_shared<const flags::Client>(std::move(made));
}

hub::Identity key_of(std::int64_t client_id) {
  auto holder = boost::intrusive_ptr<hub::KeyHolder>(new hub::KeyHolder);
  holder->key_id = 100 + client_id;
  holder->client_id = client_id;
  return hub::Identity::of_key(std::move(holder));
}

hub::EventRef event_for(std::string attributes, Seq seq) {
  return new hub::Event({.type = "package.updated",
                         .data = "{}",
                         .audience = hub::Audience::admins_and_clients(),
                         .attributes = std::move(attributes)},
                        seq, 0);
}

TEST(ClientJudge, T49_finds_the_clients_that_an_event_names) {
  flags::Directory directory;
  directory.begin_with({}, {client(1, 3, 7, 11), client(2, 3, 8, 12), client(3, 3, 7, 13, false),
                            client(4, 5, 7, 14), client(5, 5, 0, 11)});
  const ClientJudge judge(directory);
  struct Row {
    const char* attributes;
    std::vector<int> users;  // 11 to 15
    std::vector<int> keys;   // of the clients 1 to 4, and of one that is gone
  };
  const std::vector<Row> table = {
      {R"({"for":{"namespace":3}})", {1, 1, 0, 0, 0}, {1, 1, 0, 0, 0}},
      {R"({"for":{"namespace":5}})", {1, 0, 0, 1, 0}, {0, 0, 0, 1, 0}},
      {R"({"for":{"namespace":3,"package":7}})", {1, 0, 0, 0, 0}, {1, 0, 0, 0, 0}},
      {R"({"for":{"namespace":3,"client":2}})", {0, 1, 0, 0, 0}, {0, 1, 0, 0, 0}},
      {R"({"for":{"namespace":3,"client":3}})", {0, 0, 1, 0, 0}, {0, 0, 1, 0, 0}},
      {R"({"for":{"namespace":5,"client":2}})", {0, 0, 0, 0, 0}, {0, 0, 0, 0, 0}},
      {R"({"for":{}})", {0, 0, 0, 0, 0}, {0, 0, 0, 0, 0}},
      {R"({"for":3})", {0, 0, 0, 0, 0}, {0, 0, 0, 0, 0}},
      {"", {0, 0, 0, 0, 0}, {0, 0, 0, 0, 0}},
  };
  for (const Seq first : {0, 1}) {  // events that are in no log, and others
    Seq seq = first;
    for (const Row& row : table) {
      SCOPED_TRACE(row.attributes);
      const hub::EventRef event = event_for(row.attributes, seq);
      if (seq > 0) ++seq;
      std::vector<int> users;
      std::vector<int> keys;
      for (const UserId user : {11, 12, 13, 14, 15})
        users.push_back(judge.includes(*event, {user, Role::user}) ? 1 : 0);
      for (const std::int64_t id : {1, 2, 3, 4, 9})
        keys.push_back(judge.includes(*event, key_of(id)) ? 1 : 0);
      EXPECT_EQ(users, row.users);
      EXPECT_EQ(keys, row.keys);
      EXPECT_FALSE(judge.includes(*event, hub::Identity::guest()));
      EXPECT_FALSE(judge.includes(*event, key_of(0))) << "a service";
    }
  }
}

TEST(ClientJudge, T49_judges_by_what_is_true_now) {
  flags::Directory directory;
  const flags::ClientRef before = client(1, 3, 7, 11);
  directory.begin_with({}, {before});
  const ClientJudge judge(directory);
  const hub::EventRef event = event_for(R"({"for":{"namespace":3,"package":7}})", 5);
  EXPECT_TRUE(judge.includes(*event, {11, Role::user}));
  directory.apply(flags::ClientChange{before, client(1, 3, 8, 11)});
  EXPECT_FALSE(judge.includes(*event, {11, Role::user}));
}

TEST(ClientJudge, T49_a_user_among_clients_has_a_part_in_what_is_for_all_of_them_where_it_may_evaluate) {
  flags::Directory directory;
  directory.begin_with(
      {corohub::test::make_namespace("open", flags::NamespaceAccess::users, {}, {"default"}, 3),
       corohub::test::make_namespace("shut", flags::NamespaceAccess::clients, {}, {"default"}, 5)},
      {client(1, 3, 7, 11), client(3, 3, 7, 13, false)});
  const ClientJudge judge(directory);
  const struct {
    const char* attributes;
    std::vector<int> users;  // 11, 13, whose client is disabled, and 15, who is none
  } table[] = {
      {R"({"for":{"namespace":3}})", {1, 1, 1}},
      {R"({"for":{"namespace":5}})", {0, 0, 0}},
      {R"({"for":{"namespace":9}})", {0, 0, 0}},
      {R"({"for":{"namespace":3,"package":7}})", {1, 0, 0}},
      {R"({"for":{"namespace":3,"client":3}})", {0, 1, 0}},
      {R"({"for":{"namespace":3,"client":1,"former_user":15}})", {1, 0, 1}},
  };
  Seq seq = 0;
  for (const auto& [attributes, expected] : table) {
    const hub::EventRef event = event_for(attributes, ++seq);
    std::vector<int> users;
    for (const UserId user : {11, 13, 15}) {
      hub::Identity who{user, Role::user};
      who.is_among_clients = true;
      users.push_back(judge.includes(*event, who) ? 1 : 0);
    }
    EXPECT_EQ(users, expected) << attributes;
    EXPECT_FALSE(judge.includes(*event, {15, Role::user})) << "elsewhere it is no client";
  }
}

}  // namespace
}  // namespace corohub::gateway
