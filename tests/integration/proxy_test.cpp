// Behind a proxy: who calls, wherever that is asked.
#include "support/test_server.hpp"

#include <string>
#include <utility>
#include <vector>

#include <boost/json/serialize.hpp>
#include <gmock/gmock.h>

namespace corohub::test {
namespace {

using Headers = std::vector<std::pair<std::string, std::string>>;

TestServer::Adjust behind_proxy() {
  return [](server::Settings& settings) {
    settings.exempt_cidrs = {};
    settings.http.trusted_proxies = {"127.0.0.1"};
  };
}

Headers by(const std::string& caller) { return {{"X-Forwarded-For", "198.51.100.9, " + caller}}; }

HttpAnswer log_in(TestServer& server, const std::string& password, Headers headers) {
  return server.client().call({.method = "POST",
                               .target = "/api/v1/auth/login",
                               .body = json::value{{"email", "ann@example.com"}, {"password", password}},
                               .headers = std::move(headers)});
}

TEST(Proxy, T16_wrong_passwords_count_for_who_sent_them) {
  TestServer server(behind_proxy());
  server.register_user("ann");
  // The fifth failure of an account delays the next one, so each attempt is on another account.
  const auto attempt = [&](int number, const std::string& caller) {
    return server.client()
        .call({.method = "POST",
               .target = "/api/v1/auth/login",
               .body = json::value{{"email", "nobody" + std::to_string(number) + "@example.com"},
                                   {"password", "wrong-password"}},
               .headers = by(caller)})
        .status;
  };
  int refused = 0;
  for (int i = 0; i < 20; ++i) refused += attempt(i, "203.0.113.1") == 429 ? 1 : 0;
  EXPECT_GE(refused, 9);
  EXPECT_EQ(log_in(server, "secure123", by("203.0.113.2")).status, 200)
      << "another caller behind the same proxy";
  EXPECT_EQ(log_in(server, "secure123", {}).status, 200) << "and the proxy itself";
}

TEST(Proxy, T16_a_thousand_names_from_a_stranger_are_one_address) {
  TestServer server([](server::Settings& settings) {
    settings.exempt_cidrs = {};
    settings.http.trusted_proxies = {"10.0.0.0/8"};
  });
  int tried = 0;
  for (int i = 0; i < 1000; ++i) {
    const std::string name = "10.0." + std::to_string(i / 250) + "." + std::to_string(i % 250);
    const HttpAnswer answer =
        server.client().call({.method = "POST",
                              .target = "/api/v1/auth/login",
                              .body = json::value{{"email", "nobody" + std::to_string(i) + "@example.com"},
                                                  {"password", "wrong-password"}},
                              .headers = {{"X-Forwarded-For", name},
                                          {"Forwarded", "for=" + name},
                                          {"X-Real-IP", name},
                                          {"X-Client-IP", name}}});
    tried += answer.status == 401 ? 1 : 0;
  }
  EXPECT_LE(tried, 11) << "ten a minute";
}

TEST(Proxy, T16_sessions_audit_and_connections_show_the_caller) {
  TestServer server(behind_proxy());
  const TestUser root = server.superadmin();
  server.register_user("ann");
  const HttpAnswer login = log_in(server, "secure123", by("203.0.113.5"));
  const std::string token(login.at("data.access_token").as_string());
  const HttpAnswer sessions =
      server.client().call({.target = "/api/v1/auth/sessions", .token = token, .headers = by("203.0.113.6")});
  std::vector<std::string> addresses;
  const json::value rows = sessions.at("data");
  for (const json::value& session : rows.as_array()) addresses.emplace_back(session.at("ip").as_string());
  EXPECT_THAT(addresses, testing::UnorderedElementsAre("127.0.0.1", "203.0.113.5"));

  WsClient socket(server.port(), {.token = token, .headers = by("203.0.113.7")});
  ASSERT_EQ(socket.answer().status, 101);
  const HttpAnswer connections = server.client().get("/api/v1/admin/connections", root.access_token);
  EXPECT_THAT(connections.body, testing::HasSubstr("203.0.113.7"));

  const std::string id = std::to_string(login.at("data.user.id").as_int64());
  ASSERT_EQ(server.client()
                .call({.method = "PUT",
                       .target = "/api/v1/admin/users/" + id + "/role",
                       .token = root.access_token,
                       .body = json::value{{"role", "admin"}},
                       .headers = by("203.0.113.8")})
                .status,
            200);
  EXPECT_THAT(server.client().get("/api/v1/admin/audit?limit=100", root.access_token).body,
              testing::HasSubstr("203.0.113.8"));
}

Headers upgrade(Headers more) {
  Headers headers{{"Connection", "Upgrade"},
                  {"Upgrade", "websocket"},
                  {"Sec-WebSocket-Version", "13"},
                  {"Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="}};
  headers.insert(headers.end(), more.begin(), more.end());
  return headers;
}

// 401: the page may ask, and lacks a credential only.
int status_of(TestServer& server, Headers headers, const std::string& target = "/ws") {
  return server.client().call({.target = target, .headers = upgrade(std::move(headers))}).status;
}

TEST(Proxy, T2_a_page_is_ours_by_the_host_that_the_proxy_was_asked_for) {
  const std::pair<std::string, std::string> page{"Origin", "https://app.example.com"};
  const std::pair<std::string, std::string> asked{"X-Forwarded-Host", "no.example, app.example.com"};
  TestServer trusting(behind_proxy());
  EXPECT_EQ(status_of(trusting, {page}), 403);
  EXPECT_EQ(status_of(trusting, {page, asked}), 401);
  EXPECT_EQ(status_of(trusting, {page, {"Forwarded", "for=203.0.113.1;host=app.example.com"}}), 401);
  EXPECT_EQ(status_of(trusting, {page, {"X-Forwarded-Host", "app.example.com, no.example"}}), 403);
  TestServer plain;
  EXPECT_EQ(status_of(plain, {page, asked}), 403);
}

TEST(Proxy, T2_pages_of_this_machine_are_no_neighbours_of_those_behind_a_proxy) {
  const std::pair<std::string, std::string> page{"Origin", "http://localhost:3000"};
  const auto adjust = [](server::Settings& settings) { settings.gateway.echo = true; };
  TestServer plain(adjust);
  TestServer trusting([&](server::Settings& settings) {
    adjust(settings);
    behind_proxy()(settings);
  });
  for (TestServer* server : {&plain, &trusting}) {
    EXPECT_EQ(status_of(*server, {page}), 401);
    EXPECT_EQ(status_of(*server, {page, {"X-Forwarded-For", "127.0.0.1"}}), 401) << "a developer's own proxy";
    EXPECT_EQ(status_of(*server, {page, {"X-Forwarded-For", "203.0.113.1"}}), 403);
    EXPECT_EQ(status_of(*server, {{"X-Forwarded-For", "127.0.0.1, 203.0.113.1"}}, "/ws/echo"), 404);
    EXPECT_EQ(WsClient(server->port(), {.target = "/ws/echo"}).answer().status, 101);
  }
}

TEST(Proxy, T16_the_PROXY_header_names_the_caller) {
  TestServer server([](server::Settings& settings) {
    behind_proxy()(settings);
    settings.http.proxy_protocol = true;
  });
  TcpStream stream(server.port());
  const json::value ann{{"name", "ann"}, {"email", "ann@example.com"}, {"password", "secure123"}};
  stream.write(
      "PROXY TCP4 203.0.113.1 198.51.100.1 4711 443\r\n" +
      request_text(
          {.method = "POST", .target = "/api/v1/auth/register", .body = ann, .headers = by("192.0.2.1")}));
  std::string buffer;
  const HttpAnswer registered = read_answer(stream, buffer);
  ASSERT_EQ(registered.status, 201) << registered.body;
  const std::string token(registered.at("data.access_token").as_string());
  stream.write(request_text({.target = "/api/v1/auth/sessions", .token = token}));
  const HttpAnswer sessions = read_answer(stream, buffer);
  EXPECT_EQ(sessions.at("data").as_array().at(0).at("ip"), "203.0.113.1");
  EXPECT_EQ(server.client().get("/livez").status, 0) << "without the header";
}

}  // namespace
}  // namespace corohub::test
