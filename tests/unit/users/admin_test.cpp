#include "house.hpp"

#include <boost/json/serialize.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace corohub::users::test {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

std::string path_of(const Person& who, std::string_view rest = "") {
  return "/api/v1/admin/users/" + std::to_string(who.id) + std::string(rest);
}

// One of each rank, and a second of each.
struct Staff {
  explicit Staff(House& house)
      : root(house.person("root", Role::superadmin)),
        root2(house.person("root2", Role::superadmin)),
        boss(house.person("boss", Role::admin)),
        boss2(house.person("boss2", Role::admin)),
        ann(house.person("ann")),
        bob(house.person("bob")) {}
  Person root, root2, boss, boss2, ann, bob;
};

TEST(Admin, T42_a_plain_user_gets_403_for_every_id) {
  House house;
  const Staff staff(house);
  for (const std::string& id : {std::to_string(staff.bob.id), std::to_string(staff.ann.id),
                                std::string("999999"), std::string("nonsense"), std::string("-1")}) {
    const std::string path = "/api/v1/admin/users/" + id;
    for (const Ask& ask : std::vector<Ask>{{Method::get, path},
                                           {Method::patch, path, R"({"name":"Eve"})"},
                                           {Method::del, path},
                                           {Method::put, path + "/role", R"({"role":"admin"})"},
                                           {Method::put, path + "/status", R"({"status":"disabled"})"},
                                           {Method::post, path + "/password-reset"}}) {
      Ask as_user = ask;
      as_user.token = staff.ann.token;
      EXPECT_EQ(house.ask(as_user).status, 403) << id;
      EXPECT_EQ(house.ask(ask).status, 401) << id;
    }
  }
  for (const std::string path : {"/api/v1/admin/users", "/api/v1/admin/audit"})
    EXPECT_EQ(house.get(path, staff.ann).status, 403);
  EXPECT_THAT(house.happened(), IsEmpty());
}

TEST(Admin, T43_who_may_act_on_whom) {
  House house;
  const Staff staff(house);
  struct Row {
    const Person& actor;
    const Person& target;
    int status;
  };
  const std::vector<Row> rows{
      {staff.boss, staff.ann, 200},   {staff.boss, staff.boss2, 403}, {staff.boss, staff.boss, 403},
      {staff.boss, staff.root, 403},  {staff.root, staff.ann, 200},   {staff.root, staff.boss, 200},
      {staff.root, staff.root2, 200}, {staff.root, staff.root, 200},
  };
  int i = 0;
  for (const Row& row : rows) {
    SCOPED_TRACE(row.actor.email + " on " + row.target.email);
    const json::object name{{"name", "Name " + std::to_string(++i)}};
    const Reply patched = house.send(Method::patch, path_of(row.target), name, row.actor);
    EXPECT_EQ(patched.status, row.status);
    if (row.status == 403) {
      EXPECT_EQ(patched.code(), "forbidden");
      EXPECT_EQ(
          house.send(Method::put, path_of(row.target, "/status"), {{"status", "disabled"}}, row.actor).status,
          403);
      EXPECT_EQ(
          house.send(Method::post, path_of(row.target, "/password-reset"), json::object{}, row.actor).status,
          403);
      EXPECT_EQ(house.del(path_of(row.target), row.actor).status, 403);
    }
    EXPECT_EQ(house.get(path_of(row.target), row.actor).status, 200)
        << "whoever administers may read anybody";
  }
  for (const std::string rest : {"", "/role", "/status", "/password-reset"}) {
    const Person nobody{999'999, "", "", ""};
    Ask ask{rest.empty()                ? Method::get
            : rest == "/password-reset" ? Method::post
                                        : Method::put,
            path_of(nobody, rest), rest == "/role" ? R"({"role":"user"})" : R"({"status":"active"})",
            staff.boss.token};
    EXPECT_EQ(house.ask(ask).status, 404) << rest;
  }
}

TEST(Admin, T43_role_changes) {
  struct Row {
    std::string_view actor, target, role;
    int status;
    std::string_view code;
  };
  const std::vector<Row> rows{
      {"boss", "ann", "admin", 200, ""},
      {"boss", "ann", "superadmin", 403, "forbidden"},
      {"boss", "ann", "user", 200, ""},
      {"boss", "boss2", "user", 403, "forbidden"},
      {"boss", "boss2", "admin", 403, "forbidden"},
      {"boss", "root", "user", 403, "forbidden"},
      {"boss", "boss", "superadmin", 403, "self_role_change"},
      {"boss", "boss", "user", 403, "self_role_change"},
      {"boss", "boss", "admin", 200, ""},
      {"root", "ann", "superadmin", 200, ""},
      {"root", "boss", "user", 200, ""},
      {"root", "root2", "admin", 200, ""},
      {"root", "root", "admin", 200, ""},
      {"root", "root", "superadmin", 200, ""},
      {"ann", "ann", "admin", 403, "forbidden"},
      {"ann", "bob", "admin", 403, "forbidden"},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(std::string(row.actor) + " makes " + std::string(row.target) + " " + std::string(row.role));
    House house;
    const Staff staff(house);
    const auto find = [&](std::string_view name) {
      for (const Person* who : {&staff.root, &staff.root2, &staff.boss, &staff.boss2, &staff.ann, &staff.bob})
        if (who->email == std::string(name) + "@example.com") return *who;
      return Person{};
    };
    const Person target = find(row.target);
    const std::string before = house.get(path_of(target), staff.root).text("role");
    const Reply reply =
        house.send(Method::put, path_of(target, "/role"), {{"role", row.role}}, find(row.actor));
    EXPECT_EQ(reply.status, row.status);
    EXPECT_EQ(reply.code(), row.code);
    const bool changed = row.status == 200 && before != row.role;
    EXPECT_EQ(house.happened().size(), changed ? 2U : 0U);
    if (row.status == 200) EXPECT_EQ(reply.text("role"), row.role);
    if (row.status == 403 && row.actor != "ann") EXPECT_THAT(house.audit(), Contains("user.role denied"));
    if (changed) EXPECT_THAT(house.audit(), Contains("user.role ok"));
  }
}

TEST(Admin, T31_promotion_keeps_tokens_and_demotion_needs_a_refresh) {
  House house;
  const Staff staff(house);
  const Reply promoted =
      house.send(Method::put, path_of(staff.ann, "/role"), {{"role", "admin"}}, staff.root);
  EXPECT_THAT(house.happened(),
              ElementsAre("user.role.changed to user,admins", "account: admin, 1 logins (session_revoked)"));
  const json::object expected{{"user_id", staff.ann.id},
                              {"old_role", "user"},
                              {"new_role", "admin"},
                              {"changed_by", staff.root.id},
                              {"changed_at", "2026-01-06T10:30:01.123Z"}};
  EXPECT_EQ(house.event_data().at(0), expected);
  EXPECT_THAT(promoted.header("Corohub-Position"), EndsWith(":7"));
  EXPECT_EQ(house.get("/api/v1/admin/users", staff.ann).status, 200) << "the old token, by the live role";

  ASSERT_EQ(house.send(Method::put, path_of(staff.ann, "/role"), {{"role", "user"}}, staff.root).status, 200);
  EXPECT_FALSE(house.is_live(staff.ann));
  const Reply refreshed =
      house.send(Method::post, "/api/v1/auth/refresh", {{"refresh_token", staff.ann.refresh}});
  ASSERT_EQ(refreshed.status, 200);
  EXPECT_EQ(refreshed.data().at("user").at("role"), "user");
  EXPECT_EQ(house.ask({Method::get, "/api/v1/admin/users", "", refreshed.text("access_token")}).status, 403);
}

TEST(Admin, T43_words_that_are_no_roles) {
  House house;
  const Staff staff(house);
  for (const json::value& role :
       json::array{"ADMIN", "admin ", " admin", "root", "", 1, nullptr, json::array{"admin"}}) {
    json::object body;
    body["role"] = role;
    EXPECT_EQ(house.send(Method::put, path_of(staff.ann, "/role"), body, staff.root).status, 422)
        << json::serialize(body);
  }
  EXPECT_EQ(
      house
          .ask({Method::put, path_of(staff.ann, "/role"), R"({"role":"superadmin\u0000"})", staff.root.token})
          .status,
      422);
  EXPECT_EQ(house
                .ask({Method::put, path_of(staff.ann, "/role"), R"({"role":"user","role":"admin"})",
                      staff.root.token})
                .status,
            400);
  EXPECT_EQ(house.send(Method::put, path_of(staff.ann, "/role"), json::object{}, staff.root).status, 422);
  EXPECT_EQ(
      house.send(Method::put, path_of(staff.ann, "/status"), {{"status", "Disabled"}}, staff.root).status,
      422);
}

TEST(Admin, T43_of_two_who_demote_each_other_one_wins) {
  for (int round = 0; round < 5; ++round) {
    House house;
    const Person a = house.person("a", Role::superadmin);
    const Person b = house.person("b", Role::superadmin);
    std::vector<int> statuses;
    for (const Reply& reply :
         house.ask_together({{Method::put, path_of(b, "/role"), R"({"role":"user"})", a.token},
                             {Method::put, path_of(a, "/role"), R"({"role":"user"})", b.token}}))
      statuses.push_back(reply.status);
    EXPECT_THAT(statuses, Contains(200));
    EXPECT_THAT(statuses, Contains(::testing::AnyOf(401, 403)));
  }
}

TEST(Admin, T43_the_last_active_superadmin_stays) {
  House house;
  const Person root = house.person("root", Role::superadmin);
  const Person other = house.person("other", Role::superadmin);
  ASSERT_EQ(house.send(Method::put, path_of(other, "/status"), {{"status", "disabled"}}, root).status, 200);
  house.happened();
  const std::vector<Reply> replies{
      house.send(Method::put, path_of(root, "/role"), {{"role", "admin"}}, root),
      house.send(Method::put, path_of(root, "/status"), {{"status", "disabled"}}, root),
      house.del(path_of(root), root), house.del("/api/v1/users/me", root)};
  for (const Reply& reply : replies) {
    EXPECT_EQ(reply.status, 409);
    EXPECT_EQ(reply.code(), "last_superadmin");
  }
  EXPECT_THAT(house.happened(), IsEmpty());
  EXPECT_EQ(house.del(path_of(other), root).status, 204) << "a disabled one does not count";
}

TEST(Admin, changes_profiles_without_the_users_hand) {
  House house;
  const Staff staff(house);
  const Reply reply =
      house.send(Method::patch, path_of(staff.ann), {{"email", "anna@example.com"}, {"age", 44}}, staff.boss);
  ASSERT_EQ(reply.status, 200);
  EXPECT_THAT(house.happened(),
              ElementsAre("user.updated to user,admins", "account: user, 1 logins (session_revoked)"));
  EXPECT_EQ(house.event_data().at(0).at("updated_by"), staff.boss.id);
  EXPECT_EQ(house.event_data().at(0).at("changes"), (json::array{"email", "age"}));
  EXPECT_EQ(house.send(Method::patch, path_of(staff.ann), {{"age", 44}}, staff.boss).status, 200);
  EXPECT_THAT(house.happened(), IsEmpty());
  EXPECT_EQ(house.send(Method::patch, path_of(staff.ann), {{"role", "admin"}}, staff.boss).code(),
            "field_not_allowed");
  EXPECT_EQ(house.send(Method::patch, path_of(staff.ann), {{"email", staff.bob.email}}, staff.boss).code(),
            "email_taken");
}

TEST(Admin, T32_disables_and_enables) {
  House house;
  const Staff staff(house);
  const std::string path = path_of(staff.ann, "/status");
  const Reply disabled = house.send(Method::put, path, {{"status", "disabled"}}, staff.boss);
  EXPECT_EQ(disabled.text("status"), "disabled");
  EXPECT_THAT(house.happened(),
              ElementsAre("user.updated to user,admins", "account: user, 0 logins (account_disabled)"));
  EXPECT_EQ(house.event_data().at(0).at("changes"), (json::array{"status"}));
  EXPECT_FALSE(house.is_live(staff.ann));
  EXPECT_EQ(house.send(Method::post, "/api/v1/auth/refresh", {{"refresh_token", staff.ann.refresh}}).status,
            401);
  EXPECT_EQ(house.send(Method::put, path, {{"status", "disabled"}}, staff.boss).status, 200);
  EXPECT_THAT(house.happened(), IsEmpty());

  EXPECT_EQ(house.send(Method::put, path, {{"status", "active"}}, staff.boss).status, 200);
  EXPECT_FALSE(house.is_live(staff.ann)) << "what was ended stays ended";
  house.login(staff.ann.email);
}

TEST(Admin, T32_deletes) {
  House house;
  const Staff staff(house);
  EXPECT_EQ(house.del(path_of(staff.ann), staff.boss).status, 204);
  EXPECT_THAT(house.happened(), ElementsAre("user.deleted to admins", "account: gone (account_deleted)"));
  EXPECT_EQ(house.event_data().at(0).at("deleted_by"), staff.boss.id);
  EXPECT_FALSE(house.is_live(staff.ann));
  EXPECT_EQ(house.get(path_of(staff.ann), staff.boss).status, 404);
  EXPECT_EQ(house.del(path_of(staff.ann), staff.boss).status, 404);
}

TEST(Admin, creates_users_up_to_ones_own_rank) {
  House house;
  const Staff staff(house);
  const auto create = [&](const Person& actor, std::string_view email, std::string_view role) {
    return house.send(Method::post, "/api/v1/admin/users",
                      {{"name", "New"}, {"email", email}, {"password", password}, {"role", role}}, actor);
  };
  const Reply made = create(staff.boss, "n1@example.com", "admin");
  EXPECT_EQ(made.status, 201);
  EXPECT_EQ(made.text("role"), "admin");
  EXPECT_THAT(house.happened(),
              ElementsAre("user.created to admins", "account: admin, 0 logins (session_revoked)"));
  const Reply denied = create(staff.boss, "n2@example.com", "superadmin");
  EXPECT_EQ(denied.status, 403);
  EXPECT_THAT(house.audit(), Contains("user.create denied"));
  EXPECT_EQ(create(staff.root, "n2@example.com", "superadmin").status, 201);
  EXPECT_EQ(create(staff.root, "n2@example.com", "user").code(), "email_taken");
  EXPECT_EQ(create(staff.root, "n3@example.com", "ADMIN").status, 422);
  EXPECT_EQ(
      house
          .send(Method::post, "/api/v1/admin/users",
                {{"name", "N"}, {"email", "n4@example.com"}, {"password", password}, {"id", 1}}, staff.root)
          .code(),
      "field_not_allowed");
  EXPECT_EQ(house
                .send(Method::post, "/api/v1/admin/users",
                      {{"name", "N"}, {"email", "n5@example.com"}, {"password", password}}, staff.boss)
                .text("role"),
            "user");
  EXPECT_EQ(house.login("n1@example.com").email, "n1@example.com");
}

TEST(AdminList, pages_filters_and_sorts) {
  House house;
  const Staff staff(house);
  const auto emails = [&](const std::string& query) {
    std::vector<std::string> out;
    const Reply reply = house.get("/api/v1/admin/users" + query, staff.boss);
    EXPECT_EQ(reply.status, 200) << query;
    if (reply.status != 200) return out;
    for (const json::value& user : reply.data().as_array()) out.emplace_back(user.at("email").as_string());
    return out;
  };
  const Reply all = house.get("/api/v1/admin/users", staff.boss);
  EXPECT_EQ(all.body.at("meta"), (json::object{{"page", 1}, {"per_page", 20}, {"total", 6}}));
  EXPECT_THAT(all.header("Corohub-Position"), EndsWith(":6"));
  EXPECT_EQ(emails("").size(), 6U);
  EXPECT_THAT(emails("?role=admin"), ElementsAre("boss@example.com", "boss2@example.com"));
  EXPECT_THAT(emails("?q=ROOT&sort=-id"), ElementsAre("root2@example.com", "root@example.com"));
  EXPECT_THAT(emails("?sort=name&per_page=2"), ElementsAre("ann@example.com", "bob@example.com"));
  EXPECT_THAT(emails("?sort=-email&per_page=2&page=2"), ElementsAre("boss@example.com", "boss2@example.com"));
  EXPECT_THAT(emails("?page=2"), IsEmpty());
  EXPECT_THAT(emails("?page=1000000000&per_page=100"), IsEmpty());
  for (const std::string sort :
       {"created_at", "-created_at", "updated_at", "-updated_at", "-name", "email", "id"})
    EXPECT_EQ(emails("?sort=" + sort).size(), 6U) << sort;
  // T52: nothing of it is a pattern or SQL.
  for (const std::string query : {"?q=%25", "?q=_", "?q=%5C", "?q='%20OR%201=1--"})
    EXPECT_THAT(emails(query), IsEmpty()) << query;
}

TEST(AdminList, T52_refuses_numbers_and_words_it_does_not_know) {
  House house;
  const Person boss = house.person("boss", Role::admin);
  for (const std::string query :
       {"page=0", "page=-1", "page=x", "page=", "page=1.5", "page=9223372036854775807",
        "page=9223372036854775808", "page=99999999999999999999999", "per_page=0", "per_page=101",
        "per_page=1e3", "role=ADMIN", "role=", "sort=password_hash", "sort=id;--", "sort=--id"}) {
    const Reply reply = house.get("/api/v1/admin/users?" + query, boss);
    EXPECT_EQ(reply.status, 422) << query;
    EXPECT_EQ(reply.code(), "validation_failed") << query;
  }
  EXPECT_EQ(house.get("/api/v1/admin/users?q=" + std::string(300, 'x'), boss).status, 422);
  EXPECT_EQ(house.get("/api/v1/admin/users/9223372036854775808", boss).status, 404);
}

TEST(Audit, tells_who_did_what_to_whom) {
  House house;
  const Staff staff(house);
  house.send(Method::put, path_of(staff.ann, "/role"), {{"role", "admin"}}, staff.root);
  house.send(Method::put, path_of(staff.boss2, "/role"), {{"role", "user"}}, staff.boss);

  const Reply reply =
      house.get("/api/v1/admin/audit?user=" + std::to_string(staff.ann.id) + "&limit=300", staff.boss);
  ASSERT_EQ(reply.status, 200);
  const json::object& row = reply.data().as_array().back().as_object();
  EXPECT_EQ(row.at("action"), "user.role");
  EXPECT_EQ(row.at("outcome"), "ok");
  EXPECT_EQ(row.at("actor_id"), staff.root.id);
  EXPECT_EQ(row.at("target_id"), staff.ann.id);
  EXPECT_EQ(row.at("detail"), (json::object{{"old", "user"}, {"new", "admin"}}));
  EXPECT_EQ(row.at("ip"), "192.0.2.7");
  EXPECT_EQ(row.at("request_id"), "request-1");
  EXPECT_EQ(row.at("created_at"), "2026-01-06T10:30:01.123Z");

  const Reply denied = house.get("/api/v1/admin/audit?user=" + std::to_string(staff.boss.id), staff.boss);
  EXPECT_EQ(denied.data().as_array().back().at("outcome"), "denied");
  EXPECT_EQ(denied.data().as_array().back().at("detail").at("code"), "forbidden");
}

TEST(Audit, pages_by_id) {
  House house;
  const Staff staff(house);
  std::vector<std::int64_t> ids;
  std::string since = "0";
  for (bool more = true; more;) {
    const Reply reply = house.get("/api/v1/admin/audit?limit=4&since=" + since, staff.boss);
    ASSERT_EQ(reply.status, 200);
    for (const json::value& row : reply.data().as_array()) ids.push_back(row.at("id").as_int64());
    more = reply.body.at("meta").at("more").as_bool();
    since = std::to_string(reply.body.at("meta").at("next").as_int64());
  }
  EXPECT_EQ(ids.size(), 12U) << "six were made and have logged in";
  EXPECT_TRUE(std::ranges::is_sorted(ids));
  for (const std::string query : {"since=x", "since=-1", "limit=0", "limit=301", "user=0", "user=abc"})
    EXPECT_EQ(house.get("/api/v1/admin/audit?" + query, staff.boss).status, 422) << query;
}

TEST(Admin, role_and_delete_are_limited_by_admin) {
  UsersSettings settings;
  settings.admin_writes = {2, std::chrono::minutes(1), 2};
  House house(settings);
  const Staff staff(house);
  Ask ask{Method::put, path_of(staff.ann, "/role"), R"({"role":"user"})", staff.boss.token};
  ask.exempt = false;
  EXPECT_EQ(house.ask(ask).status, 200);
  EXPECT_EQ(house.ask(ask).status, 200);
  EXPECT_EQ(house.ask(ask).status, 429);
  ask.token = staff.root.token;
  EXPECT_EQ(house.ask(ask).status, 200);
}

}  // namespace
}  // namespace corohub::users::test
