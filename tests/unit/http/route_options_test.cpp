// What routes of foreign protocols have otherwise than our own.
#include "core/log.hpp"
#include "unit/http/rig.hpp"

#include <stdexcept>
#include <string>
#include <utility>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace corohub::http {
namespace {

using test::Answer;
using test::Client;
using test::Rig;
using testing::HasSubstr;
using testing::Not;

Task<Response> say_size(Context& context) {
  Response response;
  response.body = std::to_string(context.request.body.size());
  co_return response;
}
Task<Response> blame_the_client(Context&) {
  Response response;
  response.status = 500;
  response.content_type = "text/plain; charset=UTF-8";
  response.body = "Broken JSON encoding.";
  response.counted_as = 400;
  co_return response;
}
Task<Response> throw_it(Context&) { throw std::runtime_error("the secret reason"); }
Task<Response> refuse(Context& context) {
  co_return fail(Error(ErrorCode::not_found, "There is no such session."), context);
}
Task<Response> spare(Context& context) {
  context.spare();
  co_return no_content();
}

RouteOptions foreign() {
  RouteOptions options;
  options.body_max = 10;
  options.cors = [](const Request& request) { return request.header("Origin") == "https://ours.example"; };
  options.log_pattern = true;
  options.plain_errors = true;
  return options;
}

// What is logged during its life, from info on.
class CapturedLog {
 public:
  CapturedLog() {
    log::set_level(log::Level::info);
    testing::internal::CaptureStderr();
  }
  ~CapturedLog() { log::set_level(log::Level::warn); }
  CapturedLog(const CapturedLog&) = delete;
  CapturedLog& operator=(const CapturedLog&) = delete;

  std::string text() { return testing::internal::GetCapturedStderr(); }
};

HttpSettings settings() {
  HttpSettings some;
  some.cors_origins = {"https://other.example"};
  some.max_body_bytes = 20;
  return some;
}

struct RouteOptionsTest : testing::Test {
  RouteOptionsTest() : rig(settings()) {
    rig.router.add(Method::post, "/s/{id}/send", Access::guest, say_size, {}, foreign());
    rig.router.add(Method::post, "/s/{id}/blame", Access::guest, blame_the_client, {}, foreign());
    rig.router.add(Method::post, "/s/{id}/throw", Access::guest, throw_it, {}, foreign());
    RouteOptions with_ids = foreign();
    with_ids.exists = [](const PathParams& params) { return params.at(0).second != "none"; };
    rig.router.add(Method::post, "/s/{id}/close", Access::guest, say_size, {}, with_ids);
    rig.router.cover("/s/", foreign());
    rig.router.add(Method::get, "/s/info", Access::guest, say_size, {}, foreign());
    RouteOptions large;
    large.body_max = 30;
    rig.router.add(Method::post, "/large", Access::guest, say_size, {}, large);
    rig.router.add(Method::post, "/ours", Access::guest, say_size);
    rig.router.add(Method::post, "/refused", Access::holder, refuse);
    rig.router.add(Method::post, "/spared", Access::holder, spare);
    rig.listen();
  }
  Answer ask(const std::string& method, const std::string& target, const std::string& fields = {},
             const std::string& body = {}) {
    return Client(rig).ask(method + " " + target + " HTTP/1.1\r\nHost: a\r\nContent-Length: " +
                           std::to_string(body.size()) + "\r\n" + fields + "\r\n" + body);
  }
  Rig rig;
};

TEST_F(RouteOptionsTest, T10_a_route_has_its_own_body_limit) {
  EXPECT_EQ(ask("POST", "/ours", "", std::string(20, 'x')).body, "20");
  EXPECT_EQ(ask("POST", "/ours", "", std::string(21, 'x')).status, 413);
  EXPECT_EQ(ask("POST", "/large", "", std::string(30, 'x')).body, "30");
  EXPECT_EQ(ask("POST", "/large", "", std::string(31, 'x')).status, 413);
  EXPECT_EQ(ask("POST", "/s/1/send", "", std::string(10, 'x')).body, "10");
  EXPECT_EQ(ask("POST", "/s/1/send", "", std::string(11, 'x')).status, 413);
  const std::string chunked = "POST /large HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1e\r\n";
  EXPECT_EQ(Client(rig).ask(chunked + std::string(30, 'x') + "\r\n0\r\n\r\n").body, "30");
}

TEST_F(RouteOptionsTest, T10_its_limit_ends_with_the_request) {
  Client client(rig);
  const auto post = [](const std::string& target, std::size_t size) {
    return "POST " + target + " HTTP/1.1\r\nHost: a\r\nContent-Length: " + std::to_string(size) + "\r\n\r\n" +
           std::string(size, 'x');
  };
  EXPECT_EQ(client.ask(post("/s/1/send", 10)).status, 200);
  EXPECT_EQ(client.ask(post("/ours", 20)).status, 200);
}

TEST_F(RouteOptionsTest, T10_says_go_on_only_where_the_routes_limit_allows_the_body) {
  const Answer answer = Client(rig).ask(
      "POST /s/1/send HTTP/1.1\r\nHost: a\r\nContent-Length: 11\r\nExpect: 100-continue\r\n\r\n");
  EXPECT_EQ(answer.status, 413);
}

TEST_F(RouteOptionsTest, T2_its_own_rule_says_who_may_read_with_credentials) {
  const Answer ours = ask("POST", "/s/1/send", "Origin: https://ours.example\r\n");
  EXPECT_EQ(ours.header("access-control-allow-origin"), "https://ours.example");
  EXPECT_EQ(ours.header("access-control-allow-credentials"), "true");
  EXPECT_EQ(ours.header("vary"), "Origin");
  for (const char* origin : {"https://other.example", "https://evil.example", "null"}) {
    const Answer foreign = ask("POST", "/s/1/send", std::string("Origin: ") + origin + "\r\n");
    EXPECT_EQ(foreign.header("access-control-allow-origin"), "") << origin;
    EXPECT_EQ(foreign.header("access-control-allow-credentials"), "") << origin;
  }
  EXPECT_EQ(ask("POST", "/ours", "Origin: https://other.example\r\n").header("access-control-allow-origin"),
            "https://other.example");
  EXPECT_EQ(ask("POST", "/ours", "Origin: https://ours.example\r\n").header("access-control-allow-origin"),
            "");
}

TEST_F(RouteOptionsTest, without_an_origin_anybody_reads_and_no_credentials_are_meant) {
  const Answer answer = ask("GET", "/s/info");
  EXPECT_EQ(answer.header("access-control-allow-origin"), "*");
  EXPECT_EQ(answer.header("access-control-allow-credentials"), "");
}

TEST_F(RouteOptionsTest, a_preflight_holds_for_a_year) {
  const Answer answer = ask("OPTIONS", "/s/1/send",
                            "Origin: https://ours.example\r\nAccess-Control-Request-Method: POST\r\n"
                            "Access-Control-Request-Headers: a, b, c\r\n");
  EXPECT_EQ(answer.status, 204);
  EXPECT_EQ(answer.body, "");
  EXPECT_EQ(answer.header("access-control-allow-methods"), "OPTIONS, POST");
  EXPECT_EQ(answer.header("access-control-allow-headers"), "a, b, c");
  EXPECT_EQ(answer.header("access-control-max-age"), "31536000");
  EXPECT_EQ(answer.header("access-control-allow-origin"), "https://ours.example");
  EXPECT_EQ(answer.header("access-control-allow-credentials"), "true");
  EXPECT_EQ(answer.header("cache-control"), "public, max-age=31536000");
  EXPECT_EQ(answer.header("expires"), "Wed, 06 Jan 2027 10:30:01 GMT");
  EXPECT_EQ(
      ask("OPTIONS", "/s/info", "Origin: https://ours.example\r\n").header("access-control-allow-methods"),
      "OPTIONS, GET");
  EXPECT_EQ(ask("OPTIONS", "/s/info").header("access-control-allow-headers"), "");
}

TEST_F(RouteOptionsTest, T2_a_preflight_of_a_foreign_page_is_403) {
  const Answer answer =
      ask("OPTIONS", "/s/1/send", "Origin: https://evil.example\r\nAccess-Control-Request-Method: POST\r\n");
  EXPECT_EQ(answer.status, 403);
  EXPECT_EQ(answer.header("access-control-allow-methods"), "");
  EXPECT_EQ(answer.header("access-control-allow-origin"), "");
}

TEST_F(RouteOptionsTest, what_a_page_asks_to_send_it_may_send_also_with_the_request_itself) {
  const std::string fields = "Origin: https://ours.example\r\nAccess-Control-Request-Headers: a, b, c\r\n";
  EXPECT_EQ(ask("POST", "/s/1/send", fields).header("access-control-allow-headers"), "a, b, c");
}

TEST_F(RouteOptionsTest, a_path_whose_parameters_are_nothing_is_404_for_every_method) {
  for (const char* method : {"GET", "POST", "OPTIONS"})
    EXPECT_EQ(ask(method, "/s/none/close").status, 404) << method;
  EXPECT_EQ(ask("GET", "/s/some/close").status, 405);
  EXPECT_EQ(ask("POST", "/s/some/close").status, 200);
}

TEST_F(RouteOptionsTest, a_handler_that_waits_for_others_is_not_slow) {
  CapturedLog captured;
  rig.router.add(Method::get, "/waits", Access::guest, [this](Context& context) -> Task<Response> {
    context.on_peer_end([] {});
    rig.clock.advance(std::chrono::seconds(20));
    co_return no_content();
  });
  EXPECT_EQ(ask("GET", "/waits").status, 204);
  EXPECT_THAT(captured.text(), Not(HasSubstr("/waits")));
}

TEST_F(RouteOptionsTest, its_errors_are_plain) {
  const Answer method = ask("GET", "/s/1/send");
  EXPECT_EQ(method.status, 405);
  EXPECT_EQ(method.header("allow"), "POST, OPTIONS");
  EXPECT_EQ(method.header("content-type"), "");
  EXPECT_EQ(method.body, "");
  const Answer large = ask("POST", "/s/1/send", "", std::string(11, 'x'));
  EXPECT_EQ(large.header("content-type"), "text/plain; charset=UTF-8");
  EXPECT_EQ(large.body, "The body is larger than is allowed.");
  const Answer thrown = ask("POST", "/s/1/throw");
  EXPECT_EQ(thrown.status, 500);
  EXPECT_EQ(thrown.body, "Internal error.");
  EXPECT_EQ(ask("GET", "/ours").header("content-type"), "application/problem+json");
}

TEST_F(RouteOptionsTest, T26_the_log_shows_the_pattern_and_not_the_path) {
  CapturedLog captured;
  ask("GET", "/s/a-secret-id/send?token=x");
  ask("POST", "/s/a-secret-id/throw");
  ask("POST", "/s/a-secret-id/send", "", std::string(11, 'x'));
  ask("POST", "/s/a-secret-id/nothing/");
  ask("POST", "/s/a-secret-id/send", "Expect: something\r\n");
  ask("POST", "/s/a-secret-id/send", "Content-Length: 1\r\n");
  ask("GET", "/s/./a-secret-id");
  const std::string log = captured.text();
  EXPECT_THAT(log, HasSubstr("target=/s/ status=404"));
  EXPECT_THAT(log, HasSubstr("target=/s/{id}/send status=417"));
  EXPECT_THAT(log, HasSubstr("target=/s/{id}/send status=400"));
  EXPECT_THAT(log, HasSubstr("target=/s/ status=400"));
  EXPECT_THAT(log, HasSubstr("target=/s/{id}/send status=405"));
  EXPECT_THAT(log, HasSubstr("target=/s/{id}/throw status=500"));
  EXPECT_THAT(log, HasSubstr("target=/s/{id}/send status=413"));
  EXPECT_THAT(log, Not(HasSubstr("a-secret-id")));
}

TEST_F(RouteOptionsTest, a_500_that_is_the_clients_fault_is_counted_and_logged_as_such) {
  CapturedLog captured;
  EXPECT_EQ(ask("POST", "/s/1/blame").status, 500);
  const std::string log = captured.text();
  EXPECT_THAT(log, HasSubstr("status=400"));
  EXPECT_THAT(log, Not(HasSubstr("error ")));
}

TEST_F(RouteOptionsTest, T17_what_a_handler_spares_is_not_counted_by_address) {
  for (int i = 0; i < 400; ++i) ASSERT_EQ(ask("POST", "/spared").status, 204) << i;
  int status = 0;
  for (int i = 0; i < 400 && status != 429; ++i) status = ask("POST", "/refused").status;
  EXPECT_EQ(status, 429);
  EXPECT_EQ(ask("POST", "/spared").status, 204);
}

}  // namespace
}  // namespace corohub::http
