// A log in which little is for the user who asks: each request looks at a bounded part of it, and says how
// far it came.
#include "storage/connection.hpp"
#include "support/test_server.hpp"

#include <gtest/gtest.h>

namespace corohub::test {
namespace {

constexpr std::int64_t hidden = 30'000;
constexpr std::int64_t looked_at = 20'000;  // by one request

class LongLog : public testing::Test {
 protected:
  LongLog() {
    EXPECT_TRUE(server_.stop());
    storage::Connection database(server_.data_dir() / "corohub.db", storage::Access::write);
    database.run("BEGIN");
    database
        .query(
            "INSERT INTO events (type, data, created_at, roles) WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL "
            "SELECT i + 1 FROM n WHERE i < ?) SELECT 'for.admins', '{}', 1, 2 FROM n")
        .bind(hidden)
        .run();
    database.run("COMMIT");
    server_.restart();
  }
  HttpAnswer get(const std::string& target) { return server_.client().get(target, user_.access_token); }
  static std::int64_t seq_of(const std::string& position) {
    return std::stoll(position.substr(position.find(':') + 1));
  }

  TestServer server_;
  TestUser user_ = server_.register_user("somebody");
};

TEST_F(LongLog, T62_a_page_looks_at_a_bounded_part_and_is_empty_although_more_follows) {
  std::string since = "2";
  std::int64_t at = 2;
  bool more = true;
  int requests = 0;
  for (; more; ++requests) {
    const HttpAnswer page = get("/api/v1/events?since=" + since);
    ASSERT_EQ(page.status, 200) << page.body;
    const json::object meta = page.at("meta").as_object();
    since = std::string(meta.at("next").as_string());
    EXPECT_GT(seq_of(since), at);
    EXPECT_LE(seq_of(since) - at, looked_at);
    at = seq_of(since);
    more = meta.at("more").as_bool();
  }
  EXPECT_GT(requests, 1);
  EXPECT_GE(at, hidden);
}

TEST_F(LongLog, T62_a_poll_answers_how_far_it_looked_instead_of_going_through_all_of_it) {
  const HttpAnswer first = get("/api/v1/events/poll?timeout=30&since=2");
  EXPECT_EQ(first.status, 204) << first.body;
  EXPECT_EQ(seq_of(first.header("Corohub-Next")), 2 + looked_at);
}

}  // namespace
}  // namespace corohub::test
