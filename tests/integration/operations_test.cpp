// The server as its operator sees it: start, health, the admin listener, the control socket, the end.
#include "server/control_socket.hpp"
#include "server/services.hpp"
#include "support/test_server.hpp"

#include <filesystem>
#include <fstream>
#include <thread>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <gmock/gmock.h>

#include <sys/stat.h>

namespace corohub::test {
namespace {

using testing::HasSubstr;

int start_failure(const std::function<void(server::Settings&)>& adjust) {
  try {
    const TestServer server(adjust);
  } catch (const storage::StartError& error) {
    EXPECT_EQ(std::string(error.what()).find('\n'), std::string::npos) << error.what();
    return error.exit_code;
  }
  return 0;
}

TEST(Operations, health_says_how_each_component_is) {
  TestServer server;
  const HttpAnswer health = server.client().get("/health");
  EXPECT_EQ(health.status, 200);
  EXPECT_EQ(health.at("status"), "ok");
  EXPECT_EQ(health.at("components.database"), (json::object{{"status", "ok"}}));
  EXPECT_EQ(health.at("components.disk"), (json::object{{"status", "ok"}}));
  EXPECT_EQ(health.at("components.hub"), (json::object{{"status", "ok"}}));
  EXPECT_TRUE(health.at("timestamp").is_string());
  EXPECT_EQ(server.client().get("/livez").status, 200);
  EXPECT_EQ(server.client().get("/readyz").status, 200);
}

TEST(Operations, it_begins_where_nothing_is) {
  TestServer server([](server::Settings& settings) {
    EXPECT_TRUE(std::filesystem::remove(std::filesystem::path(settings.data_dir) / "corohub.db"));
  });
  EXPECT_GT(server.superadmin().id, 0);
}

TEST(Operations, a_disk_with_little_room_is_degraded_and_serving_goes_on) {
  TestServer server(
      [](server::Settings& settings) { settings.disk_free_min_bytes = std::uint64_t{1} << 62; });
  HttpClient client = server.client();
  while (client.get("/health").at("components.disk.status") != "degraded") {
  }
  EXPECT_EQ(client.get("/health").status, 200);
  EXPECT_EQ(client.get("/health").at("status"), "degraded");
  EXPECT_EQ(client.get("/readyz").status, 200);
}

TEST(Operations, T45_metrics_are_on_the_admin_listener_only) {
  TestServer server;
  const TestUser ann = server.register_user("ann");
  WsClient socket = server.connect(ann);
  socket.next();
  HttpClient admin(server.admin_port());
  const HttpAnswer metrics = admin.get("/metrics");
  EXPECT_EQ(metrics.status, 200);
  EXPECT_THAT(metrics.header("Content-Type"), testing::StartsWith("text/plain; version=0.0.4"));
  EXPECT_THAT(metrics.body, HasSubstr("corohub_connections{role=\"user\"} 1"));
  EXPECT_THAT(metrics.body, HasSubstr("corohub_connections{role=\"superadmin\"} 0"));
  EXPECT_EQ(admin.get("/readyz").status, 200);
  EXPECT_TRUE(admin.get("/health").at("components.disk.free_bytes").is_number());
  EXPECT_EQ(admin.get("/api/v1/users/me").status, 404);

  HttpClient open = server.client();
  for (const char* path : {"/metrics", "/debug", "/debug/pprof", "/config", "/admin", "/.env", "/metrics/"})
    EXPECT_EQ(open.get(path).status, 404) << path;
}

TEST(Operations, T44_the_set_up_link_makes_the_first_superadmin_once) {
  TestServer server;
  const std::string token = server.application().setup_token().value();
  EXPECT_EQ(server.register_user("first").id, 1);
  EXPECT_EQ(server.client()
                .get("/api/v1/users/me", server.log_in("first@example.com", "secure123").access_token)
                .at("data.role"),
            "user");
  EXPECT_GT(server.superadmin().id, 1);
  const HttpAnswer again = server.client().post(
      "/api/v1/setup",
      {{"token", token}, {"name", "Eve"}, {"email", "eve@example.com"}, {"password", "secure123"}});
  EXPECT_EQ(again.status, 403);
  EXPECT_EQ(again.at("code"), "setup_closed");
  server.restart();
  EXPECT_FALSE(server.application().setup_token());
}

TEST(Operations, R23_failures_to_start_have_an_exit_code_and_one_line) {
  TestServer server;
  EXPECT_EQ(
      start_failure([&](server::Settings& settings) { settings.data_dir = server.data_dir().string(); }), 75);
  EXPECT_EQ(start_failure([&](server::Settings& settings) {
              settings.listen = {"127.0.0.1:" + std::to_string(server.port())};
            }),
            75);
  EXPECT_EQ(start_failure([&](server::Settings& settings) {
              settings.admin_listen = "127.0.0.1:" + std::to_string(server.port());
            }),
            75);
  EXPECT_EQ(start_failure([](server::Settings& settings) { settings.listen = {"192.0.2.1:0"}; }), 74);
  EXPECT_EQ(server.client().get("/livez").status, 200);

  const TempDir untouched;
  EXPECT_EQ(start_failure([&](server::Settings& settings) {
              settings.listen = {"127.0.0.1:" + std::to_string(server.port())};
              settings.data_dir = (untouched.path() / "data").string();
            }),
            75);
  EXPECT_FALSE(std::filesystem::exists(untouched.path() / "data"));
}

TEST(Operations, T35_signing_keys_that_others_can_read_are_refused) {
  TestServer server;
  ASSERT_TRUE(server.stop());
  const auto keys = server.data_dir() / "keys.json";
  ASSERT_EQ(::chmod(keys.c_str(), 0644), 0);
  try {
    server.restart();
    FAIL() << "it started";
  } catch (const storage::StartError& error) {
    EXPECT_EQ(error.exit_code, 78) << error.what();
  }
}

TEST(Operations, T67_a_damaged_database_is_refused_and_left_as_it_is) {
  TestServer server;
  ASSERT_TRUE(server.stop());
  const auto database = server.data_dir() / "corohub.db";
  {
    std::fstream file(database, std::ios::in | std::ios::out | std::ios::binary);
    file << "this is no database any more, and nobody may repair it by force";
  }
  const auto content = [&] {
    std::ifstream file(database, std::ios::binary);
    return std::string(std::istreambuf_iterator<char>(file), {});
  };
  const std::string before = content();
  try {
    server.restart();
    FAIL() << "it started";
  } catch (const storage::StartError& error) {
    EXPECT_EQ(error.exit_code, 65) << error.what();
  }
  EXPECT_TRUE(content() == before);
}

TEST(Operations, the_control_socket_is_private_and_makes_users_with_a_null_actor) {
  TestServer server;
  struct stat status{};
  ASSERT_EQ(::stat((server.data_dir() / "control.sock").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600U);

  const TestUser root = server.superadmin();
  WsClient socket = server.connect(root);
  socket.next();
  const auto created = server::ask_server(server.data_dir(), {{"command", "user.create"},
                                                              {"name", "Ann"},
                                                              {"email", "ann@example.com"},
                                                              {"password", "secure123"},
                                                              {"role", "admin"}});
  ASSERT_TRUE(created);
  EXPECT_EQ(created->at("ok"), true) << json::serialize(*created);
  EXPECT_EQ(created->at("data").at("role"), "admin");
  EXPECT_EQ(socket.next().at("type"), "user.created");
  const TestUser ann = server.log_in("ann@example.com", "secure123");

  const auto demoted = server::ask_server(
      server.data_dir(), {{"command", "user.set_role"}, {"email", "ann@example.com"}, {"role", "user"}});
  ASSERT_TRUE(demoted);
  EXPECT_EQ(demoted->at("ok"), true) << json::serialize(*demoted);
  const json::object event = socket.next();
  EXPECT_EQ(event.at("type"), "user.role.changed");
  EXPECT_EQ(event.at("data").at("changed_by"), nullptr);
  EXPECT_EQ(server.client().get("/api/v1/users/me", ann.access_token).status, 401);
}

TEST(Operations, the_control_socket_refuses_what_it_does_not_understand) {
  TestServer server;
  const auto ask = [&](const json::object& request) {
    return server::ask_server(server.data_dir(), request).value();
  };
  EXPECT_EQ(ask({{"command", "self.destruct"}}).at("code"), "invalid_request");
  EXPECT_EQ(ask({}).at("code"), "invalid_request");
  EXPECT_EQ(ask({{"command", "user.create"}}).at("ok"), false);
  EXPECT_EQ(ask({{"command", "user.create"},
                 {"name", "A"},
                 {"email", "a@b.example"},
                 {"password", 1},
                 {"role", "x"}})
                .at("ok"),
            false);
  EXPECT_EQ(
      ask({{"command", "user.set_role"}, {"email", "nobody@example.com"}, {"role", "admin"}}).at("code"),
      "not_found");
  EXPECT_EQ(ask({{"command", "backup"}, {"file", "relative.db"}}).at("ok"), false);
  EXPECT_EQ(ask({{"command", "user.list"}}).at("data"), json::array());
}

TEST(Operations, R21_a_backup_is_made_while_it_serves) {
  TestServer server;
  server.register_user("ann");
  const TempDir elsewhere;
  const auto file = elsewhere.path() / "copy.db";
  const auto answer =
      server::ask_server(server.data_dir(), {{"command", "backup"}, {"file", file.string()}}).value();
  EXPECT_EQ(answer.at("ok"), true) << json::serialize(answer);
  struct stat status{};
  ASSERT_EQ(::stat(file.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600U);
  const auto again =
      server::ask_server(server.data_dir(), {{"command", "backup"}, {"file", file.string()}}).value();
  EXPECT_EQ(again.at("ok"), false);
}

TEST(Operations, T34_rotated_keys_verify_old_tokens) {
  TestServer server;
  const TestUser ann = server.register_user("ann");
  ASSERT_EQ(server::ask_server(server.data_dir(), {{"command", "keys.rotate"}}).value().at("ok"), true);
  EXPECT_EQ(server.client().get("/api/v1/users/me", ann.access_token).status, 200);
  const TestUser again = server.log_in(ann.email, ann.password);
  EXPECT_EQ(server.client().get("/api/v1/users/me", again.access_token).status, 200);
  EXPECT_FALSE(server.application().reload_keys().has_error());
  EXPECT_EQ(server.client().get("/api/v1/users/me", ann.access_token).status, 200);
}

TEST(Operations, T34_what_a_removed_key_has_opened_ends_at_once) {
  TestServer server;
  const TestUser ann = server.register_user("ann");
  WsClient socket = server.connect(ann);
  ASSERT_EQ(socket.next().at("type"), "connection.established");
  const std::string ticket(
      server.client().post("/api/v1/auth/ws-ticket", {}, ann.access_token).at("data.ticket").as_string());
  EXPECT_FALSE(server.application().reload_keys().has_error());
  EXPECT_EQ(server.client().get("/api/v1/users/me", ann.access_token).status, 200) << "nothing was removed";

  ASSERT_EQ(server::ask_server(server.data_dir(), {{"command", "keys.rotate"}}).value().at("ok"), true);
  const auto file = server.data_dir() / "keys.json";
  std::stringstream text;
  text << std::ifstream(file).rdbuf();
  json::object document = json::parse(text.str()).as_object();
  json::array& keys = document.at("keys").as_array();
  ASSERT_EQ(keys.size(), 2U);
  keys.erase(keys.begin());  // the retiring one
  std::ofstream(file) << json::serialize(document);
  ASSERT_FALSE(server.application().reload_keys().has_error());

  EXPECT_EQ(socket.wait_close(), (WsClose{1008, "token_expired"}));
  EXPECT_EQ(server.client().get("/api/v1/users/me", ann.access_token).status, 401);
  EXPECT_EQ(server.client().get("/api/v1/events?ticket=" + ticket).status, 401);
  EXPECT_EQ(WsClient(server.port(), ann.access_token).answer().status, 401);
  const TestUser again = server.log_in(ann.email, ann.password);
  EXPECT_EQ(server.client().get("/api/v1/users/me", again.access_token).status, 200);
}

TEST(Operations, R2_the_end_sends_everyone_away_and_is_clean) {
  TestServer server;
  const TestUser ann = server.register_user("ann");
  std::vector<WsClient> sockets;
  for (int i = 0; i < 10; ++i) {
    sockets.push_back(server.connect(ann));
    ASSERT_EQ(sockets.back().next().at("type"), "connection.established");
  }
  std::thread stopper([&] { EXPECT_TRUE(server.stop()); });
  for (WsClient& socket : sockets) EXPECT_EQ(socket.wait_close(), (WsClose{1001, "draining"}));
  stopper.join();
  EXPECT_FALSE(std::filesystem::exists(server.data_dir() / "control.sock"));
}

TEST(Operations, R2_a_request_in_flight_is_answered_before_the_end) {
  TestServer server;
  const TestUser ann = server.register_user("ann");
  const std::string body = R"({"name":"Late"})";
  TcpStream stream(server.port());
  stream.write(
      "PATCH /api/v1/users/me HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nAuthorization: Bearer " +
      ann.access_token +
      "\r\nContent-Type: application/json\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n");
  EXPECT_THAT(stream.read_some(), HasSubstr("100 Continue"));
  WsClient socket = server.connect(ann);
  socket.next();
  std::thread stopper([&] { EXPECT_TRUE(server.stop()); });
  EXPECT_EQ(socket.wait_close().reason, "draining");
  stream.write(body);
  std::string buffer;
  const HttpAnswer answer = read_answer(stream, buffer);
  EXPECT_EQ(answer.status, 200) << answer.body;
  EXPECT_EQ(answer.header("Connection"), "close");
  stopper.join();
  server.restart();
  EXPECT_EQ(server.client().get("/api/v1/users/me", ann.access_token).at("data.name"), "Late");
}

}  // namespace
}  // namespace corohub::test
