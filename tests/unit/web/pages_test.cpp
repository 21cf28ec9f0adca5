#include "web/pages.hpp"

#include "support/manual_clock.hpp"
#include "support/run_task.hpp"
#include "support/temp_dir.hpp"

#include <algorithm>
#include <regex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace corohub::web {
namespace {

using http::Method;
using http::Request;
using http::Response;
using testing::HasSubstr;
using testing::Not;

class Pages : public testing::Test {
 protected:
  Pages() { add_page_routes(router_, true); }

  Response get(std::string path, http::HeaderList headers = {}) {
    Request request;
    request.path = std::move(path);
    request.headers = std::move(headers);
    http::Router::Match match = router_.match(Method::get, request.path);
    if (match.route == nullptr) return problem(Error(ErrorCode::not_found), request);
    http::Context context{request, 0, authenticator_, std::nullopt, std::move(match.params), false};
    return test::run_task([&] { return match.route->handler(context); });
  }

  static std::string_view header(const Response& response, std::string_view name) {
    const auto found = std::ranges::find_if(
        response.headers, [&](const http::ResponseHeader& each) { return each.name == name; });
    return found == response.headers.end() ? std::string_view() : std::string_view(found->value);
  }

  http::Router router_;

 private:
  test::TempDir directory_;
  test::ManualClock clock_;
  auth::KeyStore keys_{directory_.path() / "keys.json", clock_};
  auth::Tokens tokens_{keys_, {}, clock_};
  auth::AccountCache accounts_{[](UserId) -> Task<Result<AccountRef>> { co_return AccountRef(); }, 8};
  auth::Authenticator authenticator_{tokens_, accounts_, clock_};
};

TEST_F(Pages, those_for_developers_can_be_left_out) {
  http::Router router;
  add_page_routes(router, false);
  for (const char* path : {"/", "/docs", "/websocket-test.html", "/test-websocket.js"}) {
    EXPECT_EQ(router.match(Method::get, path).route, nullptr) << path;
    EXPECT_NE(router_.match(Method::get, path).route, nullptr) << path;
  }
  EXPECT_NE(router.match(Method::get, "/setup").route, nullptr);
}

TEST_F(Pages, the_front_door_leads_to_the_test_client) {
  const Response response = get("/");
  EXPECT_EQ(response.status, 302);
  EXPECT_EQ(header(response, "Location"), "/websocket-test.html");
}

TEST_F(Pages, each_is_there_with_its_type) {
  const std::vector<std::pair<std::string, std::string>> expected = {
      {"/websocket-test.html", "text/html"},
      {"/setup", "text/html"},
      {"/reset", "text/html"},
      {"/docs", "text/html"},
      {"/test-websocket.js", "text/javascript"},
      {"/openapi.json", "application/json"},
      {"/asyncapi.json", "application/json"},
      {"/pages/corohub.css", "text/css"}};
  for (const auto& [path, type] : expected) {
    const Response response = get(path);
    EXPECT_EQ(response.status, 200) << path;
    EXPECT_THAT(response.content_type, testing::StartsWith(type)) << path;
    EXPECT_FALSE(response.body.empty()) << path;
    EXPECT_EQ(header(response, "Referrer-Policy"), "no-referrer") << path;
  }
  EXPECT_EQ(get("/pages/nothing.css").status, 404);
}

TEST_F(Pages, what_a_client_has_already_is_not_sent_again) {
  const std::string etag(header(get("/docs"), "ETag"));
  const Response again = get("/docs", {{"If-None-Match", etag}});
  EXPECT_EQ(again.status, 304);
  EXPECT_TRUE(again.body.empty());
  EXPECT_EQ(get("/docs", {{"If-None-Match", "\"another\""}}).status, 200);
}

TEST_F(Pages, nothing_inline_and_nothing_from_elsewhere) {
  for (const std::string path : {"/websocket-test.html", "/setup", "/reset", "/docs"}) {
    const Response page = get(path);
    EXPECT_THAT(header(page, "Content-Security-Policy"), HasSubstr("default-src 'none'")) << path;
    EXPECT_THAT(header(page, "Content-Security-Policy"), Not(HasSubstr("unsafe"))) << path;
    for (const char* inline_code : {"<script>", "<style", " style=", " onclick=", " onload=", " onsubmit="})
      EXPECT_THAT(page.body, Not(HasSubstr(inline_code))) << path;

    const std::regex resource("<(?:script src|link rel=\"stylesheet\" href)=\"([^\"]+)\"");
    int resources = 0;
    for (std::sregex_iterator it(page.body.begin(), page.body.end(), resource), end; it != end; ++it) {
      EXPECT_EQ(get("/" + (*it)[1].str()).status, 200) << path << " wants " << (*it)[1];
      ++resources;
    }
    EXPECT_GE(resources, 2) << path;
  }
}

TEST_F(Pages, the_descriptions_are_json) {
  for (const std::string name : {"openapi", "asyncapi"}) {
    const Result<json::value> document = parse_json(get("/" + name + ".json").body, {64, 100'000});
    ASSERT_TRUE(document.has_value()) << name;
    EXPECT_EQ(document->at(name).as_string(), name == "openapi" ? "3.1.0" : "3.0.0");
  }
}

}  // namespace
}  // namespace corohub::web
