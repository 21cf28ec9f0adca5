#include "http/router.hpp"

#include <stdexcept>

#include <gtest/gtest.h>

namespace corohub::http {
namespace {

void add_all(Router& router) {
  router.add(Method::get, "/", Access::guest, {});
  router.add(Method::get, "/users/me", Access::user, {});
  router.add(Method::get, "/users/{id}", Access::admin, {});
  router.add(Method::del, "/users/{id}", Access::admin, {});
  router.add(Method::put, "/users/{user_id}/role", Access::admin, {});
  router.add(Method::post, "/users/me/{what}/now", Access::user, {});
}

std::string pattern(const Router& router, Method method, std::string_view path) {
  const Router::Match match = router.match(method, path);
  return match.route == nullptr ? "none" : match.route->pattern;
}

TEST(Router, prefers_a_literal_to_a_parameter) {
  Router router;
  add_all(router);
  EXPECT_EQ(pattern(router, Method::get, "/"), "/");
  EXPECT_EQ(pattern(router, Method::get, "/users/me"), "/users/me");
  EXPECT_EQ(pattern(router, Method::get, "/users/7"), "/users/{id}");
  EXPECT_EQ(pattern(router, Method::put, "/users/me/role"),
            "/users/{user_id}/role");  // back from the literal
  EXPECT_EQ(pattern(router, Method::post, "/users/me/x/now"), "/users/me/{what}/now");
}

TEST(Router, takes_as_many_segments_as_the_rest_of_the_pattern_leaves) {
  Router router;
  router.add(Method::post, "/topics/{topic...}/events", Access::user, {});
  router.add(Method::get, "/topics/{topic...}/history", Access::user, {});
  router.add(Method::get, "/topics/{topic...}/events/{id}", Access::user, {});
  router.add(Method::get, "/topics/mine", Access::user, {});
  const auto topic = [&](Method method, std::string_view path) {
    const Router::Match match = router.match(method, path);
    if (match.route == nullptr)
      return match.allow.empty() ? std::string("none") : "not " + std::string(match.allow);
    EXPECT_EQ(match.params.empty() ? "" : match.params[0].first, match.params.empty() ? "" : "topic");
    return match.params.empty() ? match.route->pattern : match.params[0].second;
  };
  EXPECT_EQ(topic(Method::post, "/topics/one/events"), "one");
  EXPECT_EQ(topic(Method::post, "/topics/rooms/one/events"), "rooms/one");
  EXPECT_EQ(topic(Method::post, "/topics/rooms%2Fone/events"), "rooms/one");
  EXPECT_EQ(topic(Method::post, "/topics/a/b/c/d/events"), "a/b/c/d");
  EXPECT_EQ(topic(Method::post, "/topics/events/events/events"), "events/events");
  EXPECT_EQ(topic(Method::post, "/topics/mine/events"), "mine");
  EXPECT_EQ(topic(Method::get, "/topics/mine"), "/topics/mine");
  EXPECT_EQ(topic(Method::get, "/topics/a/events/7"), "a");
  EXPECT_EQ(topic(Method::head, "/topics/a/b/history"), "a/b");
  EXPECT_EQ(topic(Method::get, "/topics/a/b/events"), "not POST, OPTIONS");
  for (const char* path : {"/topics", "/topics/", "/topics/events", "/topics//events", "/topics/a//events",
                           "/topics/a/events/", "/topics/a/b", "/topics/a/%zz/events", "/topics/%00/events"})
    EXPECT_EQ(topic(Method::post, path), "none") << path;
  EXPECT_THROW(router.add(Method::get, "/{a...}/x/{b...}", Access::user, {}), std::logic_error);
  std::string long_path = "/topics";
  for (int i = 0; i < 3000; ++i) long_path += "/a";
  EXPECT_EQ(topic(Method::post, long_path), "none");
  EXPECT_EQ(topic(Method::post, long_path + "/events").size(), 5999U);
}

TEST(Router, names_the_parameters_of_the_route_it_found) {
  Router router;
  add_all(router);
  const Router::Match match = router.match(Method::put, "/users/42/role");
  ASSERT_EQ(match.params.size(), 1U);
  EXPECT_EQ(match.params[0].first, "user_id");
  EXPECT_EQ(match.params[0].second, "42");
}

TEST(Router, an_encoded_slash_stays_in_its_segment) {
  Router router;
  add_all(router);
  EXPECT_EQ(pattern(router, Method::get, "/users%2Fme"), "none");
  const Router::Match match = router.match(Method::get, "/users/a%2Fb");
  ASSERT_NE(match.route, nullptr);
  EXPECT_EQ(match.params[0].second, "a/b");
  EXPECT_EQ(pattern(router, Method::get, "/%75sers/%6de"), "/users/me");
}

TEST(Router, other_shapes_are_other_paths) {
  Router router;
  add_all(router);
  for (const char* path : {"/users/me/", "/users/", "/users", "//", "/users//role", "/Users/me", "", "*",
                           "users/me", "/users/7/role/x", "/users/%"})
    EXPECT_EQ(pattern(router, Method::get, path), "none") << path;
}

TEST(Router, T45_lists_the_methods_of_a_path) {
  Router router;
  add_all(router);
  EXPECT_EQ(router.match(Method::post, "/users/7").allow, "GET, HEAD, DELETE, OPTIONS");
  EXPECT_EQ(router.match(Method::other, "/users/me").allow, "GET, HEAD, OPTIONS");
  EXPECT_EQ(router.match(Method::other, "/users/me").route, nullptr);
  EXPECT_EQ(router.match(Method::get, "/nowhere").allow, "");
}

TEST(Router, head_finds_the_route_of_get) {
  Router router;
  add_all(router);
  EXPECT_EQ(pattern(router, Method::head, "/users/me"), "/users/me");
  EXPECT_EQ(pattern(router, Method::head, "/users/7/role"), "none");
}

TEST(Router, refuses_the_same_route_twice) {
  Router router;
  add_all(router);
  EXPECT_THROW(router.add(Method::get, "/users/{other}", Access::guest, {}), std::logic_error);
  EXPECT_THROW(router.add(Method::get, "users", Access::guest, {}), std::logic_error);
}

}  // namespace
}  // namespace corohub::http
