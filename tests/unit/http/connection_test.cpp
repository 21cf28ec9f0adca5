// Requests and answers over real sockets.
#include "http/caller.hpp"
#include "support/allocations.hpp"
#include "unit/http/rig.hpp"

#include <memory>
#include <new>
#include <optional>
#include <stdexcept>
#include <utility>
#include <vector>

#include <boost/asio/steady_timer.hpp>
#include <boost/json/parse.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace corohub::http {
namespace {

using namespace std::chrono_literals;
using test::Answer;
using test::Client;
using test::Rig;
using testing::HasSubstr;
using testing::Not;

std::string get(const std::string& target, const std::string& fields = {}) {
  return "GET " + target + " HTTP/1.1\r\nHost: a\r\n" + fields + "\r\n";
}
std::string post(const std::string& target, const std::string& body, const std::string& fields = {}) {
  return "POST " + target + " HTTP/1.1\r\nHost: a\r\nContent-Length: " + std::to_string(body.size()) +
         "\r\n" + fields + "\r\n" + body;
}
std::string bearer(const std::string& token) { return "Authorization: Bearer " + token + "\r\n"; }

std::string member(const Answer& answer, std::string_view key) {
  const json::value body = json::parse(answer.body);
  const json::value* value = body.as_object().if_contains(key);
  return value != nullptr && value->is_string() ? std::string(value->get_string()) : "";
}

Task<Response> say_path(Context& context) {
  co_return document({{"path", context.request.path}, {"exempt", context.exempt}});
}
Task<Response> echo(Context& context) {
  Response response;
  response.body = context.request.body;
  co_return response;
}
Task<Response> say_user(Context& context) {
  co_return document({{"user", context.principal ? context.principal->user_id() : 0}});
}
Task<Response> say_id(Context& context) {
  const Result<std::int64_t> id = context.id_param("id");
  if (!id) co_return fail(id.error(), context);
  co_return document({{"id", *id}});
}
Task<Response> say_caller(Context& context) {
  const Request& request = context.request;
  co_return document({{"caller", request.peer.to_string()},
                      {"host", std::string(forwarded_host(request))},
                      {"local", is_local(request)},
                      {"exempt", context.exempt}});
}
// Reads the credential itself, as those do that take a ticket, too.
Task<Response> hold(Context& context) {
  const std::string_view token = context.request.bearer().value_or("");
  const Result<auth::Principal> principal = co_await context.authenticator.authenticate(token);
  if (!principal) co_return fail(principal.error(), context);
  if (const Result<> rate = context.charge(principal->user_id()); !rate)
    co_return fail(rate.error(), context);
  co_return document({{"user", principal->user_id()}});
}
Task<Response> throw_it(Context&) { throw std::runtime_error("the secret reason"); }
Task<Response> run_out_of_memory(Context&) { throw std::bad_alloc(); }

struct HttpConnection : testing::Test {
  explicit HttpConnection(HttpSettings settings = {}, std::vector<std::string> exempt = {})
      : rig(std::move(settings), std::move(exempt)) {
    rig.router.add(Method::get, "/path", Access::guest, say_path);
    rig.router.add(Method::post, "/echo", Access::guest, echo);
    rig.router.add(Method::get, "/user", Access::user, say_user);
    rig.router.add(Method::post, "/user", Access::user, echo);
    rig.router.add(Method::get, "/admin", Access::admin, say_user);
    rig.router.add(Method::get, "/things/{id}", Access::guest, say_id);
    rig.router.add(Method::get, "/hold", Access::holder, hold);
    rig.router.add(Method::get, "/log-in", Access::guest, hold);
    rig.router.add(Method::get, "/caller", Access::guest, say_caller);
    rig.router.add(Method::get, "/throws", Access::guest, throw_it);
    rig.router.add(Method::get, "/memory", Access::guest, run_out_of_memory);
    rig.listen();
  }
  Rig rig;
};

HttpSettings with(void (*change)(HttpSettings&)) {
  HttpSettings settings;
  change(settings);
  return settings;
}

TEST_F(HttpConnection, answers_with_the_headers_of_every_answer) {
  Client client(rig);
  const Answer answer = client.ask(get("/path"));
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.body, R"({"path":"/path","exempt":false})");
  EXPECT_EQ(answer.header("date"), "Tue, 06 Jan 2026 10:30:01 GMT");
  EXPECT_EQ(answer.header("content-type"), "application/json");
  EXPECT_EQ(answer.header("x-content-type-options"), "nosniff");
  EXPECT_EQ(answer.header("referrer-policy"), "no-referrer");
  EXPECT_EQ(answer.header("cache-control"), "no-store");
  EXPECT_FALSE(answer.header("x-request-id").empty());
  EXPECT_EQ(answer.header("connection"), "");
}

TEST_F(HttpConnection, keeps_the_connection_and_its_order) {
  Client client(rig);
  client.send(get("/path") + post("/echo", "hello") + get("/things/7") +
              get("/path", "Connection: close\r\n") + get("/path"));
  EXPECT_EQ(client.read().body, R"({"path":"/path","exempt":false})");
  EXPECT_EQ(client.read().body, "hello");
  EXPECT_EQ(client.read().body, R"({"id":7})");
  EXPECT_EQ(client.read().header("connection"), "close");
  EXPECT_TRUE(client.ended());
}

TEST_F(HttpConnection, takes_a_sane_request_id_and_no_other) {
  Client client(rig);
  EXPECT_EQ(client.ask(get("/path", "X-Request-Id: abc-1.2_3\r\n")).header("x-request-id"), "abc-1.2_3");
  for (const std::string& id :
       {std::string("a b"), std::string(65, 'x'), std::string("\"<>"), std::string()}) {
    const std::string made = client.ask(get("/path", "X-Request-Id: " + id + "\r\n")).header("x-request-id");
    EXPECT_FALSE(made.empty());
    EXPECT_NE(made, id);
  }
  const Answer refused = client.ask(get("/nowhere", "X-Request-Id: abc\r\n"));
  EXPECT_EQ(member(refused, "request_id"), "abc");
}

TEST_F(HttpConnection, T45_knows_what_a_path_takes) {
  Client client(rig);
  const Answer head = client.ask("HEAD /path HTTP/1.1\r\nHost: a\r\n\r\n", true);
  EXPECT_EQ(head.status, 200);
  EXPECT_EQ(head.header("content-length"), "31");

  const Answer options = client.ask("OPTIONS /echo HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_EQ(options.status, 204);
  EXPECT_EQ(options.header("allow"), "POST, OPTIONS");
  EXPECT_EQ(client.ask("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n").status, 204);
  EXPECT_EQ(client.ask("OPTIONS /nowhere HTTP/1.1\r\nHost: a\r\n\r\n").status, 404);

  EXPECT_EQ(member(client.ask(get("/nowhere")), "code"), "not_found");
  for (const char* method : {"TRACE", "DELETE", "BREW", "PUT"}) {
    const Answer refused = client.ask(std::string(method) + " /path HTTP/1.1\r\nHost: a\r\n\r\n");
    EXPECT_EQ(refused.status, 405) << method;
    EXPECT_EQ(refused.header("allow"), "GET, HEAD, OPTIONS") << method;
    EXPECT_EQ(member(refused, "code"), "method_not_allowed") << method;
  }
}

TEST_F(HttpConnection, T6_a_framing_error_ends_the_connection_and_nothing_behind_it_is_answered) {
  for (const char* fields :
       {"Host: b\r\n", "Transfer-Encoding: xchunked\r\n", "Content-Length: 1, 1\r\n", " x\r\n"}) {
    Client client(rig);
    client.send(get("/path", fields) + get("/path"));
    const Answer answer = client.read();
    EXPECT_EQ(answer.status, 400) << fields;
    EXPECT_EQ(answer.header("connection"), "close") << fields;
    EXPECT_EQ(answer.header("content-type"), "application/problem+json") << fields;
    EXPECT_EQ(member(answer, "instance"), "/path") << fields;
    EXPECT_TRUE(client.ended()) << fields;
  }
}

TEST_F(HttpConnection, T7_large_heads_have_their_own_answers) {
  EXPECT_EQ(Client(rig).ask(get("/path", "X: " + std::string(9000, 'x') + "\r\n")).status, 431);
  EXPECT_EQ(Client(rig).ask(get("/" + std::string(5000, 'x'))).status, 414);
}

TEST_F(HttpConnection, T10_a_large_body_is_refused_by_its_length_and_without_a_reset) {
  Client client(rig);
  client.send("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 10737418240\r\n\r\n");
  client.send(std::string(8 << 20, 'x'));  // does not stop by itself
  const Answer answer = client.read();
  EXPECT_EQ(answer.status, 413);
  EXPECT_EQ(member(answer, "code"), "payload_too_large");
  client.shut();
  EXPECT_TRUE(client.ended());
  EXPECT_FALSE(client.reset());
}

TEST_F(HttpConnection, T10_who_sends_on_keeps_its_answer_as_long_as_it_sends_for_half_a_minute) {
  Client client(rig);
  client.send("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 10737418240\r\n\r\n");
  const auto go_on = [&](int seconds) {
    for (int i = 0; i < seconds; ++i) {
      client.send(std::string(300'000, 'x'));
      rig.pass(1s);
    }
  };
  go_on(20);
  EXPECT_EQ(client.read().status, 413);
  EXPECT_FALSE(client.reset());
  go_on(15);
  EXPECT_EQ(rig.server.connections(), 0U);
}

TEST_F(HttpConnection, T10_says_go_on_only_where_the_body_would_be_taken) {
  const std::string expect = "Expect: 100-continue\r\n";
  Client client(rig);
  client.send("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n" + expect + "\r\n");
  EXPECT_EQ(client.read().status, 100);
  client.send("hello");
  EXPECT_EQ(client.read().body, "hello");

  const auto refused = [&](const std::string& target, const std::string& fields) {
    Client other(rig);
    const Answer answer = other.ask("POST " + target + " HTTP/1.1\r\nHost: a\r\n" + fields + "\r\n");
    EXPECT_EQ(answer.header("connection"), "close");
    EXPECT_TRUE(other.ended());
    return answer.status;
  };
  EXPECT_EQ(refused("/echo", "Content-Length: 10000000\r\n" + expect), 413);
  EXPECT_EQ(refused("/user", "Content-Length: 5\r\n" + expect), 401);
  EXPECT_EQ(refused("/nowhere", "Content-Length: 5\r\n" + expect), 404);
  EXPECT_EQ(refused("/echo", "Content-Length: 5\r\nExpect: miracles\r\n"), 417);
}

TEST_F(HttpConnection, a_small_body_nobody_wanted_does_not_end_the_connection) {
  Client client(rig);
  EXPECT_EQ(client.ask(post("/user", "{\"a\":1}")).status, 401);
  EXPECT_EQ(client.ask(post("/nowhere", "{\"a\":1}")).status, 404);
  EXPECT_EQ(client.ask(get("/path")).status, 200);
}

TEST_F(HttpConnection, a_request_that_breaks_off_changes_nothing) {
  Client client(rig);
  client.send("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhel");
  client.shut();
  EXPECT_EQ(client.read().status, 400);
  EXPECT_TRUE(client.ended());
}

TEST_F(HttpConnection, T1_asks_for_a_valid_token) {
  Client client(rig);
  const std::string token = rig.log_in(7, Role::user);

  const Answer nothing = client.ask(get("/user"));
  EXPECT_EQ(nothing.status, 401);
  EXPECT_EQ(nothing.header("www-authenticate"), "Bearer");
  EXPECT_EQ(member(nothing, "error"), "unauthorized");
  EXPECT_EQ(client.ask(get("/user", "Authorization: Basic eDp5\r\n")).header("www-authenticate"), "Bearer");

  const Answer garbage = client.ask(get("/user", bearer("garbage")));
  EXPECT_EQ(garbage.status, 401);
  EXPECT_EQ(garbage.header("www-authenticate"), "Bearer error=\"invalid_token\"");
  EXPECT_EQ(member(garbage, "error"), "unauthorized");
  EXPECT_EQ(member(garbage, "code"), "invalid_token");

  EXPECT_EQ(client.ask(get("/user", bearer(token))).body, R"({"user":7})");
  EXPECT_EQ(client.ask(get("/user", bearer(token) + bearer(token))).status, 400);
  EXPECT_EQ(client.ask(get("/path", bearer("garbage"))).status, 200);  // guests are not looked at
}

TEST_F(HttpConnection, an_admin_route_refuses_by_the_live_role) {
  Client client(rig);
  const Answer refused = client.ask(get("/admin", bearer(rig.log_in(7, Role::user))));
  EXPECT_EQ(refused.status, 403);
  EXPECT_EQ(member(refused, "error"), "admin access required");
  EXPECT_EQ(client.ask(get("/admin")).status, 401);
  EXPECT_EQ(client.ask(get("/admin", bearer(rig.log_in(8, Role::admin)))).status, 200);
  EXPECT_EQ(client.ask(get("/admin", bearer(rig.log_in(9, Role::superadmin)))).status, 200);
}

TEST_F(HttpConnection, T52_an_id_is_a_positive_integer_or_not_found) {
  Client client(rig);
  EXPECT_EQ(client.ask(get("/things/9223372036854775807")).status, 200);
  for (const char* id :
       {"0", "-1", "+1", "01", "1.0", "1e3", "%201", "abc", "9223372036854775808", "'%20OR%201=1"})
    EXPECT_EQ(client.ask(get(std::string("/things/") + id)).status, 404) << id;
}

TEST_F(HttpConnection, T70_an_exception_is_a_500_without_details_and_the_connection_lives) {
  Client client(rig);
  const Answer answer = client.ask(get("/throws"));
  EXPECT_EQ(answer.status, 500);
  EXPECT_EQ(member(answer, "code"), "internal_error");
  EXPECT_THAT(answer.body, Not(HasSubstr("secret")));
  const Answer memory = client.ask(get("/memory"));
  EXPECT_EQ(memory.status, 503);
  EXPECT_FALSE(memory.header("retry-after").empty());
  EXPECT_EQ(client.ask(get("/path")).status, 200);
}

struct LimitedHttpConnection : HttpConnection {
  static HttpSettings settings() {
    HttpSettings settings;
    settings.request_rate = {2, std::chrono::seconds(10), 2};
    return settings;
  }
  explicit LimitedHttpConnection(std::vector<std::string> exempt = {})
      : HttpConnection(settings(), std::move(exempt)) {}
};

TEST_F(LimitedHttpConnection, T17_limits_requests_per_address_and_per_user) {
  Client client(rig);
  EXPECT_EQ(client.ask(get("/path")).status, 200);
  EXPECT_EQ(client.ask(get("/nowhere")).status, 404);
  const Answer limited = client.ask(get("/path"));
  EXPECT_EQ(limited.status, 429);
  EXPECT_EQ(limited.header("retry-after"), "5");
  EXPECT_EQ(limited.header("ratelimit-limit"), "2");
  EXPECT_EQ(limited.header("ratelimit-remaining"), "0");
  EXPECT_FALSE(limited.header("ratelimit-reset").empty());
  EXPECT_EQ(member(limited, "code"), "rate_limited");
  EXPECT_EQ(client.ask(get("/user", bearer("garbage"))).status, 429);

  const std::string token = rig.log_in(7, Role::user);  // has a bucket of his own
  EXPECT_EQ(client.ask(get("/user", bearer(token))).status, 200);
  EXPECT_EQ(client.ask(get("/admin", bearer(token))).status, 403);
  EXPECT_EQ(client.ask(get("/user", bearer(token))).status, 429);

  rig.pass(10s);
  EXPECT_EQ(client.ask(get("/path")).status, 200);
}

TEST_F(LimitedHttpConnection, T17_a_credential_that_the_handler_reads_is_charged_to_its_user) {
  Client client(rig);
  const auto ask = [&](const std::string& token) { return client.ask(get("/hold", bearer(token))).status; };
  const std::string ann = rig.log_in(1, Role::user);
  const std::string bob = rig.log_in(2, Role::user);
  for (const int status : {200, 200, 429, 429}) EXPECT_EQ(ask(ann), status);
  EXPECT_EQ(ask(bob), 200) << "who shares her address";
  for (const int status : {401, 401, 429, 429})
    EXPECT_EQ(ask("garbage"), status) << "failures are the address's";
  EXPECT_EQ(client.ask(get("/path")).status, 429);
  EXPECT_EQ(ask(bob), 200) << "and nobody's who is known";

  rig.pass(10s);
  const std::string carl = rig.log_in(3, Role::user);
  for (int i = 0; i < 5; ++i) EXPECT_NE(client.ask(get("/log-in", bearer(carl))).status, 401);
  for (const int status : {401, 401, 429}) EXPECT_EQ(client.ask(get("/log-in", bearer("x"))).status, status);
}

struct ExemptHttpConnection : LimitedHttpConnection {
  ExemptHttpConnection() : LimitedHttpConnection({"127.0.0.0/8"}) {}
};

TEST_F(ExemptHttpConnection, an_exempt_peer_has_no_limit) {
  Client client(rig);
  for (int i = 0; i < 10; ++i) EXPECT_EQ(client.ask(get("/path")).body, R"({"path":"/path","exempt":true})");
}

// ---- behind a proxy ----

struct ProxiedHttpConnection : HttpConnection {
  static HttpSettings settings(bool proxy_protocol) {
    HttpSettings settings;
    settings.request_rate = {2, std::chrono::seconds(10), 2};
    settings.trusted_proxies = {"127.0.0.0/8", "10.0.0.0/8"};
    settings.proxy_protocol = proxy_protocol;
    return settings;
  }
  explicit ProxiedHttpConnection(bool proxy_protocol = false)
      : HttpConnection(settings(proxy_protocol), {"192.0.2.0/24"}) {}
};

struct ExemptProxyHttpConnection : HttpConnection {
  ExemptProxyHttpConnection()
      : HttpConnection(with([](HttpSettings& settings) { settings.trusted_proxies = {"127.0.0.1"}; }),
                       {"127.0.0.1"}) {}
};

TEST_F(ExemptProxyHttpConnection, T16_whom_nobody_can_name_is_not_spared_what_the_proxy_is) {
  Client proxy(rig);
  const auto exempt = [&](const std::string& headers) {
    return proxy.ask(get("/path", headers)).body == R"({"path":"/path","exempt":true})";
  };
  EXPECT_TRUE(exempt("")) << "the proxy itself";
  EXPECT_FALSE(exempt("X-Forwarded-For: nonsense\r\n"));
  EXPECT_FALSE(exempt("X-Forwarded-For: 127.0.0.1\r\nForwarded: for=203.0.113.1\r\n"));
  EXPECT_TRUE(exempt(""));
}

TEST_F(ProxiedHttpConnection, T16_a_trusted_proxy_says_who_calls_request_by_request) {
  Client proxy(rig);
  const auto by = [](const std::string& caller) {
    return get("/caller", "X-Forwarded-For: " + caller + "\r\n");
  };
  EXPECT_EQ(member(proxy.ask(by("203.0.113.1")), "caller"), "203.0.113.1");
  EXPECT_EQ(proxy.ask(by("203.0.113.1")).status, 200);
  EXPECT_EQ(proxy.ask(by("203.0.113.1")).status, 429);
  EXPECT_EQ(member(proxy.ask(by("203.0.113.2")), "caller"), "203.0.113.2") << "who has limits of its own";
  EXPECT_EQ(proxy.ask(by("203.0.113.77, 203.0.113.1, 10.1.1.1")).status, 429) << "whoever else it names";
  for (int i = 0; i < 5; ++i)
    EXPECT_EQ(proxy.ask(by("192.0.2.1")).body,
              R"({"caller":"192.0.2.1","host":"","local":false,"exempt":true})");
  EXPECT_EQ(member(proxy.ask(get("/caller")), "caller"), "127.0.0.1");
}

TEST_F(LimitedHttpConnection, T16_from_anybody_else_a_thousand_names_are_one_caller) {
  Client client(rig);
  int refused = 0;
  for (int i = 0; i < 1000; ++i) {
    const std::string name = "198.51." + std::to_string(i / 250) + "." + std::to_string(i % 250);
    const std::string fields = "X-Forwarded-For: " + name + "\r\nForwarded: for=" + name +
                               "\r\nX-Real-IP: " + name + "\r\nX-Forwarded-Host: evil.example\r\n";
    const Answer answer = client.ask(get("/caller", fields));
    refused += answer.status == 429 ? 1 : 0;
    if (answer.status == 200) {
      EXPECT_EQ(answer.body, R"({"caller":"127.0.0.1","host":"","local":false,"exempt":false})");
    }
    if (answer.header("connection") == "close") break;  // so many requests are served on one connection
  }
  EXPECT_GE(refused, 990);
}

struct AnnouncedHttpConnection : ProxiedHttpConnection {
  AnnouncedHttpConnection() : ProxiedHttpConnection(true) {}
};

TEST_F(AnnouncedHttpConnection, T16_a_PROXY_header_names_the_caller_of_a_connection) {
  Client proxy(rig);
  proxy.send("PROXY TCP4 203.0.113.1 ");
  EXPECT_TRUE(proxy.silent());
  const std::string spoof = "X-Forwarded-For: 203.0.113.9\r\nX-Forwarded-Host: evil.example\r\n";
  const Answer answer = proxy.ask("198.51.100.1 4711 443\r\n" + get("/caller", spoof));
  EXPECT_EQ(answer.body, R"({"caller":"203.0.113.1","host":"","local":false,"exempt":false})");
  EXPECT_EQ(proxy.ask(get("/caller", spoof)).status, 200);
  EXPECT_EQ(proxy.ask(get("/caller", spoof)).status, 429);

  Client second(rig);
  const std::string by_next_hop = "X-Forwarded-For: 203.0.113.3\r\nX-Forwarded-Host: app.example\r\n";
  const Answer through =
      second.ask("PROXY TCP4 10.0.0.1 198.51.100.1 4711 443\r\n" + get("/caller", by_next_hop));
  EXPECT_EQ(through.body, R"({"caller":"203.0.113.3","host":"app.example","local":false,"exempt":false})");

  Client itself(rig);
  EXPECT_EQ(member(itself.ask("PROXY UNKNOWN\r\n" + get("/caller")), "caller"), "127.0.0.1");
}

TEST_F(AnnouncedHttpConnection, T16_without_its_PROXY_header_a_trusted_peer_is_not_served) {
  for (const std::string& bytes : {get("/caller"), std::string("PROXY TCP9 a b 1 1\r\n") + get("/caller"),
                                   std::string("PROXY UNKNOWN ") + std::string(200, 'x')}) {
    Client client(rig);
    client.send(bytes);
    EXPECT_TRUE(client.ended()) << bytes;
  }
  Client slow(rig);
  slow.send("PROXY TCP4 203");
  rig.pass(9s);
  EXPECT_TRUE(slow.silent());
  rig.pass(2s);
  EXPECT_TRUE(slow.ended());
}

struct DistrustedHttpConnection : HttpConnection {
  static HttpSettings settings() {
    HttpSettings settings;
    settings.trusted_proxies = {"10.0.0.0/8"};
    settings.proxy_protocol = true;
    return settings;
  }
  DistrustedHttpConnection() : HttpConnection(settings()) {}
};

TEST_F(DistrustedHttpConnection, T16_a_PROXY_header_of_anybody_else_is_no_HTTP) {
  Client client(rig);
  EXPECT_EQ(member(client.ask(get("/caller")), "caller"), "127.0.0.1");
  Client liar(rig);
  EXPECT_EQ(liar.ask("PROXY TCP4 203.0.113.1 198.51.100.1 4711 443\r\n" + get("/caller")).status, 400);
}

struct CorsHttpConnection : HttpConnection {
  CorsHttpConnection()
      : HttpConnection(
            with([](HttpSettings& settings) { settings.cors_origins = {"https://app.example"}; })) {}
};

TEST_F(CorsHttpConnection, every_answer_can_be_read_by_its_page) {
  Client client(rig);
  const std::string origin = "Origin: https://app.example\r\n";
  for (const char* target : {"/path", "/nowhere", "/user", "/throws"})
    EXPECT_EQ(client.ask(get(target, origin)).header("access-control-allow-origin"), "https://app.example")
        << target;
  EXPECT_EQ(
      client.ask(get("/path", "Origin: https://evil.example\r\n")).header("access-control-allow-origin"), "");
  const Answer preflight = client.ask("OPTIONS /echo HTTP/1.1\r\nHost: a\r\n" + origin +
                                      "Access-Control-Request-Method: POST\r\n\r\n");
  EXPECT_EQ(preflight.status, 204);
  EXPECT_EQ(preflight.header("access-control-allow-methods"), "POST, OPTIONS");
}

TEST_F(HttpConnection, a_prompt_answer_needs_no_task_and_may_leave_it_to_one) {
  int prompt = 0;
  rig.router.add(Method::get, "/prompt", Access::guest, say_path, [&](Context& context) {
    ++prompt;
    std::optional<Response> response;
    if (context.request.query.empty()) response = document({{"prompt", true}});
    return response;
  });
  Client client(rig);
  EXPECT_EQ(client.ask(get("/prompt")).body, R"({"prompt":true})");
  EXPECT_EQ(client.ask(get("/prompt?a=b")).body, R"({"path":"/prompt","exempt":false})");
  EXPECT_EQ(prompt, 2);
}

TEST_F(HttpConnection, T70_an_exception_of_a_prompt_handler_is_an_answer_too) {
  rig.router.add(Method::get, "/prompt-throws", Access::guest, say_path,
                 [](Context&) -> std::optional<Response> { throw std::runtime_error("the secret reason"); });
  rig.router.add(Method::get, "/prompt-memory", Access::guest, say_path,
                 [](Context&) -> std::optional<Response> { throw std::bad_alloc(); });
  Client client(rig);
  const Answer broken = client.ask(get("/prompt-throws"));
  EXPECT_EQ(broken.status, 500);
  EXPECT_THAT(broken.body, Not(HasSubstr("secret")));
  EXPECT_EQ(client.ask(get("/prompt-memory")).status, 503);
  EXPECT_EQ(client.ask(get("/path")).status, 200);
}

TEST_F(HttpConnection, a_kept_connection_takes_heads_of_any_allowed_size) {
  Client client(rig);
  EXPECT_EQ(client.ask(get("/path")).status, 200);
  for (const std::size_t size : {1000U, 1022U, 1023U, 1024U, 1025U, 1026U, 2047U, 2048U, 2049U, 8000U}) {
    std::string request = get("/path", "X-Filler: \r\n");
    request.insert(request.size() - 4, size - request.size(), 'x');
    ASSERT_EQ(request.size(), size);
    EXPECT_EQ(client.ask(request).status, 200) << size;
    EXPECT_EQ(client.ask(request + get("/path")).status, 200) << size;
    EXPECT_EQ(client.read().status, 200) << size;
  }
}

TEST_F(HttpConnection, T31_rights_are_judged_for_every_request_of_a_connection) {
  const std::string token = rig.log_in(7, Role::admin);
  Client client(rig);
  EXPECT_EQ(client.ask(get("/admin", bearer(token))).status, 200);
  EXPECT_EQ(client.ask(get("/admin", bearer(token))).status, 200);

  Account account = *rig.authenticator.accounts().find(7);
  const auto apply = [&] { rig.authenticator.accounts().apply(7, std::make_shared<const Account>(account)); };
  account.role = Role::user;
  apply();
  EXPECT_EQ(client.ask(get("/admin", bearer(token))).status, 403);
  EXPECT_EQ(client.ask(get("/user", bearer(token))).status, 200);

  account.status = UserStatus::disabled;
  apply();
  EXPECT_EQ(client.ask(get("/user", bearer(token))).status, 401);
  account.status = UserStatus::active;
  ++account.token_version;
  apply();
  EXPECT_EQ(client.ask(get("/user", bearer(token))).status, 401);
  --account.token_version;
  apply();
  EXPECT_EQ(client.ask(get("/user", bearer(token))).status, 200);
  const std::vector<SessionId> sessions = std::exchange(account.sessions, {});
  apply();
  EXPECT_EQ(client.ask(get("/user", bearer(token))).status, 401);
  account.sessions = sessions;
  apply();
  EXPECT_EQ(client.ask(get("/user", bearer(token))).status, 200);

  rig.clock.step_wall(std::chrono::seconds(901));
  EXPECT_EQ(client.ask(get("/user", bearer(token))).status, 401);
}

TEST_F(HttpConnection, T19_a_token_is_not_known_on_a_connection_by_its_beginning) {
  const std::string token = rig.log_in(7, Role::user);
  const std::string other = rig.log_in(8, Role::user);
  Client client(rig);
  EXPECT_EQ(client.ask(get("/user", bearer(token))).body, R"({"user":7})");
  EXPECT_EQ(client.ask(get("/user", bearer(token.substr(0, token.size() - 1)))).status, 401);
  EXPECT_EQ(client.ask(get("/user", bearer(token + "A"))).status, 401);
  EXPECT_EQ(client.ask(get("/user")).status, 401);
  EXPECT_EQ(client.ask(get("/user", bearer(other))).body, R"({"user":8})");
  EXPECT_EQ(client.ask(get("/user", bearer(token))).body, R"({"user":7})");
}

// What the server allocates for one request of a connection that has had a few like it.
std::size_t allocations_of(Rig& rig, const std::string& request) {
  Client client(rig);
  std::size_t last = 0;
  for (int i = 0; i < 5; ++i) {
    const corohub::test::AllocationCount count;
    client.send(request);
    last = count.so_far();
    EXPECT_EQ(client.read().status, 200);
  }
  return last;
}

TEST_F(HttpConnection, an_ordinary_request_allocates_next_to_nothing) {
  const auto answer = [](Context&) {
    Response response;
    response.body = std::string(200, 'x');
    return std::optional<Response>(std::move(response));
  };
  rig.router.add(Method::get, "/open", Access::probe, say_path, answer);
  rig.router.add(Method::get, "/mine", Access::user, say_path, answer);
  const std::string fields =
      "User-Agent: Mozilla/5.0 (X11; Linux x86_64)\r\nAccept: */*\r\nAccept-Encoding: gzip, deflate\r\n";
  EXPECT_LE(allocations_of(rig, get("/open", fields)), 1U);  // the body
  // and his rate limit's key
  EXPECT_LE(allocations_of(rig, get("/mine", fields + bearer(rig.log_in(7, Role::user)))), 1U);
}

}  // namespace
}  // namespace corohub::http
