// Clients: what bodies may say, what a change tells whom, and how overrides end.
#include "client_room.hpp"
#include "flags/gone_flags.hpp"

#include <chrono>

#include <gmock/gmock.h>

namespace corohub::flags::test {
namespace {

using namespace std::chrono_literals;
using corohub::test::complaints_of;
using corohub::test::object_of;
using testing::ElementsAre;
using testing::IsEmpty;

// ---- bodies ----

struct Bad {
  std::string body;
  std::string complaint;
};

TEST(ClientBodies, what_is_wrong_is_named) {
  const std::string deep = R"({"a":{"a":{"a":{"a":{"a":{"a":{"a":{"a":1}}}}}}}})";
  const std::string deeper = R"({"a":)" + deep + "}";
  const Bad table[] = {
      {R"({})", "/key required"},
      {R"({"key":""})", "/key too_short"},
      {R"({"key":"a b"})", "/key invalid_format"},
      {R"({"key":"/a"})", "/key invalid_format"},
      {R"({"key":")" + std::string(129, 'a') + R"("})", "/key too_long"},
      {R"({"key":"a","id":1})", "/id unknown_member"},
      {R"({"key":"a","colour":1})", "/colour unknown_member"},
      {R"({"key":"a","name":7})", "/name invalid_type"},
      {R"({"key":"a","user_id":"7"})", "/user_id invalid_type"},
      {R"({"key":"a","user_id":0})", "/user_id out_of_range"},
      {R"({"key":"a","package":7})", "/package invalid_type"},
      {R"({"key":"a","platform":"a b"})", "/platform invalid_format"},
      {R"({"key":"a","environment":[]})", "/environment invalid_type"},
      {R"({"key":"a","attributes":[]})", "/attributes invalid_type"},
      {R"({"key":"a","attributes":)" + deeper + "}", "/attributes too_complex"},
      {R"({"key":"a","attributes":{"a":")" + std::string(4096, 'x') + R"("}})", "/attributes out_of_range"},
      {R"({"key":"a","status":"away"})", "/status unknown_value"},
      {R"({"key":"a","overrides":[]})", "/overrides invalid_type"},
      {R"({"key":"a","overrides":{"f":true}})", "/overrides/f invalid_type"},
      {R"({"key":"a","overrides":{"f":{}}})", "/overrides/f/grant required"},
      {R"({"key":"a","overrides":{"f":{"grant":1}}})", "/overrides/f/grant invalid_type"},
      {R"({"key":"a","overrides":{"f":{"grant":true,"x":1}}})", "/overrides/f/x unknown_member"},
      {R"({"key":"a","overrides":{"f":{"grant":true,"reason":1}}})", "/overrides/f/reason invalid_type"},
      {R"({"key":"a","overrides":{"f":{"grant":true,"expires_at":"soon"}}})",
       "/overrides/f/expires_at invalid_format"},
      {R"({"key":"a","overrides":{"f/g":{"grant":true}}})", "/overrides/f~1g unknown_flag"},
  };
  for (const Bad& one : table) {
    const Result<ClientBody> read = read_new_client(object_of(one.body));
    ASSERT_FALSE(read) << one.body;
    EXPECT_THAT(complaints_of(read.error()), ElementsAre(one.complaint)) << one.body;
  }
  EXPECT_TRUE(read_new_client(object_of(R"({"key":"a:b@c.d_e-f","attributes":)" + deep + "}")));
}

TEST(ClientBodies, attributes_and_overrides_share_four_kib) {
  const auto body = [](std::size_t attributes, std::size_t reason) {
    return object_of(R"({"key":"a","attributes":{"a":")" + std::string(attributes, 'x') +
                     R"("},"overrides":{"f":{"grant":true,"reason":")" + std::string(reason, 'y') +
                     R"("}}})");
  };
  EXPECT_TRUE(read_new_client(body(3500, 400)));
  const auto alone = [](std::size_t attributes) {
    return object_of(R"({"key":"a","attributes":{"a":")" + std::string(attributes - 8, 'x') + R"("}})");
  };
  EXPECT_TRUE(read_new_client(alone(client_bytes_max))) << "all of it, while nothing is overridden";
  EXPECT_FALSE(read_new_client(alone(client_bytes_max + 1)));
  EXPECT_THAT(complaints_of(read_new_client(body(4000, 400)).error()),
              ElementsAre("/overrides out_of_range"));
}

TEST(ClientBodies, a_patch_changes_what_it_names) {
  ShownClient base;
  base.client.key = base.client.name = "a";
  base.client.attributes = R"({"plan":"gold","n":1})";
  base.client.user_id = 7;
  base.package = "pro";
  base.client.overrides = {{1, true, "trial", 1'000'123}};
  base.flags = {"f"};
  const ClientBody body =
      patch_client(base, object_of(R"({"attributes":{"n":null,"m":2},"overrides":{"f":{"grant":false}}})"))
          .value();
  EXPECT_EQ(body.attributes, R"({"plan":"gold","m":2})");
  EXPECT_EQ(body.user_id, 7);
  EXPECT_EQ(body.package, "pro");
  ASSERT_EQ(body.overrides.size(), 1U);
  EXPECT_FALSE(body.overrides[0].granted);
  EXPECT_EQ(body.overrides[0].reason, "trial");
  EXPECT_EQ(body.overrides[0].expires_at, 1'000'123) << "to the millisecond";
  const ClientBody none = patch_client(base, object_of(R"({"overrides":null,"package":null})")).value();
  EXPECT_THAT(none.overrides, IsEmpty());
  EXPECT_EQ(none.package, std::nullopt);
  EXPECT_EQ(patch_client(base, object_of(R"({"key":"b"})")).error().code, ErrorCode::field_not_allowed);
}

// ---- changes ----

class Clients : public testing::Test {
 protected:
  struct Logged {
    std::string type;
    json::object data;
    json::object attributes;
    std::int64_t roles = 0;
    std::int64_t user = 0;
  };
  Logged last_event() {
    auto read = [](storage::Snapshot& snapshot) -> Result<Logged> {
      storage::Query query = snapshot.query(
          "SELECT type, data, attributes, roles, coalesce(user_id, 0) FROM events ORDER BY seq DESC LIMIT 1");
      query.next();
      return Logged{query.text(0), object_of(query.text(1)), object_of(query.text(2)), query.integer(3),
                    query.integer(4)};
    };
    return room_.database.read(read).value();
  }
  std::vector<std::string> audit() {
    auto read = [](storage::Snapshot& snapshot) -> Result<std::vector<std::string>> {
      storage::Query query =
          snapshot.query("SELECT action, entity FROM audit WHERE action LIKE 'client%' ORDER BY id");
      std::vector<std::string> rows;
      while (query.next()) rows.push_back(query.text(0) + " " + query.text(1));
      return rows;
    };
    return room_.database.read(read).value();
  }
  std::string override_until(const std::string& key, std::chrono::milliseconds in) {
    return R"({"key":")" + key + R"(","overrides":{"f0":{"grant":true,"expires_at":")" +
           rfc3339(room_.database.clock.unix_ms() + in.count()) + R"("},"f1":{"grant":false}}})";
  }
  const Client& client(std::string_view key) { return *room_.index().find(room_.name_space().id, key); }

  ClientRoom room_;
};

TEST_F(Clients, an_event_is_for_admins_the_client_and_its_user_and_says_no_attribute) {
  const UserId user = room_.make_user("u");
  ASSERT_TRUE(
      room_.put(R"({"key":"acme","attributes":{"plan":"gold"},"user_id":)" + std::to_string(user) + "}"));
  const Logged made = last_event();
  EXPECT_EQ(made.type, "client.created");
  EXPECT_EQ(json_text(made.data),
            R"({"namespace":"bep","id":1,"key":"acme","changes":[],"changed_by":null,"version":1})");
  EXPECT_EQ(json_text(made.attributes),
            R"({"for":{"namespace":)" + std::to_string(room_.name_space().id) + R"(,"client":1}})");
  EXPECT_EQ(made.roles, hub::Audience::admin_bits | hub::Audience::judged_bit);
  EXPECT_EQ(made.user, user);
  ASSERT_TRUE(room_.put(R"({"key":"acme","platform":"web","status":"disabled"})"));
  EXPECT_EQ(json_text(last_event().data.at("changes")), R"(["user_id","platform","attributes","status"])");
  EXPECT_EQ(last_event().user, 0);
  EXPECT_EQ(last_event().attributes.at("for").at("former_user"), user);
  ASSERT_TRUE(room_.remove("acme"));
  EXPECT_EQ(last_event().type, "client.deleted");
  EXPECT_EQ(last_event().data.at("version"), 2);
  EXPECT_THAT(audit(), ElementsAre("client.create bep/clients/acme", "client.update bep/clients/acme",
                                   "client.delete bep/clients/acme"));
}

TEST_F(Clients, what_it_names_must_be_there) {
  const Result<ClientRef> bad = room_.put(
      R"({"key":"a","user_id":99,"package":"no","platform":"no","environment":"no","overrides":{"no":{"grant":true}}})");
  EXPECT_THAT(complaints_of(bad.error()),
              ElementsAre("/user_id unknown_value", "/package unknown_value", "/platform unknown_value",
                          "/environment unknown_value", "/overrides/no unknown_flag"));
  EXPECT_THAT(room_.events(), IsEmpty());
}

TEST_F(Clients, attributes_with_their_members_in_another_order_are_no_change) {
  ASSERT_TRUE(room_.put(R"({"key":"a","attributes":{"plan":"gold","at":{"x":1,"y":2}}})"));
  room_.events();
  ASSERT_TRUE(room_.put(R"({"key":"a","attributes":{"at":{"y":2,"x":1},"plan":"gold"}})"));
  EXPECT_THAT(room_.events(), IsEmpty());
  EXPECT_EQ(client("a").version, 1);
}

TEST_F(Clients, a_user_has_one_client_in_a_namespace) {
  const std::string user = std::to_string(room_.make_user("u"));
  ASSERT_TRUE(room_.put(R"({"key":"a","user_id":)" + user + "}"));
  EXPECT_EQ(room_.put(R"({"key":"b","user_id":)" + user + "}").error().code, ErrorCode::key_taken);
  EXPECT_TRUE(room_.put(R"({"key":"a","name":"A","user_id":)" + user + "}")) << "the same one";
}

TEST_F(Clients, T32_a_user_who_is_deleted_is_nobodys_user_and_that_is_told) {
  const UserId user = room_.make_user("u");
  ASSERT_TRUE(room_.put(R"({"key":"a","user_id":)" + std::to_string(user) + "}"));
  room_.events();
  ASSERT_TRUE(room_.remove_user(user));
  EXPECT_EQ(room_.index().of_user(room_.name_space().id, user), nullptr);
  EXPECT_EQ(client("a").user_id, std::nullopt);
  EXPECT_THAT(room_.events(), ElementsAre(R"(client.updated a 2 ["user_id"])"));
}

// ---- expiry ----

TEST_F(Clients, an_override_goes_when_its_time_has_come_and_not_before) {
  ASSERT_TRUE(room_.put(override_until("a", 10s)));
  room_.events();
  room_.database.clock.advance(9'999ms);
  EXPECT_FALSE(room_.expiry.due());
  EXPECT_TRUE(client("a").overrides[0].holds(room_.database.clock.unix_ms()));
  room_.database.clock.advance(1ms);
  EXPECT_FALSE(client("a").overrides[0].holds(room_.database.clock.unix_ms())) << "at once";
  ASSERT_TRUE(room_.expiry.due());
  EXPECT_EQ(room_.expire(), 1U);
  EXPECT_FALSE(room_.expiry.due());
  EXPECT_EQ(client("a").overrides.size(), 1U) << "the other one has no end";
  EXPECT_THAT(room_.events(), ElementsAre(R"(client.updated a 2 ["overrides"])"));
  EXPECT_EQ(last_event().data.at("changed_by"), nullptr);
  EXPECT_THAT(audit(), ElementsAre("client.create bep/clients/a", "client.update bep/clients/a"));
}

TEST_F(Clients, T69_a_step_of_the_clock_brings_its_end_or_puts_it_off) {
  ASSERT_TRUE(room_.put(override_until("a", 10s)));
  room_.database.clock.step_wall(-1h);
  room_.database.clock.advance(11s);
  EXPECT_EQ(room_.expire(), 0U);
  EXPECT_EQ(client("a").overrides.size(), 2U);
  room_.database.clock.step_wall(1h);
  ASSERT_TRUE(room_.expiry.due());
  EXPECT_EQ(room_.expire(), 1U);
  EXPECT_EQ(client("a").overrides.size(), 1U);
}

TEST_F(Clients, many_overrides_go_in_bounded_portions) {
  for (int i = 0; i < 150; ++i) ASSERT_TRUE(room_.put(override_until("c" + std::to_string(i), 1s)));
  room_.database.clock.advance(1h);
  auto portion = [](storage::UnitOfWork& work) -> Result<std::size_t> {
    return clients_with_expired(work, 64).size();
  };
  EXPECT_EQ(room_.commit(portion).value().value, 64U);
  EXPECT_EQ(room_.expire(), 150U);
  EXPECT_EQ(room_.stored(), room_.known());
}

TEST_F(Clients, what_expired_while_the_server_was_away_goes_at_the_start) {
  ASSERT_TRUE(room_.put(override_until("a", 1s)));
  room_.database.clock.advance(1h);
  EXPECT_FALSE(room_.flags.schedule_due()) << "this one has not been told";
  ASSERT_TRUE(corohub::test::run_task([this] { return room_.flags.begin(1); }));
  EXPECT_EQ(client("a").overrides.size(), 2U) << "read with the others";
  ASSERT_TRUE(room_.flags.schedule_due());
  EXPECT_EQ(corohub::test::run_task([this] { return room_.flags.run_schedule(); }), 1U);
  EXPECT_EQ(client("a").overrides.size(), 1U);
}

TEST_F(Clients, what_the_storage_refuses_expires_a_second_later) {
  ASSERT_TRUE(room_.put(override_until("a", 1s)));
  room_.database.clock.advance(1s);
  corohub::test::FaultyVfs::disk_full() = true;
  EXPECT_EQ(room_.expire(), 0U);
  corohub::test::FaultyVfs::disk_full() = false;
  EXPECT_FALSE(room_.expiry.due());
  room_.database.clock.advance(1s);
  ASSERT_TRUE(room_.expiry.due());
  EXPECT_EQ(room_.expire(), 1U);
}

// ---- flags that go ----

TEST_F(Clients, an_override_goes_with_its_flag_as_a_change_of_the_client) {
  ASSERT_TRUE(room_.put(R"({"key":"a","overrides":{"f0":{"grant":true},"f1":{"grant":false}}})"));
  ASSERT_TRUE(room_.put(R"({"key":"b","overrides":{"f1":{"grant":false}}})"));
  room_.events();
  ASSERT_TRUE(room_.remove_flags({"f0"}));
  EXPECT_THAT(room_.events(), ElementsAre(R"(client.updated a 2 ["overrides"])"));
  EXPECT_EQ(client("a").overrides.size(), 1U);
  EXPECT_EQ(room_.stored(), room_.known());
  EXPECT_FALSE(room_.expiry.due());
  EXPECT_THAT(audit(), ElementsAre("client.create bep/clients/a", "client.create bep/clients/b",
                                   "client.update bep/clients/a"));
}

TEST_F(Clients, a_unit_that_deletes_flags_changes_few_clients_and_others_follow) {
  constexpr std::size_t many = 2 * changed_clients_per_unit_max + 3;
  for (std::size_t i = 0; i < many; ++i)
    ASSERT_TRUE(room_.put(R"({"key":"c)" + std::to_string(i) +
                          R"(","overrides":{"f0":{"grant":true},"f1":{"grant":true},"f2":{"grant":true}}})"));
  room_.events();
  ASSERT_TRUE(room_.remove_flags({"f0", "f1"}));
  EXPECT_EQ(room_.events().size(), changed_clients_per_unit_max);
  EXPECT_EQ(room_.stored(), room_.known()) << "versions, too, of those whose turn has not come";
  ASSERT_TRUE(corohub::test::run_task([this] { return room_.flags.begin(1); }))
      << "the server may end between";
  ASSERT_TRUE(room_.flags.schedule_due());
  ASSERT_TRUE(room_.expiry.due());
  EXPECT_EQ(room_.expire(), many - changed_clients_per_unit_max);
  EXPECT_EQ(room_.events().size(), many - changed_clients_per_unit_max);
  EXPECT_FALSE(room_.expiry.due());
  EXPECT_EQ(room_.stored(), room_.known());
  for (std::size_t i = 0; i < many; ++i) {
    const Client& one = client("c" + std::to_string(i));
    EXPECT_EQ(one.version, 2);
    EXPECT_EQ(one.overrides.size(), 1U);
  }
}

// ---- lists ----

TEST_F(Clients, are_listed_by_key_in_pages_and_by_what_they_have) {
  const std::string user = std::to_string(room_.make_user("u"));
  ASSERT_TRUE(room_.put(R"({"key":"b","status":"disabled"})"));
  ASSERT_TRUE(room_.put(R"({"key":"a","platform":"web"})"));
  ASSERT_TRUE(room_.put(R"({"key":"c","user_id":)" + user + "}"));
  const auto keys = [this](ClientQuery query) {
    query.namespace_id = room_.name_space().id;
    auto read = [query](storage::Snapshot& snapshot) {
      return Result<ClientPage>(list_clients(snapshot, query));
    };
    const ClientPage page = room_.database.read(read).value();
    std::string text = std::to_string(page.total) + ":";
    for (const ShownClient& one : page.clients) text += one.client.key;
    return text + (page.more ? "+" : "");
  };
  EXPECT_EQ(keys({}), "3:abc");
  EXPECT_EQ(keys({.limit = 2}), "3:ab+");
  EXPECT_EQ(keys({.after = "b", .limit = 2}), "3:c");
  EXPECT_EQ(keys({.skip = 1, .limit = 1}), "3:b+");
  EXPECT_EQ(keys({.platform = "web"}), "1:a");
  EXPECT_EQ(keys({.platform = "no"}), "0:");
  EXPECT_EQ(keys({.status = Client::Status::active}), "2:ac");
  EXPECT_EQ(keys({.user_id = std::stoll(user)}), "1:c");
  EXPECT_EQ(keys({.platform = "web", .status = Client::Status::disabled}), "0:");
  EXPECT_EQ(keys({.platform = "web", .user_id = std::stoll(user)}), "0:");
}

TEST_F(Clients, are_found_by_the_index_of_what_they_have) {
  const auto plan = [this](ClientQuery query) {
    auto read = [sql = "EXPLAIN QUERY PLAN " + client_page_sql(query)](storage::Snapshot& snapshot) {
      storage::Query row = snapshot.query(sql);
      row.bind(1, 1, 1, 1, 1, 1, 1, 1);
      std::string text;
      while (row.next()) text += row.text(3) + '\n';
      return Result<std::string>(text);
    };
    return room_.database.read(read).value();
  };
  using testing::AllOf, testing::HasSubstr, testing::Not;
  const auto by = [](const std::string& index) {
    return AllOf(HasSubstr("SEARCH c USING INDEX " + index + " "), Not(HasSubstr("TEMP B-TREE")));
  };
  EXPECT_THAT(plan({}), by("sqlite_autoindex_clients_1"));
  EXPECT_THAT(plan({.status = Client::Status::active}), by("sqlite_autoindex_clients_1"));
  EXPECT_THAT(plan({.package = "p"}), by("clients_by_package"));
  EXPECT_THAT(plan({.platform = "web"}), by("clients_by_platform"));
  EXPECT_THAT(plan({.user_id = 1}), HasSubstr("SEARCH c USING INDEX clients_by_user "));
}

TEST_F(Clients, are_so_many_in_a_namespace_and_no_more) {
  const auto has_max = [this](const char* sql) {
    bool max = false;
    room_
        .commit([&](storage::UnitOfWork& work) -> Result<storage::Nothing> {
          work.query(sql).run();
          max = has_clients_max(work, room_.name_space().id);
          return storage::Nothing{};
        })
        .value();
    return max;
  };
  EXPECT_FALSE(has_max("SELECT 1"));
  EXPECT_FALSE(
      has_max("WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 99999) INSERT INTO "
              "clients (namespace_id, key, name, version, created_at, updated_at) SELECT (SELECT id FROM "
              "namespaces WHERE key = 'bep'), 'k' || i, '', 1, 1, 1 FROM n"));
  const std::string one =
      "INSERT INTO clients (namespace_id, key, name, version, created_at, updated_at) SELECT namespace_id, "
      "'last', '', 1, 1, 1 FROM clients LIMIT 1";
  EXPECT_TRUE(has_max(one.c_str()));
  EXPECT_FALSE(has_max("DELETE FROM clients WHERE key = 'k500'")) << "whose ids have gaps";
}

}  // namespace
}  // namespace corohub::flags::test
