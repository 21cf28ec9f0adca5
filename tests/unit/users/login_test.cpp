#include "house.hpp"
#include "users/password_check.hpp"

#include <boost/json/serialize.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace corohub::users::test {
namespace {

using ::testing::ElementsAre;

Ask login_ask(std::string_view email, std::string_view text, std::string ip = "192.0.2.7") {
  Ask ask{Method::post, "/api/v1/auth/login",
          json::serialize(json::object{{"email", email}, {"password", text}})};
  ask.ip = std::move(ip);
  ask.exempt = false;
  return ask;
}

// Another address of one network each time, so that the address's own limit is not met.
std::string address(int i) { return "198.51.100." + std::to_string(i % 250); }
// Another network each time.
std::string elsewhere(int i) { return "10.1." + std::to_string(i % 250) + ".9"; }

TEST(Login, answers_the_same_data_as_registration) {
  House house;
  const Person ann = house.person("ann");
  const Reply reply = house.ask(login_ask("ANN@example.com", password));
  ASSERT_EQ(reply.status, 200);
  EXPECT_EQ(reply.data().at("user").at("id"), ann.id);
  EXPECT_EQ(reply.text("token_type"), "Bearer");
  EXPECT_EQ(reply.data().at("expires_in"), 900);
  EXPECT_THAT(house.happened(), ElementsAre("account: user, 2 logins (session_revoked)"));
  EXPECT_EQ(house.ask({Method::get, "/api/v1/users/me", "", reply.text("access_token")}).status, 200);
}

TEST(Login, T37_a_wrong_password_and_an_unknown_address_look_the_same) {
  House house;
  house.person("ann");
  const Reply wrong = house.ask(login_ask("ann@example.com", "wrong-one"));
  const Reply unknown = house.ask(login_ask("bob@example.com", "wrong-one"));
  EXPECT_EQ(wrong.status, 401);
  EXPECT_EQ(wrong.code(), "invalid_credentials");
  EXPECT_EQ(wrong.body, unknown.body);
  EXPECT_EQ(wrong.header("WWW-Authenticate"), unknown.header("WWW-Authenticate"));
  EXPECT_EQ(house.count("login_failures"), 3)
      << "by network, and in all where the network is not one of the account's";
}

TEST(Login, never_applies_the_password_policy) {
  House house;
  house.person("ann");
  for (const std::string_view text : {"pass123", "x", " ", "\n"})
    EXPECT_EQ(
        house.send(Method::post, "/api/v1/auth/login", {{"email", "ann@example.com"}, {"password", text}})
            .status,
        401);
  for (const json::object& body :
       std::vector<json::object>{{},
                                 {{"email", "ann@example.com"}},
                                 {{"password", "secure123"}},
                                 {{"email", 5}, {"password", "secure123"}},
                                 {{"email", "ann@example.com"}, {"password", nullptr}}})
    EXPECT_EQ(house.send(Method::post, "/api/v1/auth/login", body).status, 422) << json::serialize(body);
}

TEST(Login, T32_a_disabled_account_looks_like_a_wrong_password) {
  House house;
  const Person root = house.person("root", Role::superadmin);
  const Person ann = house.person("ann");
  const std::string path = "/api/v1/admin/users/" + std::to_string(ann.id) + "/status";
  ASSERT_EQ(house.send(Method::put, path, {{"status", "disabled"}}, root).status, 200);
  const Reply reply = house.ask(login_ask("ann@example.com", password));
  EXPECT_EQ(reply.status, 401);
  EXPECT_EQ(reply.code(), "invalid_credentials");
}

TEST(Login, T38_delays_grow_from_the_fifth_failure_of_a_network) {
  House house;
  house.person("ann");
  int i = 0;
  for (; i < 5; ++i) EXPECT_EQ(house.ask(login_ask("ann@example.com", "wrong-one", address(i))).status, 401);
  for (const int delay : {1, 2, 4, 8}) {
    // The right password as well: the answer tells nothing of it.
    const Reply right = house.ask(login_ask("ann@example.com", password, address(++i)));
    EXPECT_EQ(right.status, 429);
    EXPECT_EQ(right.code(), "rate_limited");
    EXPECT_EQ(right.header("Retry-After"), std::to_string(delay));
    house.clock().advance(std::chrono::seconds(delay));
    EXPECT_EQ(house.ask(login_ask("ann@example.com", "wrong-one", address(++i))).status, 401);
  }
  house.clock().advance(std::chrono::seconds(16));
  EXPECT_EQ(house.ask(login_ask("ann@example.com", password, address(++i))).status, 200);
  EXPECT_EQ(house.count("login_failures"), 0) << "success starts anew";
}

TEST(Login, T38_an_unknown_address_is_delayed_alike) {
  House house;
  for (int i = 0; i < 5; ++i)
    EXPECT_EQ(house.ask(login_ask("ghost@example.com", "wrong-one", address(i))).status, 401);
  EXPECT_EQ(house.ask(login_ask("GHOST@example.com", "wrong-one", address(9))).status, 429);
}

TEST(Login, T38_delays_end_at_a_quarter_of_an_hour) {
  EXPECT_EQ(delay_after(4), 0);
  EXPECT_EQ(delay_after(5), 1000);
  EXPECT_EQ(delay_after(6), 2000);
  EXPECT_EQ(delay_after(14), 512'000);
  EXPECT_EQ(delay_after(15), 900'000);
  EXPECT_EQ(delay_after(99), 900'000);
}

TEST(Login, T38_a_stranger_slows_down_himself_alone) {
  House house;
  house.person("ann");
  for (int i = 0; i < 40; ++i) {
    house.clock().advance(std::chrono::seconds(901));
    ASSERT_EQ(house.ask(login_ask("ann@example.com", "wrong-one", address(i))).status, 401);
  }
  EXPECT_EQ(house.ask(login_ask("ann@example.com", password, address(1))).status, 429);
  EXPECT_EQ(house.ask(login_ask("ann@example.com", password, elsewhere(1))).status, 200);
}

// A crowd that has failed a hundred times, each from a network of its own.
void fail_from_everywhere(House& house) {
  for (int i = 0; i < 100; ++i)
    ASSERT_EQ(house.ask(login_ask("ann@example.com", "wrong-one", elsewhere(i))).status, 401);
}

TEST(Login, T38_a_crowd_is_slowed_down_and_locks_nobody_out) {
  House house;
  house.person("ann");
  house.clock().advance(std::chrono::hours(24 * 40));  // no login is left
  fail_from_everywhere(house);
  EXPECT_EQ(house.ask(login_ask("ann@example.com", "wrong-one", elsewhere(100))).status, 401);
  const Reply refused = house.ask(login_ask("ann@example.com", password, elsewhere(101)));
  EXPECT_EQ(refused.status, 429) << "the right password as well";
  EXPECT_EQ(refused.header("Retry-After"), "1");
  house.clock().advance(std::chrono::seconds(1));
  EXPECT_EQ(house.ask(login_ask("ann@example.com", "wrong-one", elsewhere(102))).status, 401);
  EXPECT_EQ(house.ask(login_ask("ann@example.com", "wrong-one", elsewhere(103))).status, 429);
  house.clock().advance(std::chrono::seconds(1));
  EXPECT_EQ(house.ask(login_ask("ann@example.com", password, elsewhere(104))).status, 200);
  EXPECT_EQ(house.ask(login_ask("ann@example.com", "wrong-one", elsewhere(105))).status, 401)
      << "success starts anew";
}

TEST(Login, T38_whoever_has_many_networks_takes_no_turn_of_others) {
  House house;
  house.person("ann");
  const auto of_one_customer = [](int i) { return "2001:db8:1:" + std::to_string(i) + "::9"; };
  for (int i = 0; i < 100; ++i)
    ASSERT_EQ(house.ask(login_ask("ann@example.com", "wrong-one", of_one_customer(i))).status, 401);
  EXPECT_EQ(house.ask(login_ask("ann@example.com", "wrong-one", of_one_customer(100))).status, 401);
  EXPECT_EQ(house.ask(login_ask("ann@example.com", "wrong-one", of_one_customer(101))).status, 429);
  EXPECT_EQ(house.ask(login_ask("ann@example.com", password, "2001:db8:2::9")).status, 200);
}

TEST(Login, T38_a_crowd_of_regions_gets_five_tries_a_second) {
  House house;
  house.person("ann");
  fail_from_everywhere(house);
  const auto region = [](int i) { return "10." + std::to_string(i) + ".0.9"; };
  for (int i = 10; i < 15; ++i)
    EXPECT_EQ(house.ask(login_ask("ann@example.com", "wrong-one", region(i))).status, 401);
  EXPECT_EQ(house.ask(login_ask("ann@example.com", "wrong-one", region(15))).status, 429);
  house.clock().advance(std::chrono::milliseconds(200));
  EXPECT_EQ(house.ask(login_ask("ann@example.com", "wrong-one", region(15))).status, 401);
}

TEST(Login, T38_the_networks_of_ones_logins_are_not_of_the_crowd) {
  House house;
  const Person ann = house.person("ann");
  Ask home = login_ask("ann@example.com", password, "203.0.113.7");
  ASSERT_EQ(house.ask(home).status, 200);
  fail_from_everywhere(house);
  EXPECT_EQ(house.ask(login_ask("ann@example.com", "wrong-one", "203.0.113.8")).status, 401);
  EXPECT_EQ(house.ask(login_ask("ann@example.com", "wrong-one", elsewhere(100))).status, 401);
  EXPECT_EQ(house.ask(login_ask("ann@example.com", password, elsewhere(101))).status, 429);
  EXPECT_EQ(house.ask(login_ask("ann@example.com", password, "203.0.113.9")).status, 200);
}

TEST(Login, T38_whoever_has_a_login_changes_his_password_whatever_strangers_try) {
  House house;
  const Person ann = house.person("ann");
  for (int i = 0; i < 20; ++i)
    house.ask(login_ask("ann@example.com", "wrong-one"));  // from the user's own address
  ASSERT_EQ(house.ask(login_ask("ann@example.com", password)).status, 429);
  Ask change{Method::put, "/api/v1/users/me/password",
             json::serialize(json::object{{"current_password", password}, {"new_password", "another-one"}}),
             ann.token};
  change.exempt = false;
  EXPECT_EQ(house.ask(change).status, 200);
}

TEST(Login, T38_a_reset_ends_all_delays) {
  House house;
  const Person root = house.person("root", Role::superadmin);
  const Person ann = house.person("ann");
  for (int i = 0; i < 6; ++i) house.ask(login_ask("ann@example.com", "wrong-one", address(i)));
  const Reply link =
      house.send(Method::post, "/api/v1/admin/users/" + std::to_string(ann.id) + "/password-reset",
                 json::object{}, root);
  ASSERT_EQ(house
                .send(Method::post, "/api/v1/auth/password/reset",
                      {{"token", link.text("token")}, {"password", "brand-new-1"}})
                .status,
            204);
  EXPECT_EQ(house.ask(login_ask("ann@example.com", "brand-new-1", address(9))).status, 200);
}

TEST(Login, T38_a_storm_on_one_account_is_hashed_ten_times_at_most) {
  UsersSettings settings;
  settings.login_failures_minute = {1000, std::chrono::minutes(1), 1000};
  settings.login_failures_hour = {1000, std::chrono::hours(1), 1000};
  House house(settings);
  house.person("ann");
  std::vector<Ask> storm;
  for (int i = 0; i < 40; ++i) storm.push_back(login_ask("ann@example.com", "wrong-one"));
  int hashed = 0;
  for (const Reply& reply : house.ask_together(storm)) {
    hashed += reply.status == 401;
    EXPECT_TRUE(reply.status == 401 || reply.status == 429) << reply.status;
  }
  EXPECT_LE(hashed, 10);
  EXPECT_GE(hashed, 5);
}

TEST(Login, T38_failures_are_limited_by_address_and_successes_cost_nothing) {
  House house;
  house.person("ann");
  for (int i = 0; i < 30; ++i) EXPECT_EQ(house.ask(login_ask("ann@example.com", password)).status, 200);
  for (int i = 0; i < 10; ++i)
    EXPECT_EQ(house.ask(login_ask("u" + std::to_string(i) + "@example.com", "wrong-one")).status, 401);
  const Reply refused = house.ask(login_ask("ann@example.com", password));
  EXPECT_EQ(refused.status, 429);
  EXPECT_EQ(refused.header("RateLimit-Limit"), "10");
  EXPECT_EQ(house.ask(login_ask("ann@example.com", password, "192.0.2.8")).status, 200);
}

TEST(Login, T38_an_account_has_so_many_logins_an_hour_and_others_have_theirs) {
  UsersSettings settings;
  settings.logins = {3, std::chrono::hours(1), 3};
  House house(settings);
  house.person("ann");
  house.person("bob");
  for (int i = 0; i < 3; ++i) ASSERT_EQ(house.ask(login_ask("ann@example.com", password)).status, 200);
  const std::int64_t rows = house.count("audit");
  const Reply refused = house.ask(login_ask("ann@example.com", password));
  EXPECT_EQ(refused.status, 429);
  EXPECT_EQ(refused.code(), "rate_limited");
  EXPECT_EQ(refused.header("Retry-After"), "1200");
  EXPECT_EQ(house.count("audit"), rows);
  EXPECT_EQ(house.ask(login_ask("bob@example.com", password)).status, 200);
  house.clock().advance(std::chrono::seconds(1200));
  EXPECT_EQ(house.ask(login_ask("ann@example.com", password)).status, 200);
}

TEST(Login, exempt_callers_are_neither_limited_nor_delayed) {
  House house;
  house.person("ann");
  for (int i = 0; i < 30; ++i) {
    Ask ask = login_ask("ann@example.com", "wrong-one");
    ask.exempt = true;
    EXPECT_EQ(house.ask(ask).status, 401);
  }
  EXPECT_EQ(house.ask(login_ask("ann@example.com", password)).status, 200);
}

TEST(Login, a_clock_that_is_set_back_locks_nobody_out) {
  House house;
  house.person("ann");
  for (int i = 0; i < 5; ++i) house.ask(login_ask("ann@example.com", "wrong-one", address(i)));
  house.clock().step_wall(std::chrono::hours(-2));
  EXPECT_EQ(house.ask(login_ask("ann@example.com", password, address(9))).status, 200);
}

TEST(Login, T38_wrong_current_passwords_count_by_the_login_they_came_with) {
  House house;
  const Person ann = house.person("ann");
  const Person other = house.login("ann@example.com");
  const auto change = [&](const Person& by, std::string_view current) {
    Ask ask{Method::patch, "/api/v1/users/me",
            json::serialize(json::object{{"email", "new@example.com"}, {"current_password", current}}),
            by.token};
    ask.exempt = false;
    return house.ask(ask);
  };
  for (int i = 0; i < 5; ++i) EXPECT_EQ(change(ann, "wrong-one").code(), "current_password_wrong");
  EXPECT_EQ(change(ann, password).status, 429);
  EXPECT_EQ(house.ask(login_ask("ann@example.com", password, address(1))).status, 200);
  EXPECT_EQ(change(other, password).status, 200);
}

}  // namespace
}  // namespace corohub::users::test
