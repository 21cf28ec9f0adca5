#include "house.hpp"

#include <boost/json/serialize.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace corohub::users::test {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

const std::string register_path = "/api/v1/auth/register";

json::object newcomer(std::string_view email = "Ann@Example.com") {
  return {{"name", "Ann"}, {"email", email}, {"password", "secure123"}, {"age", 30}};
}

template <class Value>
json::object with(json::object body, std::string_view key, Value value) {
  body[key] = std::move(value);
  return body;
}

json::object without(json::object body, std::string_view key) {
  body.erase(key);
  return body;
}

TEST(Registration, answers_a_login_and_tells_the_admins) {
  House house;
  const Reply reply = house.send(Method::post, register_path, with(newcomer(), "nonsense", 1));

  ASSERT_EQ(reply.status, 201);
  const json::object& user = reply.data().at("user").as_object();
  EXPECT_EQ(user.at("name"), "Ann");
  EXPECT_EQ(user.at("email"), "Ann@Example.com");
  EXPECT_EQ(user.at("age"), 30);
  EXPECT_EQ(user.at("role"), "user");
  EXPECT_EQ(user.at("status"), "active");
  EXPECT_EQ(user.at("created_at"), "2026-01-06T10:30:01.123Z");
  EXPECT_FALSE(user.contains("password_hash"));
  EXPECT_EQ(reply.text("token_type"), "Bearer");
  EXPECT_EQ(reply.data().at("expires_in"), 900);
  EXPECT_TRUE(reply.text("refresh_token").starts_with("crt_"));
  EXPECT_THAT(reply.header("Corohub-Position"), ::testing::EndsWith(":1"));
  EXPECT_THAT(house.happened(),
              ElementsAre("user.created to admins", "account: user, 1 logins (session_revoked)"));
  const json::object expected{{"user_id", user.at("id")},
                              {"name", "Ann"},
                              {"email", "Ann@Example.com"},
                              {"role", "user"},
                              {"created_at", "2026-01-06T10:30:01.123Z"}};
  EXPECT_EQ(house.event_data().at(0), expected);
  EXPECT_THAT(house.audit(), ElementsAre("user.register ok"));

  const Reply me = house.ask({Method::get, "/api/v1/users/me", "", reply.text("access_token")});
  EXPECT_EQ(me.status, 200);
  EXPECT_EQ(me.data(), reply.data().at("user"));
}

TEST(Registration, T44_the_first_one_is_a_plain_user) {
  House house;
  EXPECT_EQ(house.send(Method::post, register_path, newcomer()).data().at("user").at("role"), "user");
}

TEST(Registration, an_address_is_taken_whatever_its_case) {
  House house;
  ASSERT_EQ(house.send(Method::post, register_path, newcomer("ann@example.com")).status, 201);
  house.happened();
  const Reply second = house.send(Method::post, register_path, newcomer("  ANN@example.COM "));
  EXPECT_EQ(second.status, 409);
  EXPECT_EQ(second.code(), "email_taken");
  EXPECT_TRUE(house.happened().empty());
  EXPECT_EQ(house.count("users"), 1);
}

TEST(Registration, two_at_once_with_one_address_make_one_account) {
  House house;
  const Ask ask{Method::post, register_path, json::serialize(newcomer())};
  std::vector<int> statuses;
  for (const Reply& reply : house.ask_together({ask, ask, ask})) statuses.push_back(reply.status);
  EXPECT_THAT(statuses, ::testing::UnorderedElementsAre(201, 409, 409));
  EXPECT_EQ(house.count("users"), 1);
}

TEST(Registration, closed) {
  UsersSettings settings;
  settings.registration_open = false;
  House house(settings);
  const Reply reply = house.send(Method::post, register_path, newcomer());
  EXPECT_EQ(reply.status, 403);
  EXPECT_EQ(reply.code(), "registration_closed");
}

struct Row {
  json::value body;
  std::string error;
};

TEST(Registration, T40_says_what_is_wrong_with_each_member) {
  House house;
  const std::vector<Row> rows{
      {json::object{}, "/name required"},
      {without(newcomer(), "email"), "/email required"},
      {without(newcomer(), "password"), "/password required"},
      {with(newcomer(), "name", 5), "/name invalid_type"},
      {with(newcomer(), "name", nullptr), "/name invalid_type"},
      {with(newcomer(), "name", "   "), "/name too_short"},
      {with(newcomer(), "name", std::string(101, 'x')), "/name too_long"},
      {with(newcomer(), "name", "a\nb"), "/name invalid_format"},
      {with(newcomer(), "name", "An\u200bn"), "/name invalid_format"},
      {with(newcomer(), "name", "Ann\u202e"), "/name invalid_format"},
      {with(newcomer(), "name", "\u200b"), "/name invalid_format"},
      {with(newcomer(), "name", "\u3000\u00a0"), "/name too_short"},
      {with(newcomer(), "name", std::string_view("a\0b", 3)), "/name invalid_format"},
      {with(newcomer(), "email", "nobody"), "/email invalid_format"},
      {with(newcomer(), "email", "a@"), "/email invalid_format"},
      {with(newcomer(), "email", "@b.c"), "/email invalid_format"},
      {with(newcomer(), "email", "a@b@c.d"), "/email invalid_format"},
      {with(newcomer(), "email", "a b@c.d"), "/email invalid_format"},
      {with(newcomer(), "email", "a..b@c.d"), "/email invalid_format"},
      {with(newcomer(), "email", "a@-b.c"), "/email invalid_format"},
      {with(newcomer(), "email", "a@b..c"), "/email invalid_format"},
      {with(newcomer(), "email", "' OR 1=1--"), "/email invalid_format"},
      {with(newcomer(), "email", "a\r\nb@c.d"), "/email invalid_format"},
      {with(newcomer(), "email", std::string(64, 'a') + "@" + std::string(190, 'b')), "/email too_long"},
      {with(newcomer(), "email", std::string(64, 'a') + "@" + std::string(64, 'b')), "/email invalid_format"},
      {with(newcomer(), "password", "seven77"), "/password too_short"},
      {with(newcomer(), "password", std::string(129, 'x')), "/password too_long"},
      {with(newcomer(), "password", std::string(100'000, 'x')), "/password too_long"},
      {with(newcomer(), "password", 12345678), "/password invalid_type"},
      {with(newcomer(), "age", -1), "/age out_of_range"},
      {with(newcomer(), "age", 151), "/age out_of_range"},
      {with(newcomer(), "age", "30"), "/age invalid_type"},
      {with(newcomer(), "age", 30.5), "/age invalid_type"},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(json::serialize(row.body).substr(0, 200));
    const Reply reply = house.send(Method::post, register_path, row.body);
    EXPECT_EQ(reply.status, 422);
    EXPECT_EQ(reply.code(), "validation_failed");
    EXPECT_THAT(reply.errors(), ::testing::Contains(row.error));
  }
  EXPECT_EQ(house.count("users"), 0);
}

TEST(Registration, takes_what_is_at_the_edges) {
  House house;
  const std::vector<json::object> bodies{
      without(newcomer("a1@example.com"), "age"),
      with(newcomer("a2@example.com"), "age", nullptr),
      with(newcomer("a3@example.com"), "age", 0),
      with(newcomer("a4@example.com"), "age", 150),
      with(newcomer("a5@example.com"), "name", "  " + std::string(100, 'x') + "\n"),
      with(newcomer("a6@example.com"), "password", "secure12"),
      with(newcomer("a7@example.com"), "password", std::string(128, 'x')),
      with(newcomer("a8@example.com"), "password", "  blanks  "),
      with(newcomer("o'brien+tag@sub.example.co"), "name", "Ünïcode 名前"),
  };
  for (const json::object& body : bodies)
    EXPECT_EQ(house.send(Method::post, register_path, body).status, 201) << json::serialize(body);
}

TEST(Registration, T40_passwords_are_not_cut) {
  House house;
  const std::string start(100, 'x');
  ASSERT_EQ(house.send(Method::post, register_path, with(newcomer(), "password", start + "1")).status, 201);
  const auto login = [&](const std::string& text) {
    return house.send(Method::post, "/api/v1/auth/login", {{"email", "ann@example.com"}, {"password", text}})
        .status;
  };
  EXPECT_EQ(login(start + "2"), 401);
  EXPECT_EQ(login(start), 401);
  EXPECT_EQ(login(start + "1 "), 401);
  EXPECT_EQ(login(start + "1"), 200);
}

TEST(Registration, T41_privileged_members_are_refused_and_nothing_is_stored) {
  House house;
  for (const std::string_view member :
       {"role", "roles", "is_admin", "id", "status", "email_verified", "token_version", "created_at",
        "updated_at", "password_hash", "Role", "IS_ADMIN", "Password_Hash"}) {
    const Reply reply = house.send(Method::post, register_path, with(newcomer(), member, "admin"));
    EXPECT_EQ(reply.status, 422) << member;
    EXPECT_EQ(reply.code(), "field_not_allowed") << member;
    EXPECT_THAT(reply.errors(), ElementsAre("/" + std::string(member) + " field_not_allowed"));
  }
  EXPECT_EQ(house.count("users"), 0);
  const json::object nested = with(with(newcomer(), "user", json::object{{"role", "admin"}}), "__proto__",
                                   json::object{{"role", "admin"}});
  const Reply harmless = house.send(Method::post, register_path, nested);
  EXPECT_EQ(harmless.status, 201);
  EXPECT_EQ(harmless.data().at("user").at("role"), "user");
}

TEST(Registration, T41_T54b_bodies_that_are_no_object_or_name_a_member_twice) {
  House house;
  for (const std::string_view body : {"", "[]", "5", "null", "{", R"({"role":"user","role":"admin"})",
                                      R"({"name":"\ud800"})", R"({"name":NaN})", R"({"name":"a"} x)"}) {
    const Reply reply = house.ask({Method::post, register_path, std::string(body)});
    EXPECT_EQ(reply.status, 400) << body;
    EXPECT_EQ(reply.code(), "invalid_json") << body;
  }
  Ask text{Method::post, register_path, "{}"};
  text.headers.push_back({"Content-Type", "text/plain"});
  EXPECT_EQ(house.ask(text).status, 415);
}

TEST(Registration, is_limited_by_address) {
  UsersSettings settings;
  settings.registrations_burst = {2, std::chrono::seconds(5), 2};
  House house(settings);
  const auto status = [&](const std::string& email, const std::string& ip) {
    Ask ask{Method::post, register_path, json::serialize(newcomer(email)), "", ip};
    ask.exempt = false;
    return house.ask(ask);
  };
  EXPECT_EQ(status("a@example.com", "192.0.2.1").status, 201);
  EXPECT_EQ(status("b@example.com", "192.0.2.1").status, 201);
  const Reply refused = status("c@example.com", "192.0.2.1");
  EXPECT_EQ(refused.status, 429);
  EXPECT_NE(refused.header("Retry-After"), "");
  EXPECT_EQ(refused.header("RateLimit-Limit"), "2");
  EXPECT_EQ(status("c@example.com", "192.0.2.2").status, 201);
  house.clock().advance(std::chrono::seconds(5));
  EXPECT_EQ(status("d@example.com", "192.0.2.1").status, 201);
}

TEST(Setup, T44_makes_the_first_superadmin_once) {
  House house;
  const auto issue = [&] { return house.run([&] { return house.users().issue_setup_token(); }).value(); };
  const std::string old = issue().value();
  const std::string token = issue().value();
  json::object body = with(newcomer("root@example.com"), "token", old);
  EXPECT_EQ(house.send(Method::post, "/api/v1/setup", body).code(), "setup_closed")
      << "a newer one was issued";
  body["token"] = "guess";
  EXPECT_EQ(house.send(Method::post, "/api/v1/setup", body).status, 403);
  EXPECT_EQ(house.send(Method::post, "/api/v1/setup", without(body, "token")).status, 422);
  body["token"] = token;
  EXPECT_EQ(house.send(Method::post, "/api/v1/setup", with(body, "password", "short")).status, 422);

  const Reply made = house.send(Method::post, "/api/v1/setup", body);
  ASSERT_EQ(made.status, 201);
  EXPECT_EQ(made.data().at("user").at("role"), "superadmin");
  EXPECT_THAT(house.happened(),
              ElementsAre("user.created to admins", "account: superadmin, 1 logins (session_revoked)"));
  body["email"] = "second@example.com";
  EXPECT_EQ(house.send(Method::post, "/api/v1/setup", body).code(), "setup_closed");
  EXPECT_FALSE(issue().has_value());
  EXPECT_EQ(house.ask({Method::get, "/api/v1/admin/users", "", made.text("access_token")}).status, 200);
}

TEST(Setup, T44_a_token_lasts_half_an_hour_and_no_longer_than_there_is_no_superadmin) {
  House house;
  const auto issue = [&] { return house.run([&] { return house.users().issue_setup_token(); }).value(); };
  json::object body = with(newcomer(), "token", issue().value());
  house.clock().advance(std::chrono::minutes(30));
  EXPECT_EQ(house.send(Method::post, "/api/v1/setup", body).code(), "setup_closed");
  body["token"] = issue().value();
  house.person("chief", Role::superadmin);
  EXPECT_EQ(house.send(Method::post, "/api/v1/setup", body).code(), "setup_closed");
}

TEST(Setup, a_taken_address_does_not_use_the_token_up) {
  House house;
  ASSERT_EQ(house.send(Method::post, register_path, newcomer()).status, 201);
  const std::string token = house.run([&] { return house.users().issue_setup_token(); }).value().value();
  json::object body = with(newcomer(), "token", token);
  EXPECT_EQ(house.send(Method::post, "/api/v1/setup", body).code(), "email_taken");
  body["email"] = "other@example.com";
  EXPECT_EQ(house.send(Method::post, "/api/v1/setup", body).status, 201);
}

TEST(Setup, T44_of_two_at_once_one_wins) {
  House house;
  const std::string token = house.run([&] { return house.users().issue_setup_token(); }).value().value();
  const Ask first{Method::post, "/api/v1/setup",
                  json::serialize(with(newcomer("a@example.com"), "token", token))};
  const Ask second{Method::post, "/api/v1/setup",
                   json::serialize(with(newcomer("b@example.com"), "token", token))};
  std::vector<int> statuses;
  for (const Reply& reply : house.ask_together({first, second})) statuses.push_back(reply.status);
  EXPECT_THAT(statuses, ::testing::UnorderedElementsAre(201, 403));
}

TEST(CommandLine, makes_users_of_any_role_by_the_same_rules) {
  House house;
  NewUser user;
  user.name = "Root";
  user.email = "root@example.com";
  user.password = Secret("short");
  user.role = Role::superadmin;
  const auto make = [&](NewUser who) {
    return house.run([&] { return house.users().create_user(std::move(who)); });
  };
  EXPECT_EQ(make(user).error().code, ErrorCode::validation_failed);
  user.password = Secret(std::string(password));
  EXPECT_EQ(make(user).value().role, Role::superadmin);
  EXPECT_EQ(make(user).error().code, ErrorCode::email_taken);
  EXPECT_THAT(house.happened(),
              ElementsAre("user.created to admins", "account: superadmin, 0 logins (session_revoked)"));
  EXPECT_EQ(house.run([&] { return house.users().list_users(0); }).value().size(), 1U);
}

TEST(CommandLine, changes_roles_and_passwords_with_a_null_actor) {
  House house;
  const Person root = house.person("root", Role::superadmin);
  const Person ann = house.person("ann");
  const auto set_role = [&](const std::string& email, Role role) {
    return house.run([&] { return house.users().set_role(email, role); });
  };
  EXPECT_EQ(set_role("ANN@example.com", Role::admin).value().role, Role::admin);
  EXPECT_THAT(house.happened(),
              ElementsAre("user.role.changed to user,admins", "account: admin, 1 logins (session_revoked)"));
  EXPECT_TRUE(house.event_data().at(0).at("changed_by").is_null());
  EXPECT_EQ(set_role("root@example.com", Role::user).error().code, ErrorCode::last_superadmin);
  EXPECT_EQ(set_role("nobody@example.com", Role::user).error().code, ErrorCode::not_found);

  const auto changed =
      house.run([&] { return house.users().set_password("ann@example.com", Secret("another-one")); });
  EXPECT_TRUE(changed.has_value());
  EXPECT_THAT(house.happened(),
              ElementsAre("password.changed to user", "account: admin, 0 logins (credentials_changed)"));
  EXPECT_FALSE(house.is_live(ann));
  EXPECT_TRUE(house.is_live(root));
  house.login("ann@example.com", "another-one");
}

}  // namespace
}  // namespace corohub::users::test
