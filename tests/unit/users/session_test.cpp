#include "core/encoding.hpp"
#include "house.hpp"

#include <algorithm>
#include <set>

#include <boost/json/serialize.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace corohub::users::test {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

const std::string refresh_path = "/api/v1/auth/refresh";

Reply refresh(House& house, const std::string& token) {
  return house.send(Method::post, refresh_path, {{"refresh_token", token}});
}

TEST(Refresh, rotates_and_answers_login_data) {
  House house;
  const Person ann = house.person("ann");
  house.clock().advance(std::chrono::hours(1));
  EXPECT_FALSE(house.is_live(ann)) << "the access token has expired";
  const Reply reply = refresh(house, ann.refresh);
  ASSERT_EQ(reply.status, 200);
  EXPECT_EQ(reply.data().at("user").at("id"), ann.id);
  EXPECT_NE(reply.text("refresh_token"), ann.refresh);
  EXPECT_EQ(reply.text("token_type"), "Bearer");
  EXPECT_THAT(house.happened(), IsEmpty()) << "no login began or ended";
  EXPECT_EQ(house.ask({Method::get, "/api/v1/users/me", "", reply.text("access_token")}).status, 200);
  EXPECT_EQ(house.count("sessions"), 1);
}

TEST(Refresh, T21_takes_nothing_but_refresh_tokens) {
  House house;
  const Person ann = house.person("ann");
  for (const std::string& token :
       {ann.token, std::string("crt_"), std::string("x"), "crt_" + std::string(43, 'A')}) {
    const Reply reply = refresh(house, token);
    EXPECT_EQ(reply.status, 401);
    EXPECT_EQ(reply.code(), "invalid_grant");
  }
  EXPECT_EQ(house.send(Method::post, refresh_path, json::object{}).status, 422);
  EXPECT_EQ(house.send(Method::post, refresh_path, {{"refresh_token", 5}}).status, 422);
  EXPECT_EQ(house.ask({Method::get, "/api/v1/users/me", "", ann.refresh}).status, 401);
}

TEST(Refresh, T27_reuse_ends_the_login_for_thief_and_owner) {
  House house;
  const Person ann = house.person("ann");
  const Reply next = refresh(house, ann.refresh);
  ASSERT_EQ(next.status, 200);
  house.clock().advance(std::chrono::seconds(11));

  const Reply stolen = refresh(house, ann.refresh);
  EXPECT_EQ(stolen.status, 401);
  EXPECT_EQ(stolen.code(), "invalid_grant");
  EXPECT_THAT(house.happened(), ElementsAre("account: user, 0 logins (session_revoked)"));
  EXPECT_THAT(house.audit(), Contains("refresh_reuse denied"));
  EXPECT_EQ(refresh(house, next.text("refresh_token")).status, 401) << "the owner's newest died with it";
  EXPECT_EQ(house.ask({Method::get, "/api/v1/users/me", "", next.text("access_token")}).status, 401);
  EXPECT_EQ(house.count("refresh_tokens"), 0);
}

TEST(Refresh, T28_within_the_grace_the_same_token_gets_the_same_successor) {
  House house;
  const Person ann = house.person("ann");
  const Reply lost = refresh(house, ann.refresh);
  house.clock().advance(std::chrono::seconds(9));
  const Reply again = refresh(house, ann.refresh);
  ASSERT_EQ(again.status, 200);
  EXPECT_EQ(again.text("refresh_token"), lost.text("refresh_token"));
  EXPECT_EQ(house.count("refresh_tokens"), 2);

  house.clock().advance(std::chrono::minutes(1));
  EXPECT_EQ(refresh(house, again.text("refresh_token")).status, 200) << "and the login goes on";
}

TEST(Refresh, T28_one_that_comes_after_the_successor_was_used_is_refused_and_ends_nothing_within_the_grace) {
  House house;
  const Person ann = house.person("ann");
  const Reply second = refresh(house, ann.refresh);
  const Reply third = refresh(house, second.text("refresh_token"));
  ASSERT_EQ(third.status, 200);
  EXPECT_EQ(refresh(house, ann.refresh).code(), "invalid_grant");
  EXPECT_EQ(house.count("sessions"), 1);
  EXPECT_EQ(refresh(house, third.text("refresh_token")).status, 200);

  house.clock().advance(std::chrono::seconds(10));
  EXPECT_EQ(refresh(house, ann.refresh).status, 401) << "T27: now it is reuse";
  EXPECT_EQ(house.count("sessions"), 0);
}

TEST(Refresh, T27_without_a_grace_any_second_use_ends_the_login) {
  UsersSettings settings;
  settings.refresh_grace = std::chrono::seconds(0);
  House house(settings);
  const Person ann = house.person("ann");
  ASSERT_EQ(refresh(house, ann.refresh).status, 200);
  EXPECT_EQ(refresh(house, ann.refresh).status, 401);
  EXPECT_EQ(house.count("sessions"), 0);
}

TEST(Refresh, T28_twenty_at_once_are_all_good_and_leave_one_live_token) {
  House house;
  const Person ann = house.person("ann");
  std::string current = ann.refresh;
  for (int round = 0; round < 20; ++round) {
    const Ask ask{Method::post, refresh_path, json::serialize(json::object{{"refresh_token", current}})};
    std::set<std::string> tokens;
    for (const Reply& reply : house.ask_together(std::vector<Ask>(20, ask))) {
      ASSERT_EQ(reply.status, 200);
      tokens.insert(reply.text("refresh_token"));
      EXPECT_EQ(house.ask({Method::get, "/api/v1/users/me", "", reply.text("access_token")}).status, 200);
    }
    ASSERT_EQ(tokens.size(), 1U);
    ASSERT_EQ(house.count("sessions"), 1);
    current = *tokens.begin();
    if (round % 2 == 0) house.clock().advance(std::chrono::seconds(20));
  }
}

TEST(Refresh, T26_the_database_alone_does_not_give_the_successor) {
  House house;
  const Person ann = house.person("ann");
  const std::string next = refresh(house, ann.refresh).text("refresh_token");
  const std::string disk = house.disk();
  for (const std::string& token : {ann.refresh, next}) {
    EXPECT_EQ(disk.find(token.substr(4)), std::string::npos);
    EXPECT_EQ(disk.find(from_base64url(token.substr(4)).value()), std::string::npos);
  }
}

TEST(Refresh, ends_after_fourteen_idle_days_and_thirty_in_all) {
  House house;
  const Person idle = house.person("idle");
  house.clock().advance(std::chrono::hours(14 * 24));
  EXPECT_EQ(refresh(house, idle.refresh).code(), "invalid_grant");

  const Person busy = house.person("busy");
  std::string token = busy.refresh;
  for (int day = 0; day < 29; ++day) {
    house.clock().advance(std::chrono::hours(24));
    const Reply reply = refresh(house, token);
    ASSERT_EQ(reply.status, 200) << day;
    token = reply.text("refresh_token");
  }
  house.clock().advance(std::chrono::hours(24));
  EXPECT_EQ(refresh(house, token).code(), "invalid_grant");
}

TEST(Refresh, keeps_a_bounded_number_of_used_tokens) {
  House house;
  Person ann = house.person("ann");
  for (int i = 0; i < 150; ++i) {
    const Reply reply = refresh(house, ann.refresh);
    ASSERT_EQ(reply.status, 200);
    ann.refresh = reply.text("refresh_token");
    house.clock().advance(std::chrono::seconds(1));
  }
  EXPECT_EQ(house.count("refresh_tokens"), 101);
}

TEST(Refresh, is_limited_by_login) {
  UsersSettings settings;
  settings.refreshes = {2, std::chrono::minutes(1), 2};
  House house(settings);
  Person ann = house.person("ann");
  std::vector<int> statuses;
  for (int i = 0; i < 3; ++i) {
    Ask ask{Method::post, refresh_path, json::serialize(json::object{{"refresh_token", ann.refresh}})};
    ask.exempt = false;
    const Reply reply = house.ask(ask);
    statuses.push_back(reply.status);
    if (reply.status == 200) ann.refresh = reply.text("refresh_token");
  }
  EXPECT_THAT(statuses, ElementsAre(200, 200, 429));
}

TEST(Logout, T29_by_the_access_token) {
  House house;
  const Person ann = house.person("ann");
  const Person other = house.login(ann.email);
  house.happened();
  EXPECT_EQ(house.ask({Method::post, "/api/v1/auth/logout", "", ann.token}).status, 204);
  EXPECT_THAT(house.happened(), ElementsAre("account: user, 1 logins (logged_out)"));
  EXPECT_FALSE(house.is_live(ann));
  EXPECT_EQ(refresh(house, ann.refresh).status, 401);
  EXPECT_TRUE(house.is_live(other));
}

TEST(Logout, T29_by_the_refresh_token) {
  House house;
  const Person ann = house.person("ann");
  const json::object body{{"refresh_token", ann.refresh}};
  EXPECT_EQ(house.send(Method::post, "/api/v1/auth/logout", body).status, 204);
  EXPECT_THAT(house.happened(), ElementsAre("account: user, 0 logins (logged_out)"));
  EXPECT_FALSE(house.is_live(ann));
  EXPECT_EQ(house.send(Method::post, "/api/v1/auth/logout", body).status, 204) << "again";
}

TEST(Logout, falls_back_to_the_refresh_token_when_the_access_token_has_expired) {
  House house;
  const Person ann = house.person("ann");
  house.clock().advance(std::chrono::hours(1));
  EXPECT_EQ(house.ask({Method::post, "/api/v1/auth/logout", "", ann.token}).status, 401);
  EXPECT_EQ(house.send(Method::post, "/api/v1/auth/logout", {{"refresh_token", ann.refresh}}, ann).status,
            204);
  EXPECT_EQ(house.count("sessions"), 0);
}

TEST(Logout, without_any_credential) {
  House house;
  EXPECT_EQ(house.ask({Method::post, "/api/v1/auth/logout"}).code(), "unauthorized");
  EXPECT_EQ(house.ask({Method::post, "/api/v1/auth/logout", "{}"}).code(), "unauthorized");
  EXPECT_EQ(house.ask({Method::post, "/api/v1/auth/logout", "{"}).status, 400);
  EXPECT_EQ(house.ask({Method::post, "/api/v1/auth/logout", R"({"refresh_token":1})"}).status, 422);
  EXPECT_EQ(house.ask({Method::post, "/api/v1/auth/logout", "", "garbage"}).code(), "invalid_token");
}

TEST(Sessions, are_listed_and_ended_by_their_user) {
  House house;
  const Person ann = house.person("ann");
  Ask ask{Method::post, "/api/v1/auth/login",
          json::serialize(json::object{{"email", ann.email}, {"password", password}})};
  ask.ip = "::ffff:198.51.100.9";
  ask.headers.push_back({"User-Agent", "Tab\x1b[31m\xff"});
  const Reply other = house.ask(ask);
  house.happened();

  const Reply list = house.get("/api/v1/auth/sessions", ann);
  ASSERT_EQ(list.data().as_array().size(), 2U);
  std::string id;
  for (const json::value& session : list.data().as_array()) {
    if (session.at("current").as_bool()) continue;
    id = std::string(session.at("id").as_string());
    EXPECT_EQ(session.at("ip"), "198.51.100.9");
    EXPECT_EQ(session.at("user_agent"), "Tab?[31m?");
    EXPECT_EQ(session.at("created_at"), "2026-01-06T10:30:01.123Z");
    EXPECT_EQ(session.at("last_used_at"), "2026-01-06T10:30:01.123Z");
  }
  EXPECT_EQ(house.del("/api/v1/auth/sessions/" + id, ann).status, 204);
  EXPECT_THAT(house.happened(), ElementsAre("account: user, 1 logins (session_revoked)"));
  EXPECT_EQ(house.del("/api/v1/auth/sessions/" + id, ann).status, 404);
  EXPECT_EQ(house.del("/api/v1/auth/sessions/nonsense", ann).status, 404);
  EXPECT_EQ(refresh(house, other.text("refresh_token")).status, 401);
  EXPECT_TRUE(house.is_live(ann));
}

TEST(Sessions, one_that_has_ended_ends_no_others) {
  House house;
  const Person ann = house.person("ann");
  const Person same = house.login(ann.email);
  // Both are let in, and each would end the other.
  house.ask_together({{Method::del, "/api/v1/auth/sessions", "", ann.token},
                      {Method::del, "/api/v1/auth/sessions", "", same.token}});
  EXPECT_EQ(house.count("sessions"), 1);
}

TEST(Sessions, tell_from_where_they_were_used_last) {
  House house;
  const Person ann = house.person("ann");
  Ask ask{Method::post, "/api/v1/auth/refresh",
          json::serialize(json::object{{"refresh_token", ann.refresh}})};
  ask.ip = "203.0.113.9";
  const Reply refreshed = house.ask(ask);
  ASSERT_EQ(refreshed.status, 200);
  const Reply list = house.ask({Method::get, "/api/v1/auth/sessions", "", refreshed.text("access_token")});
  EXPECT_EQ(list.data().at(0).at("ip"), "203.0.113.9");
}

TEST(Sessions, T42_of_others_do_not_exist) {
  House house;
  const Person ann = house.person("ann");
  const Person bob = house.person("bob");
  const std::string id(house.get("/api/v1/auth/sessions", bob).data().at(0).at("id").as_string());
  EXPECT_EQ(house.del("/api/v1/auth/sessions/" + id, ann).status, 404);
  EXPECT_TRUE(house.is_live(bob));
}

TEST(Sessions, ending_the_current_one_is_a_logout) {
  House house;
  const Person ann = house.person("ann");
  const std::string id(house.get("/api/v1/auth/sessions", ann).data().at(0).at("id").as_string());
  EXPECT_EQ(house.del("/api/v1/auth/sessions/" + id, ann).status, 204);
  EXPECT_THAT(house.happened(), ElementsAre("account: user, 0 logins (logged_out)"));
}

TEST(Sessions, a_user_has_twenty_and_the_oldest_gives_way) {
  House house;
  const Person first = house.person("ann");
  Person last;
  for (int i = 0; i < 20; ++i) {
    house.clock().advance(std::chrono::milliseconds(1));
    last = house.login(first.email);
  }
  EXPECT_EQ(house.count("sessions"), 20);
  EXPECT_FALSE(house.is_live(first));
  EXPECT_TRUE(house.is_live(last));
  EXPECT_EQ(house.happened().back(), "account: user, 20 logins (session_revoked)");
}

TEST(Ticket, T36_is_bound_to_user_login_token_and_page) {
  House house;
  const Person ann = house.person("ann");
  Ask ask{Method::post, "/api/v1/auth/ws-ticket", "", ann.token};
  ask.headers.push_back({"Origin", "https://app.example.com"});
  const Reply reply = house.ask(ask);
  ASSERT_EQ(reply.status, 200);
  EXPECT_EQ(reply.data().at("expires_in"), 30);
  const std::string text = reply.text("ticket");
  EXPECT_FALSE(house.tickets().take(text, "https://evil.example.com").has_value());

  const std::string second = house.ask(ask).text("ticket");
  const std::optional<auth::Ticket> ticket = house.tickets().take(second, "https://app.example.com");
  ASSERT_TRUE(ticket.has_value());
  EXPECT_EQ(ticket->user_id, ann.id);
  EXPECT_EQ(ticket->token_expires_at, (house.clock().unix_ms() + 999) / 1000 + 900);
  EXPECT_EQ(house.ask({Method::post, "/api/v1/auth/ws-ticket"}).status, 401);
}

TEST(Ticket, T36_is_limited_by_user) {
  House house;
  const Person ann = house.person("ann");
  Ask ask{Method::post, "/api/v1/auth/ws-ticket", "", ann.token};
  ask.exempt = false;
  for (int i = 0; i < 10; ++i) EXPECT_EQ(house.ask(ask).status, 200);
  EXPECT_EQ(house.ask(ask).status, 429);
}

}  // namespace
}  // namespace corohub::users::test
