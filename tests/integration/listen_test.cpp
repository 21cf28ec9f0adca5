// The client room against a whole server.
#include "client/listener.hpp"
#include "support/test_server.hpp"

#include <condition_variable>
#include <mutex>
#include <thread>

#include <boost/json/parse.hpp>
#include <gmock/gmock.h>

namespace corohub::test {
namespace {

using client::Failure;

// A listener on a thread of its own, and what it printed.
class Listening {
 public:
  Listening(std::uint16_t port, client::TokenSource source, client::ListenOptions options)
      : client_({"127.0.0.1", port}, interrupt_),
        source_(std::move(source)),
        listener_(
            client_, source_, std::move(options), [this](std::string_view line) { printed(line); },
            [](std::string_view) {}),
        thread_([this] { end_ = listener_.run(); }) {}
  ~Listening() { finish(); }
  Listening(const Listening&) = delete;
  Listening& operator=(const Listening&) = delete;

  json::object next() {
    std::unique_lock lock(mutex_);
    more_.wait(lock, [this] { return taken_ < lines_.size(); });
    return json::parse(lines_[taken_++]).as_object();
  }
  // How it ended by itself.
  Failure ended() {
    thread_.join();
    return end_;
  }
  // How it ends when the user wants to go.
  Failure finish() {
    interrupt_.raise();
    if (thread_.joinable()) thread_.join();
    return end_;
  }
  const std::string& position() const { return listener_.position(); }

 private:
  void printed(std::string_view line) {
    const std::lock_guard lock(mutex_);
    lines_.emplace_back(line);
    more_.notify_all();
  }

  client::Interrupt interrupt_;
  client::HttpClient client_;
  client::TokenSource source_;
  std::mutex mutex_;
  std::condition_variable more_;
  std::vector<std::string> lines_;
  std::size_t taken_ = 0;
  Failure end_;
  client::Listener listener_;
  std::thread thread_;
};

class Listen : public testing::Test {
 protected:
  std::string alert(const std::string& message) {
    return server_.client()
        .post("/ws/broadcast", {{"message", message}}, admin_.access_token)
        .header("Corohub-Position");
  }
  Listening listen(const std::string& token, client::ListenOptions options = {}) {
    return {server_.port(), client::TokenSource(Secret(token)), std::move(options)};
  }
  std::string url() const { return client::ServerUrl{"127.0.0.1", server_.port()}.text(); }

  TestServer server_;
  TestUser admin_ = server_.superadmin();
};

TEST_F(Listen, prints_what_was_missed_and_what_comes_until_the_user_goes) {
  const std::string start = alert("before");
  alert("missed");
  Listening listening = listen(admin_.access_token, {.since = start});
  EXPECT_EQ(listening.next().at("data").at("recovered"), true);
  EXPECT_EQ(listening.next().at("data").at("message"), "missed");
  const std::string last = alert("live");
  EXPECT_EQ(listening.next().at("data").at("message"), "live");
  EXPECT_EQ(listening.finish().kind, Failure::Kind::interrupted);
  EXPECT_EQ(listening.position(), last);
}

TEST_F(Listen, after_a_gap_it_goes_on_from_where_the_log_begins) {
  const std::string head = alert("before");
  Listening listening = listen(admin_.access_token, {.since = "other:1"});
  listening.next();
  EXPECT_EQ(listening.next().at("type"), "stream.gap");
  listening.finish();
  EXPECT_EQ(listening.position(), head);
}

TEST_F(Listen, a_stored_login_is_renewed_and_two_who_share_it_agree) {
  const TempDir directory;
  client::CredentialFile file(directory.path() / "corohub" / "credentials.json");
  const client::StoredLogin stale{admin_.email, admin_.id, Secret("stale"), Secret(admin_.refresh_token)};
  {
    const client::CredentialFile::Lock lock(file);
    file.save(url(), stale);
  }
  Listening first(server_.port(), client::TokenSource(file, stale), {});
  Listening second(server_.port(), client::TokenSource(file, stale), {});
  EXPECT_EQ(first.next().at("type"), "connection.established");
  EXPECT_EQ(second.next().at("type"), "connection.established");
  EXPECT_NE(file.find(url())->refresh_token.reveal(), admin_.refresh_token);
  alert("both");
  EXPECT_EQ(first.next().at("data").at("message"), "both");
  EXPECT_EQ(second.next().at("data").at("message"), "both");
}

TEST_F(Listen, who_is_not_wanted_is_told) {
  EXPECT_EQ(listen("nonsense").ended().status, 401);
  EXPECT_EQ(listen("two\r\nheaders: 1").ended().kind, Failure::Kind::usage);
  EXPECT_EQ(listen(admin_.access_token, {.since = "x y"}).ended().status, 400);
  server_.stop();
  EXPECT_EQ(listen(admin_.access_token).ended().kind, Failure::Kind::unreachable);
}

TEST_F(Listen, a_kick_is_final) {
  Listening listening = listen(admin_.access_token);
  const std::string id(listening.next().at("data").at("client_id").as_string());
  server_.client().del("/api/v1/admin/connections/" + id, admin_.access_token);
  const Failure end = listening.ended();
  EXPECT_EQ(end.kind, Failure::Kind::refused);
  EXPECT_THAT(end.what, testing::HasSubstr("kicked"));
}

TEST_F(Listen, a_refusal_says_what_is_wrong_with_which_member) {
  const client::Interrupt interrupt;
  client::HttpClient http({"127.0.0.1", server_.port()}, interrupt);
  client::TokenSource source{Secret(admin_.access_token)};
  const auto answer = client::ask_as(http, source, {"POST", "/ws/broadcast", R"({"message":""})"});
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().status, 422);
  EXPECT_THAT(answer.error().what, testing::HasSubstr("/message"));
}

}  // namespace
}  // namespace corohub::test
