// Lists of accounts: what is found, in which order, from where on, and at what cost.
#include "users/user_list.hpp"

#include "house.hpp"
#include "users/user_repository.hpp"

#include <algorithm>
#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace corohub::users::test {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::StartsWith;
using ::testing::UnorderedElementsAre;

void add(storage::UnitOfWork& work, std::string name, std::string email, Role role = Role::user) {
  UserRow row;
  row.account.name = std::move(name);
  row.account.email = std::move(email);
  row.account.role = role;
  row.password_hash = "none";
  insert_user(work, row);
}

template <class F>
void write(House& house, F change) {
  auto unit = [change](storage::UnitOfWork& work) -> Result<storage::Nothing> {
    change(work);
    return storage::Nothing{};
  };
  ASSERT_TRUE(house.run([&] { return house.writer().commit(unit); }).has_value());
}

UserPage list(House& house, UserQuery query) {
  auto look = [query](storage::Snapshot& snapshot) { return list_users(snapshot, query); };
  return house.run([&] { return house.readers().read(look); }).value();
}

std::vector<std::string> found(House& house, std::string text, std::optional<Role> role = {}) {
  UserQuery query;
  query.text = std::move(text);
  query.role = role;
  std::vector<std::string> names;
  const UserPage page = list(house, query);
  for (const Account& account : page.users) names.push_back(account.name);
  EXPECT_EQ(page.total, static_cast<std::int64_t>(names.size()));
  return names;
}

std::vector<std::string> plan_of(storage::Snapshot& snapshot, const std::string& statement) {
  std::vector<std::string> steps;
  storage::Query query = snapshot.query("EXPLAIN QUERY PLAN " + statement);
  int parameters = 2;
  while (statement.find('?' + std::to_string(parameters + 1)) != std::string::npos) ++parameters;
  for (int i = 0; i < parameters; ++i) query.bind(1);
  while (query.next()) steps.push_back(query.text(3));
  return steps;
}

TEST(UserList, no_statement_walks_over_the_accounts) {
  House house;
  auto look = [](storage::Snapshot& snapshot) -> Result<storage::Nothing> {
    for (const std::string& statement : user_list_statements()) {
      SCOPED_TRACE(statement);
      const bool searches = statement.find("MATCH") != std::string::npos;
      for (const std::string& step : plan_of(snapshot, statement)) {
        if (!step.starts_with("SCAN users_search VIRTUAL TABLE INDEX"))
          EXPECT_THAT(step, Not(StartsWith("SCAN users")));
        if (!searches) EXPECT_THAT(step, Not(StartsWith("USE TEMP B-TREE"))) << "sorted by its index";
      }
    }
    return storage::Nothing{};
  };
  EXPECT_EQ(user_list_statements().size(), 41U);
  ASSERT_TRUE(house.run([&] { return house.readers().read(look); }).has_value());
}

TEST(UserList, a_cursor_goes_through_every_order_without_gap_or_double) {
  House house;
  write(house, [](storage::UnitOfWork& work) {
    for (int i = 0; i < 40; ++i)
      add(work,
          i % 3 == 0   ? "bob"
          : i % 3 == 1 ? "Bob"
                       : "Zoë " + std::to_string(i),
          "U" + std::to_string((i * 7) % 40) + "@example.com", static_cast<Role>(i % 7 == 0 ? i / 7 % 3 : 0));
  });
  for (const UserSort sort :
       {UserSort::id, UserSort::name, UserSort::email, UserSort::created_at, UserSort::updated_at})
    for (const bool descending : {false, true})
      for (const std::optional<Role> role : {std::optional<Role>(), {Role::user}, {Role::admin}})
        for (const std::optional<std::string>& text : {std::optional<std::string>(), {"BOB"}, {"example"}}) {
          UserQuery query;
          query.sort = sort;
          query.descending = descending;
          query.role = role;
          query.text = text;
          query.per_page = 100;
          const UserPage whole = list(house, query);
          EXPECT_FALSE(whole.next);
          std::vector<UserId> expected;
          for (const Account& account : whole.users) expected.push_back(account.id);
          EXPECT_EQ(whole.total, static_cast<std::int64_t>(expected.size()));
          EXPECT_FALSE(expected.empty()) << (role ? name(*role) : "all") << " " << text.value_or("-");

          query.per_page = 3;
          std::vector<UserId> got;
          for (bool more = true; more;) {
            const UserPage page = list(house, query);
            for (const Account& account : page.users) got.push_back(account.id);
            more = page.next.has_value();
            if (more) query.after = parse_cursor(cursor_text(*page.next, sort, descending), sort, descending);
            ASSERT_TRUE(!more || query.after);
          }
          EXPECT_EQ(got, expected) << static_cast<int>(sort) << descending << text.value_or("");
        }
}

TEST(UserList, finds_any_three_characters_and_the_beginning_by_fewer) {
  House house;
  write(house, [](storage::UnitOfWork& work) {
    add(work, "Jürgen ÄRGER", "j.a@example.com");
    add(work, "Ann \"the\" O'Neil", "ann@work.example", Role::admin);
    add(work, "Bo", "x@example.org", Role::superadmin);
  });
  EXPECT_THAT(found(house, "ärg"), ElementsAre("Jürgen ÄRGER")) << "without case, whatever the script";
  EXPECT_THAT(found(house, "RGEN Ä"), ElementsAre("Jürgen ÄRGER"));
  EXPECT_THAT(found(house, "@WORK"), ElementsAre("Ann \"the\" O'Neil"));
  EXPECT_THAT(found(house, "\"the\""), ElementsAre("Ann \"the\" O'Neil"));
  EXPECT_THAT(found(house, "o'n"), ElementsAre("Ann \"the\" O'Neil"));
  EXPECT_THAT(found(house, "example").size(), 3U);
  EXPECT_THAT(found(house, "bo"), ElementsAre("Bo"));
  EXPECT_THAT(found(house, "J"), ElementsAre("Jürgen ÄRGER"));
  EXPECT_THAT(found(house, "x"), ElementsAre("Bo")) << "of the address, too";
  for (const std::string text : {"%", "_", "ar", "bob", "exa*", "name : ann", "ann OR bob", "NOT", "\"",
                                 "\"\"\"", "*", "{name}", "^ann", "admin"})
    EXPECT_THAT(found(house, text), IsEmpty()) << "T52: nothing of it is a pattern: " << text;
  EXPECT_THAT(found(house, "example", Role::user), ElementsAre("Jürgen ÄRGER"));
  EXPECT_THAT(found(house, "example", Role::admin), ElementsAre("Ann \"the\" O'Neil"));
  EXPECT_THAT(found(house, "example", Role::superadmin), ElementsAre("Bo"));
}

TEST(UserList, what_is_found_follows_every_change) {
  House house;
  const Person root = house.person("root", Role::superadmin);
  const Person ann = house.person("ann");
  const std::string path = "/api/v1/admin/users/" + std::to_string(ann.id);
  ASSERT_EQ(house.send(Method::patch, path, {{"name", "Maria"}, {"email", "m@example.org"}}, root).status,
            200);
  EXPECT_THAT(found(house, "ann"), IsEmpty());
  EXPECT_THAT(found(house, "mari"), ElementsAre("Maria"));
  ASSERT_EQ(house.send(Method::put, path + "/role", {{"role", "admin"}}, root).status, 200);
  EXPECT_THAT(found(house, "maria", Role::user), IsEmpty());
  EXPECT_THAT(found(house, "maria", Role::admin), ElementsAre("Maria"));
  ASSERT_EQ(house.send(Method::patch, path, {{"email", root.email}}, root).status, 409) << "rolled back";
  EXPECT_THAT(found(house, "example.org"), ElementsAre("Maria"));
  ASSERT_EQ(house.del(path, root).status, 204);
  EXPECT_THAT(found(house, "maria"), IsEmpty());
  EXPECT_EQ(list(house, {}).total, 1);
}

TEST(UserList, totals_are_exact_by_role_and_bounded_by_text) {
  House house;
  const Person boss = house.person("boss", Role::admin);
  write(house, [](storage::UnitOfWork& work) {
    for (std::int64_t i = 0; i < found_users_max + 50; ++i)
      add(work, "member", "m" + std::to_string(i) + "@example.com");
  });
  const auto meta = [&](const std::string& query) {
    return house.get("/api/v1/admin/users?" + query, boss).body.at("meta").as_object();
  };
  EXPECT_EQ(meta("").at("total"), found_users_max + 51);
  EXPECT_EQ(meta("role=user").at("total"), found_users_max + 50);
  EXPECT_EQ(meta("role=admin"), (json::object{{"page", 1}, {"per_page", 20}, {"total", 1}}));
  EXPECT_EQ(meta("q=member").at("total"), found_users_max);
  EXPECT_EQ(meta("q=member").at("total_is_capped"), true);
  EXPECT_EQ(meta("q=member&page=101&per_page=100").at("total"), found_users_max) << "the list goes on";
  const Reply far = house.get("/api/v1/admin/users?q=member&per_page=100&page=1002", boss);
  EXPECT_EQ(far.status, 422);
  EXPECT_THAT(far.errors(), ElementsAre("/page out_of_range"));
}

TEST(UserList, a_cursor_belongs_to_its_order) {
  House house;
  const Person boss = house.person("boss", Role::admin);
  house.person("ann");
  const Reply first = house.get("/api/v1/admin/users?sort=-name&per_page=1", boss);
  const std::string next(first.body.at("meta").at("next").as_string());
  const Reply second = house.get("/api/v1/admin/users?sort=-name&per_page=1&cursor=" + next, boss);
  EXPECT_EQ(second.data().at(0).at("name"), "ann");
  EXPECT_EQ(second.body.at("meta"), (json::object{{"page", 1}, {"per_page", 1}, {"total", 2}}));
  for (const std::string& query : {"sort=name&cursor=" + next, "cursor=" + next, std::string("cursor=junk"),
                                   std::string("cursor=YSs6"), "cursor=" + std::string(2000, 'a')}) {
    const Reply reply = house.get("/api/v1/admin/users?" + query, boss);
    EXPECT_EQ(reply.status, 422) << query;
    EXPECT_THAT(reply.body.at("errors").at(0).at("field"), "/cursor");
  }
}

TEST(UserList, whoever_lists_takes_no_reader_from_logins) {
  House house;
  const Person boss = house.person("boss", Role::admin);
  house.list_readers().stop();
  EXPECT_EQ(house.get("/api/v1/admin/users", boss).status, 503);
  EXPECT_EQ(house.get("/api/v1/admin/audit", boss).status, 503);
  house.login(boss.email);
}

}  // namespace
}  // namespace corohub::users::test
