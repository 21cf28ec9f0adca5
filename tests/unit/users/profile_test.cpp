#include "house.hpp"

#include <functional>

#include <boost/json/serialize.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace corohub::users::test {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::IsEmpty;

const std::string me = "/api/v1/users/me";

TEST(Profile, a_change_by_ones_own_hand_tells_the_user_and_the_admins) {
  House house;
  const Person ann = house.person("ann");
  house.clock().advance(std::chrono::seconds(5));
  const Reply reply = house.send(Method::patch, me, {{"age", 31}, {"name", " Anna "}, {"nonsense", 1}}, ann);
  ASSERT_EQ(reply.status, 200);
  EXPECT_EQ(reply.text("name"), "Anna");
  EXPECT_EQ(reply.data().at("age"), 31);
  EXPECT_EQ(reply.text("updated_at"), "2026-01-06T10:30:06.123Z");
  EXPECT_THAT(house.happened(), ElementsAre("user.updated to user,admins", "profile.updated to user",
                                            "account: user, 1 logins (session_revoked)"));
  const json::object updated{{"user_id", ann.id},
                             {"changes", {"name", "age"}},
                             {"updated_by", ann.id},
                             {"updated_at", "2026-01-06T10:30:06.123Z"}};
  EXPECT_EQ(house.event_data().at(0), updated);
  const json::object own{
      {"user_id", ann.id}, {"changes", {"name", "age"}}, {"updated_at", "2026-01-06T10:30:06.123Z"}};
  EXPECT_EQ(house.event_data().at(1), own);
  EXPECT_THAT(reply.header("Corohub-Position"), EndsWith(":3"));
  EXPECT_THAT(house.audit(), Contains("user.update ok"));
  EXPECT_EQ(house.get(me, ann).data(), reply.data());
  EXPECT_THAT(house.get(me, ann).header("Corohub-Position"), EndsWith(":3"));
}

TEST(Profile, what_changes_nothing_tells_nobody) {
  House house;
  const Person ann = house.person("ann");
  house.clock().advance(std::chrono::seconds(5));
  for (const json::object& body : std::vector<json::object>{
           {}, {{"name", "ann"}}, {{"name", " ann "}, {"email", "ann@example.com"}, {"age", nullptr}}}) {
    const Reply reply = house.send(Method::patch, me, body, ann);
    EXPECT_EQ(reply.status, 200);
    EXPECT_EQ(reply.text("updated_at"), "2026-01-06T10:30:01.123Z");
    EXPECT_THAT(reply.header("Corohub-Position"), EndsWith(":1"));
  }
  EXPECT_THAT(house.happened(), IsEmpty());
}

TEST(Profile, is_shown_from_memory_at_the_position_the_memory_has) {
  House house({}, [](std::size_t shard) { return static_cast<Seq>(40 + shard); });
  const Person ann = house.person("ann");
  const Reply reply = house.get(me, ann);
  EXPECT_EQ(reply.text("name"), "ann");
  EXPECT_THAT(reply.header("Corohub-Position"), EndsWith(":40"));
}

TEST(Profile, null_clears_the_age) {
  House house;
  const Person ann = house.person("ann");
  ASSERT_EQ(house.send(Method::patch, me, {{"age", 31}}, ann).status, 200);
  EXPECT_TRUE(house.send(Method::patch, me, {{"age", nullptr}}, ann).data().at("age").is_null());
}

TEST(Profile, another_address_needs_the_current_password) {
  House house;
  const Person ann = house.person("ann");
  house.person("bob");
  const Reply missing = house.send(Method::patch, me, {{"email", "new@example.com"}}, ann);
  EXPECT_EQ(missing.status, 422);
  EXPECT_EQ(missing.code(), "validation_failed");
  EXPECT_THAT(missing.errors(), ElementsAre("/current_password required"));
  const Reply wrong =
      house.send(Method::patch, me, {{"email", "new@example.com"}, {"current_password", "wrong-one"}}, ann);
  EXPECT_EQ(wrong.status, 403);
  EXPECT_EQ(wrong.code(), "current_password_wrong");
  const Reply taken =
      house.send(Method::patch, me, {{"email", "BOB@example.com"}, {"current_password", password}}, ann);
  EXPECT_EQ(taken.status, 409);
  EXPECT_EQ(taken.code(), "email_taken");
  EXPECT_THAT(house.happened(), IsEmpty());

  const Reply changed =
      house.send(Method::patch, me, {{"email", "new@example.com"}, {"current_password", password}}, ann);
  EXPECT_EQ(changed.status, 200);
  EXPECT_EQ(changed.text("email"), "new@example.com");
  house.login("NEW@example.com");
  EXPECT_EQ(
      house.send(Method::post, "/api/v1/auth/login", {{"email", ann.email}, {"password", password}}).status,
      401);
}

TEST(Profile, T41_privileged_members_are_refused) {
  House house;
  const Person ann = house.person("ann");
  for (const std::string_view member :
       {"role", "Role", "id", "status", "token_version", "password_hash", "password"}) {
    const Reply reply = house.send(Method::patch, me, {{"name", "Eve"}, {member, "admin"}}, ann);
    EXPECT_EQ(reply.status, 422);
    EXPECT_EQ(reply.code(), "field_not_allowed");
  }
  EXPECT_EQ(house.get(me, ann).text("name"), "ann");
  EXPECT_EQ(house.ask({Method::patch, me, R"({"name":"a","name":"b"})", ann.token}).status, 400);
  EXPECT_EQ(house.send(Method::patch, me, {{"name", nullptr}}, ann).status, 422);
  EXPECT_EQ(house.send(Method::patch, me, {{"age", 200}}, ann).status, 422);
}

TEST(Profile, T32_deleting_oneself) {
  House house;
  const Person ann = house.person("ann");
  const Reply reply = house.del(me, ann);
  EXPECT_EQ(reply.status, 204);
  EXPECT_THAT(reply.header("Corohub-Position"), EndsWith(":2"));
  EXPECT_THAT(house.happened(), ElementsAre("user.deleted to admins", "account: gone (account_deleted)"));
  const json::object expected{{"user_id", ann.id},
                              {"email", "ann@example.com"},
                              {"deleted_by", ann.id},
                              {"deleted_at", "2026-01-06T10:30:01.123Z"}};
  EXPECT_EQ(house.event_data().at(0), expected);
  EXPECT_FALSE(house.is_live(ann));
  EXPECT_EQ(house.count("sessions"), 0);
  EXPECT_EQ(house.count("refresh_tokens"), 0);

  const Person again = house.person("ann");
  EXPECT_GT(again.id, ann.id) << "ids are never given again";
  EXPECT_FALSE(house.is_live(ann));
}

TEST(Profile, the_last_superadmin_cannot_leave) {
  House house;
  const Person root = house.person("root", Role::superadmin);
  EXPECT_EQ(house.del(me, root).code(), "last_superadmin");
  house.person("second", Role::superadmin);
  EXPECT_EQ(house.del(me, root).status, 204);
}

TEST(Password, T30_a_change_keeps_the_callers_login_and_ends_the_others) {
  House house;
  const Person ann = house.person("ann");
  const Person phone = house.login(ann.email);
  const Person laptop = house.login(ann.email);
  house.happened();
  const Reply reply = house.send(Method::put, me + "/password",
                                 {{"current_password", password}, {"new_password", "another-one"}}, ann);
  ASSERT_EQ(reply.status, 200);
  EXPECT_EQ(reply.text("token_type"), "Bearer");
  EXPECT_THAT(house.happened(),
              ElementsAre("password.changed to user", "account: user, 1 logins (credentials_changed)"));
  const json::object expected{{"user_id", ann.id}, {"changed_at", "2026-01-06T10:30:01.123Z"}};
  EXPECT_EQ(house.event_data().at(0), expected);

  EXPECT_FALSE(house.is_live(phone));
  EXPECT_FALSE(house.is_live(laptop));
  EXPECT_FALSE(house.is_live(ann)) << "the old access token says the old version";
  EXPECT_EQ(house.ask({Method::get, me, "", reply.text("access_token")}).status, 200);
  const auto refresh = [&](const std::string& token) {
    return house.send(Method::post, "/api/v1/auth/refresh", {{"refresh_token", token}}).status;
  };
  EXPECT_EQ(refresh(phone.refresh), 401);
  EXPECT_EQ(refresh(ann.refresh), 401);
  EXPECT_EQ(refresh(reply.text("refresh_token")), 200);
  EXPECT_EQ(house.count("sessions"), 1);
  house.login(ann.email, "another-one");
}

TEST(Password, what_is_wrong_is_said_before_it_is_tried) {
  House house;
  const Person ann = house.person("ann");
  const auto change = [&](const json::object& body) {
    return house.send(Method::put, me + "/password", body, ann);
  };
  EXPECT_EQ(change({}).status, 422);
  EXPECT_EQ(change({{"current_password", password}}).status, 422);
  EXPECT_EQ(change({{"current_password", password}, {"new_password", "short"}}).status, 422);
  EXPECT_EQ(change({{"current_password", "wrong-one"}, {"new_password", "short"}}).status, 422);
  const Reply wrong = change({{"current_password", "wrong-one"}, {"new_password", "another-one"}});
  EXPECT_EQ(wrong.status, 403);
  EXPECT_EQ(wrong.code(), "current_password_wrong");
  EXPECT_THAT(house.happened(), IsEmpty());
  house.login(ann.email);
}

TEST(Password, changes_are_limited_by_user) {
  House house;
  const Person ann = house.person("ann");
  Ask ask{Method::put, me + "/password",
          json::serialize(json::object{{"current_password", "wrong-one"}, {"new_password", "another-one"}}),
          ann.token};
  ask.exempt = false;
  for (int i = 0; i < 5; ++i) EXPECT_EQ(house.ask(ask).status, 403);
  EXPECT_EQ(house.ask(ask).status, 429);
}

TEST(PasswordReset, ends_all_logins_and_works_once) {
  House house;
  const Person root = house.person("root", Role::superadmin);
  const Person ann = house.person("ann");
  const std::string path = "/api/v1/admin/users/" + std::to_string(ann.id) + "/password-reset";
  const std::string old = house.send(Method::post, path, json::object{}, root).text("token");
  const Reply made = house.ask({Method::post, path, "", root.token});
  ASSERT_EQ(made.status, 201);
  EXPECT_EQ(made.data().at("expires_in"), 3600);
  const auto reset = [&](const std::string& token, std::string_view text) {
    return house.send(Method::post, "/api/v1/auth/password/reset", {{"token", token}, {"password", text}});
  };
  EXPECT_EQ(reset(old, "another-one").code(), "invalid_grant") << "a newer link was made";
  EXPECT_EQ(reset("guess", "another-one").status, 401);
  EXPECT_EQ(reset(made.text("token"), "short").status, 422);
  EXPECT_THAT(house.happened(), IsEmpty());

  EXPECT_EQ(reset(made.text("token"), "another-one").status, 204);
  EXPECT_THAT(house.happened(),
              ElementsAre("password.changed to user", "account: user, 0 logins (credentials_changed)"));
  EXPECT_EQ(reset(made.text("token"), "yet-another").status, 401);
  EXPECT_FALSE(house.is_live(ann));
  house.login(ann.email, "another-one");

  const std::string late = house.send(Method::post, path, json::object{}, root).text("token");
  house.clock().advance(std::chrono::hours(1));
  EXPECT_EQ(reset(late, "another-one").status, 401);
}

// A house with a link by which ann's password may be set.
struct Linked {
  explicit Linked(Role maker_role) : maker(house.person("maker", maker_role)) {
    link = house.send(Method::post, ann_path("/password-reset"), json::object{}, maker).text("token");
    house.happened();
  }
  std::string ann_path(const std::string& rest) const {
    return "/api/v1/admin/users/" + std::to_string(ann.id) + rest;
  }
  std::string maker_path(const std::string& rest) const {
    return "/api/v1/admin/users/" + std::to_string(maker.id) + rest;
  }
  int put(const std::string& path, const json::value& body) {
    return house.send(Method::put, path, body, root).status;
  }
  int reset() {
    return house
        .send(Method::post, "/api/v1/auth/password/reset", {{"token", link}, {"password", "another-one"}})
        .status;
  }

  House house;
  Person root = house.person("root", Role::superadmin);
  Person ann = house.person("ann");
  Person maker;
  std::string link;
};

TEST(PasswordReset, T43_a_link_dies_with_a_change_of_role_status_or_address) {
  const json::object other_address{{"email", "ann2@example.com"}};
  const std::vector<std::function<int(Linked&)>> changes{
      [](Linked& it) { return it.put(it.ann_path("/role"), {{"role", "superadmin"}}); },
      [](Linked& it) {
        it.put(it.ann_path("/role"), {{"role", "admin"}});
        return it.put(it.ann_path("/role"), {{"role", "user"}});
      },
      [](Linked& it) { return it.put(it.ann_path("/status"), {{"status", "disabled"}}); },
      [&](Linked& it) {
        return it.house.send(Method::patch, it.ann_path(""), other_address, it.root).status;
      },
      [&](Linked& it) {
        json::object own = other_address;
        own["current_password"] = password;
        return it.house.send(Method::patch, "/api/v1/users/me", own, it.ann).status;
      }};
  for (std::size_t i = 0; i < changes.size(); ++i) {
    Linked it(Role::admin);
    ASSERT_EQ(changes[i](it), 200) << i;
    EXPECT_EQ(it.reset(), 401) << i;
  }
  Linked it(Role::admin);
  EXPECT_EQ(it.house.send(Method::patch, it.ann_path(""), {{"name", "Ann B."}}, it.root).status, 200);
  EXPECT_EQ(it.reset(), 204) << "another name changes nothing of who it is";
}

TEST(PasswordReset, T43_its_makers_rank_is_judged_when_the_link_is_used) {
  const std::vector<std::function<int(Linked&)>> ends{
      [](Linked& it) { return it.put(it.maker_path("/role"), {{"role", "user"}}); },
      [](Linked& it) { return it.put(it.maker_path("/status"), {{"status", "disabled"}}); },
      [](Linked& it) { return it.house.del(it.maker_path(""), it.root).status; }};
  for (const Role role : {Role::admin, Role::superadmin}) {
    for (std::size_t i = 0; i < ends.size(); ++i) {
      Linked it(role);
      ASSERT_LT(ends[i](it), 300) << i;
      EXPECT_EQ(it.reset(), 401) << i;
    }
    Linked it(role);
    EXPECT_EQ(it.reset(), 204);
  }
}

}  // namespace
}  // namespace corohub::users::test
