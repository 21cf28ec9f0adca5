// The audit trail: what is in it, how it is read, and that strangers cannot fill it.
#include "users/audit.hpp"

#include "house.hpp"
#include "users/expiry.hpp"

#include <algorithm>

#include <boost/json/serialize.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace corohub::users::test {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::StartsWith;

const std::string trail = "/api/v1/admin/audit?limit=300&";

std::vector<std::int64_t> ids(const Reply& reply) {
  std::vector<std::int64_t> out;
  for (const json::value& row : reply.data().as_array()) out.push_back(row.at("id").as_int64());
  return out;
}

std::vector<std::string> actions(const Reply& reply) {
  std::vector<std::string> out;
  for (const json::value& row : reply.data().as_array()) out.emplace_back(row.at("action").as_string());
  return out;
}

Reply try_login(House& house, std::string_view email, std::string ip) {
  const json::object body{{"email", email}, {"password", "not the one"}};
  Ask ask{Method::post, "/api/v1/auth/login", json::serialize(body)};
  ask.ip = std::move(ip);
  return house.ask(ask);
}

TEST(Audit, no_statement_walks_over_what_it_does_not_show) {
  House house;
  auto look = [](storage::Snapshot& snapshot) -> Result<storage::Nothing> {
    for (const std::string_view statement : audit_statements()) {
      SCOPED_TRACE(statement);
      storage::Query query = snapshot.query("EXPLAIN QUERY PLAN " + std::string(statement));
      query.bind(0, 1);
      if (statement.find("?3") != std::string_view::npos) query.bind(1);
      while (query.next()) {
        EXPECT_THAT(query.text(3), Not(StartsWith("SCAN")));
        EXPECT_THAT(query.text(3), Not(StartsWith("USE TEMP B-TREE"))) << "sorted by its index";
      }
    }
    return storage::Nothing{};
  };
  EXPECT_EQ(audit_statements().size(), 8U);
  ASSERT_TRUE(house.run([&] { return house.readers().read(look); }).has_value());
}

// What a definition of a flag may bring.
TEST(Audit, shows_deep_details_to_the_last_bit_and_ends_a_page_after_so_many_bytes) {
  House house;
  const Person boss = house.person("boss", Role::admin);
  const std::string deep =
      R"({"a":0.9452706955539223,"b":)" + std::string(60, '[') + "1" + std::string(60, ']') + "}";
  const auto write = [&](std::size_t rows, std::string padding) {
    return house.run([&] {
      return house.writer().commit([=](storage::UnitOfWork& work) -> Result<storage::Nothing> {
        for (std::size_t i = 0; i < rows; ++i) {
          json::object detail{{"padding", padding}, {"of", parse_json(deep, {.depth = 100}).value()}};
          record(work, Caller::operator_of_this_machine(), "flag.update", std::nullopt, detail, "bep");
        }
        return storage::Nothing{};
      });
    });
  };
  ASSERT_TRUE(write(1, "").has_value());
  const Reply shown = house.get(trail + "entity=bep", boss);
  ASSERT_EQ(shown.status, 200);
  EXPECT_EQ(shown.data().at(0).at("detail").at("of"), parse_json(deep, {.depth = 100}).value());
  ASSERT_TRUE(write(5, std::string(audit_page_bytes / 2, 'x')).has_value());
  const Reply page = house.get(trail + "entity=bep", boss);
  EXPECT_EQ(page.data().as_array().size(), 3U);
  EXPECT_TRUE(page.body.at("meta").at("more").as_bool());
}

TEST(Audit, is_read_from_either_end_and_by_user_action_and_entity) {
  House house;
  const Person boss = house.person("boss", Role::admin);
  const Person ann = house.person("ann");
  const std::string path = "/api/v1/admin/users/" + std::to_string(ann.id);
  for (const std::string name : {"A", "B", "C"})
    ASSERT_EQ(house.send(Method::patch, path, {{"name", name}}, boss).status, 200);

  const Reply all = house.get(trail, boss);
  std::vector<std::int64_t> backwards = ids(all);
  std::ranges::reverse(backwards);
  EXPECT_EQ(ids(house.get(trail + "order=desc", boss)), backwards);
  std::vector<std::int64_t> paged;
  std::string before;
  for (bool more = true; more;) {
    const Reply page = house.get("/api/v1/admin/audit?order=desc&limit=2" + before, boss);
    std::ranges::copy(ids(page), std::back_inserter(paged));
    more = page.body.at("meta").at("more").as_bool();
    before = "&before=" + std::to_string(page.body.at("meta").at("next").as_int64());
  }
  EXPECT_EQ(paged, backwards);
  EXPECT_EQ(house.get("/api/v1/admin/audit?order=desc&limit=2&before=0", boss).body.at("meta"),
            (json::object{{"next", 0}, {"more", false}}));

  const std::string entity = "entity=users/" + std::to_string(ann.id);
  EXPECT_EQ(actions(house.get(trail + "action=user.update", boss)).size(), 3U);
  EXPECT_THAT(actions(house.get(trail + entity + "&order=desc", boss)),
              ElementsAre("user.update", "user.update", "user.update", "user.create"));
  EXPECT_THAT(actions(house.get(trail + entity + "&action=user.create", boss)), ElementsAre("user.create"));
  EXPECT_THAT(actions(house.get(trail + "user=" + std::to_string(ann.id), boss)),
              ElementsAre("user.create", "login", "user.update", "user.update", "user.update"));
  EXPECT_THAT(
      actions(house.get(trail + "action=user.update&user=" + std::to_string(boss.id) + "&limit=2", boss)),
      ElementsAre("user.update", "user.update", "user.update"));
  const std::int64_t third = ids(all).at(2);
  EXPECT_EQ(ids(house.get(
                trail + "since=" + std::to_string(third - 1) + "&before=" + std::to_string(third + 1), boss)),
            std::vector<std::int64_t>{third});
  for (const std::string query : {"order=down", "order=", "before=x", "before=-1"})
    EXPECT_EQ(house.get(trail + query, boss).status, 422) << query;
}

TEST(Audit, tells_of_logins_and_their_ends) {
  House house;
  const Person boss = house.person("boss", Role::admin);
  const Person ann = house.person("ann");
  const Person again = house.login("ann@example.com");
  ASSERT_EQ(house.ask({Method::post, "/api/v1/auth/logout", "", again.token}).status, 204);
  const Reply reply = house.get(trail + "user=" + std::to_string(ann.id), boss);
  EXPECT_THAT(actions(reply), ElementsAre("user.create", "login", "login", "logout"));
  const json::object& logout = reply.data().as_array().back().as_object();
  EXPECT_EQ(logout.at("actor_id"), ann.id);
  EXPECT_EQ(logout.at("target_id"), ann.id);
  EXPECT_THAT(std::string(logout.at("entity").as_string()), StartsWith("sessions/"));
  EXPECT_EQ(logout.at("entity"), reply.data().at(2).at("entity")) << "the login that it ended";
}

TEST(Audit, T38_failed_logins_of_a_minute_share_rows_and_strangers_cannot_fill_the_disk) {
  House house;
  const Person boss = house.person("boss", Role::admin);
  const auto rows = [&] { return house.get(trail + "action=login.failed", boss).data().as_array(); };
  for (int i = 0; i < 4; ++i) try_login(house, "boss@example.com", "192.0.2.9");
  ASSERT_EQ(rows().size(), 1U);
  EXPECT_EQ(rows().at(0).at("detail"), (json::object{{"count", 4}}));
  EXPECT_EQ(rows().at(0).at("target_id"), boss.id);
  EXPECT_EQ(rows().at(0).at("actor_id"), nullptr);
  EXPECT_EQ(rows().at(0).at("outcome"), "denied");

  try_login(house, "boss@example.com", "198.51.100.1");
  try_login(house, "stranger@example.com", "192.0.2.9");
  ASSERT_EQ(rows().size(), 3U) << "another place, another account";
  EXPECT_EQ(rows().at(2).at("target_id"), nullptr) << "an address nobody has is not written down";
  house.clock().advance(std::chrono::minutes(1));
  try_login(house, "boss@example.com", "192.0.2.9");
  EXPECT_EQ(rows().size(), 4U) << "another minute";

  for (int i = 0; i < 30; ++i) try_login(house, "boss@example.com", "203.0.113." + std::to_string(i));
  EXPECT_EQ(rows().size(), 3U + static_cast<std::size_t>(failed_login_rows_per_minute));
  EXPECT_EQ(rows().at(rows().size() - 1).at("detail").at("others"), 31 - failed_login_rows_per_minute);

  const auto clean = [&] {
    auto unit = [](storage::UnitOfWork& work) -> Result<std::int64_t> {
      return delete_old_failed_logins(work, 500);
    };
    return house.run([&] { return house.writer().commit(unit); }).value().value;
  };
  EXPECT_EQ(clean(), 0);
  house.clock().advance(std::chrono::milliseconds(failed_logins_kept_ms - 1));
  EXPECT_EQ(clean(), 3) << "those of the first minute";
}

TEST(Audit, a_wrong_current_password_is_a_failed_login) {
  House house;
  const Person boss = house.person("boss", Role::admin);
  const Person ann = house.person("ann");
  house.send(Method::put, "/api/v1/users/me/password",
             {{"current_password", "wrong"}, {"new_password", "secure1234"}}, ann);
  const Reply reply = house.get(trail + "action=login.failed", boss);
  ASSERT_EQ(reply.data().as_array().size(), 1U);
  EXPECT_EQ(reply.data().at(0).at("target_id"), ann.id);
  EXPECT_EQ(reply.data().at(0).at("actor_id"), ann.id);
}

TEST(Audit, deeds_of_the_command_line_have_no_actor) {
  House house;
  const Person boss = house.person("boss", Role::admin);
  json::object detail{{"file", "/backup/one.db"}};
  ASSERT_TRUE(
      house.run([&] { return house.users().record_deed("backup", std::move(detail), {}); }).has_value());
  const Reply reply = house.get(trail + "action=backup", boss);
  ASSERT_EQ(reply.data().as_array().size(), 1U);
  EXPECT_EQ(reply.data().at(0).at("actor_id"), nullptr);
  EXPECT_EQ(reply.data().at(0).at("detail").at("file"), "/backup/one.db");
}

// ---- other people's logins ----

TEST(SessionsOfOthers, are_seen_and_ended_by_rank) {
  House house;
  const Person root = house.person("root", Role::superadmin);
  const Person boss = house.person("boss", Role::admin);
  const Person boss2 = house.person("boss2", Role::admin);
  const Person ann = house.person("ann");
  const Person again = house.login(ann.email);
  house.happened();
  const auto path = [](const Person& who) {
    return "/api/v1/admin/users/" + std::to_string(who.id) + "/sessions";
  };

  const Reply list = house.get(path(ann), boss);
  ASSERT_EQ(list.status, 200);
  ASSERT_EQ(list.data().as_array().size(), 2U);
  EXPECT_EQ(list.data().at(0).at("current"), false);
  EXPECT_EQ(house.get(path(boss), boss).data().at(0).at("current"), true);
  for (const Person* above : {&boss2, &root}) {
    EXPECT_EQ(house.get(path(*above), boss).status, 403);
    EXPECT_EQ(house.del(path(*above), boss).status, 403);
    EXPECT_TRUE(house.is_live(*above));
  }
  EXPECT_EQ(house.get(path(boss), root).status, 200);
  EXPECT_EQ(house.get(path(ann), ann).status, 403);
  EXPECT_EQ(house.get("/api/v1/admin/users/999/sessions", boss).status, 404);
  EXPECT_THAT(house.happened(), IsEmpty());
  EXPECT_THAT(house.audit(), Contains("session.end denied"));

  const std::string first(house.get("/api/v1/auth/sessions", ann).data().at(1).at("id").as_string());
  EXPECT_EQ(house.del(path(boss) + "/" + first, root).status, 404) << "it is not his";
  EXPECT_EQ(house.del(path(ann) + "/junk", boss).status, 404);
  EXPECT_EQ(house.del(path(ann) + "/" + first, boss).status, 204);
  EXPECT_THAT(house.happened(), ElementsAre("account: user, 1 logins (session_revoked)"));
  EXPECT_THAT(house.audit(), Contains("session.end ok"));
  EXPECT_EQ(house.del(path(ann) + "/" + first, boss).status, 404);
  EXPECT_NE(house.is_live(ann), house.is_live(again));

  EXPECT_EQ(house.del(path(ann), boss).status, 204);
  EXPECT_THAT(house.happened(), ElementsAre("account: user, 0 logins (session_revoked)"));
  EXPECT_FALSE(house.is_live(ann) || house.is_live(again));
  EXPECT_EQ(house.del(path(ann), boss).status, 204);
  EXPECT_THAT(house.happened(), IsEmpty());
}

TEST(SessionsOfOthers, ones_own_end_but_the_current) {
  House house;
  const Person ann = house.person("ann");
  const Person second = house.login(ann.email);
  const Person third = house.login(ann.email);
  house.happened();
  EXPECT_EQ(house.del("/api/v1/auth/sessions", second).status, 204);
  EXPECT_THAT(house.happened(), ElementsAre("account: user, 1 logins (session_revoked)"));
  EXPECT_TRUE(house.is_live(second));
  EXPECT_FALSE(house.is_live(ann) || house.is_live(third));
}

TEST(Leaving, needs_the_password_ten_minutes_after_the_login) {
  House house;
  const std::string me = "/api/v1/users/me";
  const Person ann = house.person("ann");
  const Person bob = house.person("bob");
  house.clock().advance(std::chrono::minutes(10));
  EXPECT_EQ(house.del(me, bob).status, 204) << "just now";
  house.clock().advance(std::chrono::milliseconds(1));
  const Reply refreshed = house.send(Method::post, "/api/v1/auth/refresh", {{"refresh_token", ann.refresh}});
  const std::string token = refreshed.text("access_token");
  const Reply asked = house.ask({Method::del, me, "", token});
  EXPECT_EQ(asked.status, 422) << "a refresh does not make the login younger";
  EXPECT_THAT(asked.errors(), ElementsAre("/current_password required"));
  Ask wrong{Method::del, me, R"({"current_password":"wrong"})", token};
  wrong.exempt = false;
  for (int i = 0; i < 2; ++i) EXPECT_EQ(house.ask(wrong).code(), "current_password_wrong");
  EXPECT_EQ(house.count("login_failures"), 1) << "it counts as a failed login";
  EXPECT_EQ(house.send(Method::del, me, {{"current_password", password}}, token).status, 204);
}

}  // namespace
}  // namespace corohub::users::test
