// Who may do what: every route that asks for a credential, called by a guest, a user, an admin and a
// superadmin (T42, T43), with the status, the words of a refusal, and the events that it causes.
#include "support/test_server.hpp"

#include <array>

#include <boost/json/serialize.hpp>
#include <gmock/gmock.h>

namespace corohub::test {
namespace {

// {user}, {admin} and {root} stand for the ids of accounts made for the row, {any} for an id nobody has.
struct Row {
  const char* method;
  const char* target;
  const char* body;           // JSON, or nothing
  std::array<int, 4> status;  // guest, user, admin, superadmin
  const char* events;         // what a call that succeeds adds to the log, as admins see it
};

constexpr Row rows[] = {
    {"GET", "/api/v1/users/me", nullptr, {401, 200, 200, 200}, ""},
    {"PATCH", "/api/v1/users/me", R"({"age":41})", {401, 200, 200, 200}, "user.updated"},
    {"PATCH", "/api/v1/users/me", R"({})", {401, 200, 200, 200}, ""},
    {"PATCH", "/api/v1/users/me", R"({"role":"superadmin"})", {401, 422, 422, 422}, ""},
    {"GET", "/api/v1/auth/sessions", nullptr, {401, 200, 200, 200}, ""},
    {"DELETE",
     "/api/v1/auth/sessions/00000000-0000-4000-8000-000000000000",
     nullptr,
     {401, 404, 404, 404},
     ""},
    {"POST", "/api/v1/auth/ws-ticket", nullptr, {401, 200, 200, 200}, ""},
    {"GET", "/api/v1/events?limit=1", nullptr, {401, 200, 200, 200}, ""},
    {"PUT",
     "/api/v1/users/me/password",
     R"({"current_password":"wrong pass","new_password":"secure1234"})",
     {401, 403, 403, 403},
     ""},
    {"GET", "/ws", nullptr, {426, 426, 426, 426}, ""},
    {"GET", "/ws/stats", nullptr, {401, 403, 200, 200}, ""},
    {"POST", "/ws/broadcast", R"({"message":"hi"})", {401, 403, 200, 200}, "system.alert"},
    {"POST", "/api/v1/topics/rooms/one/events", R"({"data":1})", {401, 200, 200, 200}, ""},
    {"POST", "/api/v1/topics/public/news/events", R"({"data":1})", {401, 403, 200, 200}, ""},
    {"POST", "/api/v1/topics/nowhere/events", R"({"data":1})", {401, 403, 403, 403}, ""},
    {"GET", "/api/v1/topics/rooms/one/history", nullptr, {401, 200, 200, 200}, ""},
    {"GET", "/api/v1/topics/public/news/history", nullptr, {401, 200, 200, 200}, ""},
    {"GET", "/api/v1/topics/admin/log/history", nullptr, {401, 403, 200, 200}, ""},
    {"POST",
     "/api/v1/publish",
     R"({"to":{"all":true},"type":"order.shipped","data":1})",
     {401, 403, 200, 200},
     "order.shipped"},
    {"GET", "/api/v1/admin/api-keys", nullptr, {401, 403, 200, 200}, ""},
    {"POST", "/api/v1/admin/api-keys", R"({"name":"Shop","scopes":["publish"]})", {401, 403, 201, 201}, ""},
    {"DELETE", "/api/v1/admin/api-keys/{any}", nullptr, {401, 403, 404, 404}, ""},
    {"GET", "/api/v1/admin/connections", nullptr, {401, 403, 200, 200}, ""},
    {"DELETE",
     "/api/v1/admin/connections/00000000-0000-4000-8000-000000000000",
     nullptr,
     {401, 403, 404, 404},
     ""},
    {"GET", "/api/v1/admin/audit", nullptr, {401, 403, 200, 200}, ""},
    {"GET", "/api/v1/admin/users", nullptr, {401, 403, 200, 200}, ""},
    {"POST",
     "/api/v1/admin/users",
     R"({"name":"New","email":"{fresh}@example.com","password":"secure123"})",
     {401, 403, 201, 201},
     "user.created"},
    {"GET", "/api/v1/admin/users/{user}", nullptr, {401, 403, 200, 200}, ""},
    {"GET", "/api/v1/admin/users/{any}", nullptr, {401, 403, 404, 404}, ""},
    {"PATCH", "/api/v1/admin/users/{user}", R"({"name":"Other"})", {401, 403, 200, 200}, "user.updated"},
    {"PATCH", "/api/v1/admin/users/{admin}", R"({"name":"Other"})", {401, 403, 403, 200}, "user.updated"},
    {"PATCH", "/api/v1/admin/users/{any}", R"({"name":"Other"})", {401, 403, 404, 404}, ""},
    {"PUT",
     "/api/v1/admin/users/{user}/role",
     R"({"role":"admin"})",
     {401, 403, 200, 200},
     "user.role.changed"},
    {"PUT", "/api/v1/admin/users/{user}/role", R"({"role":"user"})", {401, 403, 200, 200}, ""},
    {"PUT",
     "/api/v1/admin/users/{user}/role",
     R"({"role":"superadmin"})",
     {401, 403, 403, 200},
     "user.role.changed"},
    {"PUT", "/api/v1/admin/users/{user}/role", R"({"role":"ADMIN"})", {401, 403, 422, 422}, ""},
    {"PUT", "/api/v1/admin/users/{user}/role", "{\"role\":\"admin \"}", {401, 403, 422, 422}, ""},
    {"PUT",
     "/api/v1/admin/users/{admin}/role",
     R"({"role":"user"})",
     {401, 403, 403, 200},
     "user.role.changed"},
    {"PUT",
     "/api/v1/admin/users/{root}/role",
     R"({"role":"user"})",
     {401, 403, 403, 200},
     "user.role.changed"},
    {"PUT", "/api/v1/admin/users/{any}/role", R"({"role":"user"})", {401, 403, 404, 404}, ""},
    {"PUT",
     "/api/v1/admin/users/{user}/status",
     R"({"status":"disabled"})",
     {401, 403, 200, 200},
     "user.updated"},
    {"PUT", "/api/v1/admin/users/{user}/status", R"({"status":"active"})", {401, 403, 200, 200}, ""},
    {"PUT",
     "/api/v1/admin/users/{admin}/status",
     R"({"status":"disabled"})",
     {401, 403, 403, 200},
     "user.updated"},
    {"POST", "/api/v1/admin/users/{user}/password-reset", nullptr, {401, 403, 201, 201}, ""},
    {"POST", "/api/v1/admin/users/{admin}/password-reset", nullptr, {401, 403, 403, 201}, ""},
    {"DELETE", "/api/v1/admin/users/{user}", nullptr, {401, 403, 204, 204}, "user.deleted"},
    {"DELETE", "/api/v1/admin/users/{admin}", nullptr, {401, 403, 403, 204}, "user.deleted"},
    {"DELETE", "/api/v1/admin/users/{root}", nullptr, {401, 403, 403, 204}, "user.deleted"},
    {"DELETE", "/api/v1/admin/users/{any}", nullptr, {401, 403, 404, 404}, ""},
    {"DELETE", "/api/v1/users/me", nullptr, {401, 204, 204, 204}, "user.deleted"},
};

class Rights : public testing::Test {
 protected:
  TestUser with_role(const char* role) {
    const TestUser user = server_.register_user("user" + std::to_string(++made_));
    if (std::string_view(role) == "user") return user;
    const HttpAnswer answer = client_.put("/api/v1/admin/users/" + std::to_string(user.id) + "/role",
                                          {{"role", role}}, root_.access_token);
    EXPECT_EQ(answer.status, 200) << answer.body;
    return user;
  }

  std::string fill(std::string text) {
    const auto replace = [&](std::string_view name, auto make) {
      if (const std::size_t at = text.find(name); at != std::string::npos)
        text.replace(at, name.size(), make());
    };
    replace("{user}", [&] { return std::to_string(with_role("user").id); });
    replace("{admin}", [&] { return std::to_string(with_role("admin").id); });
    replace("{root}", [&] { return std::to_string(with_role("superadmin").id); });
    replace("{any}", [] { return std::string("999999"); });
    replace("{fresh}", [&] { return "fresh" + std::to_string(++made_); });
    return text;
  }

  std::string position() {
    return client_.get("/api/v1/users/me", root_.access_token).header("Corohub-Position");
  }

  std::string events_since(const std::string& since) {
    const HttpAnswer page = client_.get("/api/v1/events?since=" + since, root_.access_token);
    const json::value events = page.at("data");
    std::string types;
    for (const json::value& event : events.as_array())
      types += (types.empty() ? "" : " ") + std::string(event.at("type").as_string());
    return types;
  }

  void check(const Row& row, std::size_t rank, const TestUser& caller) {
    HttpCall call{.method = row.method, .target = fill(row.target), .token = caller.access_token};
    if (row.body != nullptr) {
      call.bytes = fill(row.body);
      call.headers.emplace_back("Content-Type", "application/json");
    }
    const std::string before = position();
    const HttpAnswer answer = client_.call(call);
    EXPECT_EQ(answer.status, row.status[rank]) << answer.body;
    EXPECT_EQ(events_since(before), answer.status < 300 ? row.events : "");
    if (answer.status >= 400) check_refusal(row, rank, answer);
  }

  static void check_refusal(const Row& row, std::size_t rank, const HttpAnswer& answer) {
    EXPECT_EQ(answer.header("Content-Type"), "application/problem+json");
    EXPECT_EQ(answer.at("success"), false);
    EXPECT_EQ(answer.at("status"), answer.status);
    EXPECT_EQ(answer.at("request_id"), json::value(answer.header("X-Request-Id")));
    if (answer.status == 401) {
      EXPECT_EQ(answer.at("error"), "unauthorized");
      EXPECT_THAT(answer.header("WWW-Authenticate"), testing::StartsWith("Bearer"));
    }
    if (answer.status == 403 && rank == 1 && row.status[3] != 403) {
      EXPECT_EQ(answer.at("error"), "admin access required");
      EXPECT_EQ(answer.at("code"), "forbidden");
    }
  }

  TestServer server_;
  HttpClient client_ = server_.client();
  TestUser root_ = server_.superadmin();
  int made_ = 0;
};

TEST_F(Rights, T42_T43_each_route_for_each_rank) {
  const char* ranks[] = {"guest", "user", "admin", "superadmin"};
  for (const Row& row : rows) {
    for (std::size_t rank = 0; rank < 4; ++rank) {
      SCOPED_TRACE(std::string(row.method) + " " + row.target + " " + (row.body != nullptr ? row.body : "") +
                   " as " + ranks[rank]);
      TestUser caller;
      if (rank > 0) {
        caller = with_role(ranks[rank]);
        caller = server_.log_in(caller.email, caller.password);
      }
      check(row, rank, caller);
    }
  }
}

TEST_F(Rights, T42_a_plain_user_learns_nothing_about_ids) {
  const TestUser ann = with_role("user");
  const auto without_names = [](HttpAnswer answer) {
    json::object body = answer.json().as_object();
    body.erase("request_id");
    body.erase("instance");
    return body;
  };
  const HttpAnswer there = client_.get("/api/v1/admin/users/" + std::to_string(root_.id), ann.access_token);
  const HttpAnswer not_there = client_.get("/api/v1/admin/users/999999", ann.access_token);
  EXPECT_EQ(there.status, 403);
  EXPECT_EQ(not_there.status, 403);
  EXPECT_EQ(without_names(there), without_names(not_there));
}

TEST_F(Rights, T43_nobody_promotes_himself_and_the_last_superadmin_stays) {
  const std::string self = "/api/v1/admin/users/" + std::to_string(root_.id);
  const HttpAnswer demoted = client_.put(self + "/role", {{"role", "user"}}, root_.access_token);
  EXPECT_EQ(demoted.status, 409);
  EXPECT_EQ(demoted.at("code"), "last_superadmin");
  EXPECT_EQ(client_.del("/api/v1/users/me", root_.access_token).status, 409);

  const TestUser ann = with_role("admin");
  const TestUser admin = server_.log_in(ann.email, ann.password);
  const HttpAnswer promoted = client_.put("/api/v1/admin/users/" + std::to_string(admin.id) + "/role",
                                          {{"role", "superadmin"}}, admin.access_token);
  EXPECT_EQ(promoted.status, 403);
  EXPECT_EQ(promoted.at("code"), "self_role_change");
}

// Rights end while a body is on its way: what it asked for is not done.
TEST(SlowBody, T42_rights_are_judged_again_behind_it) {
  TestServer server;
  const TestUser root = server.superadmin();
  const TestUser admin = server.admin("admin");
  const auto begun = [&](const std::string& target, const std::string& body) {
    TcpStream stream(server.port());
    stream.write("POST " + target + " HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer " +
                 admin.access_token + "\r\nContent-Type: application/json\r\nContent-Length: " +
                 std::to_string(body.size()) + "\r\n\r\n" + body.substr(0, 1));
    return stream;
  };
  const std::string event = R"({"data":1})";
  const std::string alert = R"({"message":"late"})";
  TcpStream publish = begun("/api/v1/topics/public/news/events", event);
  TcpStream broadcast = begun("/ws/broadcast", alert);
  // An answer on another connection of the same shard or not: both heads have been sent before.
  WsClient listener(server.port(), WsOptions{.target = "/ws?topic=public/news", .token = root.access_token});
  listener.next();
  ASSERT_EQ(server.client()
                .put("/api/v1/admin/users/" + std::to_string(admin.id) + "/role", {{"role", "user"}},
                     root.access_token)
                .status,
            200);
  std::string buffer;
  publish.write(event.substr(1));
  EXPECT_EQ(read_answer(publish, buffer).status, 401);
  buffer.clear();
  broadcast.write(alert.substr(1));
  EXPECT_EQ(read_answer(broadcast, buffer).status, 401);
  server.client().post("/ws/broadcast", {{"message", "end"}}, root.access_token);
  for (const json::object& message : listener.until("system.alert")) EXPECT_NE(message.at("type"), "message");
}

}  // namespace
}  // namespace corohub::test
