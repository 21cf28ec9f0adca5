#include "gateway/session/publishing.hpp"

#include "gateway/session/topic_history.hpp"
#include "support/test_database.hpp"

#include <gmock/gmock.h>

namespace corohub::gateway {
namespace {

using namespace std::chrono_literals;
using corohub::test::run_task;

class PublishingTest : public testing::Test {
 protected:
  PublishingTest() { set_user(7, "user", "active"); }

  void set_user(UserId id, std::string_view role, std::string_view status) {
    auto unit = [=](storage::UnitOfWork& work) -> Result<storage::Nothing> {
      work.query(
              "INSERT OR REPLACE INTO users (id, name, email, email_key, role, status, password_hash, "
              "created_at, updated_at) VALUES (?, 'Ann', 'ann@example.com', ?, ?, ?, '', 0, 0)")
          .bind(id, "ann" + std::to_string(id), role, status)
          .run();
      return storage::Nothing{};
    };
    ASSERT_TRUE(db_.commit(unit));
  }
  Result<Published> publish(const Publication& publication, const Author& author = {7, Role::user}) {
    Result<PublishOrder> order = publishing_.accept(author, publication);
    if (!order) return order.error();
    return run_task([&] { return publishing_.publish(std::move(*order)); });
  }
  struct Wish {
    std::string topic;
    std::optional<Position> since{};
    std::size_t limit = 100;
    Seq applied = 1'000'000;
  };
  HistoryPage history(const Wish& wish) {
    const HistoryRequest request{wish.topic, *rules_.find(wish.topic), wish.applied, wish.since, wish.limit};
    const std::string epoch = "here";
    return run_task([&] { return read_history(db_.readers, request, epoch, db_.clock.unix_ms()); }).value();
  }
  std::int64_t count(const char* sql) {
    auto read = [sql](storage::Snapshot& snapshot) -> Result<std::int64_t> {
      storage::Query query = snapshot.query(sql);
      query.next();
      return query.integer(0);
    };
    return db_.read(read).value();
  }

  static std::vector<hub::TopicRule> rules() {
    std::vector<hub::TopicRule> rules = hub::TopicRules::defaults();
    constexpr std::uint8_t everyone = hub::Audience::everyone_bits;
    rules.push_back({"short/*", everyone, everyone, 3, 60s, hub::PresenceMode::off, false});
    rules.push_back({"live/*", everyone, everyone, 0, {}, hub::PresenceMode::off, false});
    rules.push_back({"large/*", everyone, everyone, 1, {}, hub::PresenceMode::off, false, 2000});
    rules.push_back({"small/*", everyone, everyone, 1, {}, hub::PresenceMode::off, false, 500});
    return rules;
  }

  corohub::test::TestDatabase db_;
  const hub::TopicRules rules_{rules()};
  Publishing publishing_{db_.hub, db_.writer, rules_, db_.clock, 1000};
};

std::string_view code(const Result<Published>& published) {
  return published ? std::string_view() : name(published.error().code);
}

Publication in(std::string topic, std::string data = "1", std::string key = {}) {
  return {.topic = std::move(topic), .data = std::move(data), .idempotency_key = std::move(key)};
}

std::vector<std::string> data_of(const HistoryPage& page) {
  std::vector<std::string> all;
  for (const hub::EventRef& event : page.events) all.emplace_back(event->data());
  return all;
}

TEST_F(PublishingTest, logs_what_a_topic_keeps) {
  const Result<Published> first = publish(in("rooms/one", R"({"n":1.10})"));
  ASSERT_TRUE(first);
  EXPECT_EQ(first->seq, 1);
  EXPECT_EQ(first->time, db_.clock.unix_ms());
  EXPECT_EQ(history({.topic = "rooms/one"}).events.at(0)->text(),
            R"({"type":"message","data":{"n":1.10},"timestamp":"2026-01-06T10:30:01.123Z","seq":1,)"
            R"("topic":"rooms/one"})");
}

TEST_F(PublishingTest, does_not_log_what_it_does_not_keep) {
  const Result<Published> published = publish(in("live/one"));
  ASSERT_TRUE(published);
  EXPECT_EQ(published->seq, 0);
  EXPECT_EQ(published->time, db_.clock.unix_ms());
  EXPECT_EQ(db_.writer.committed_seq(), 0);
}

TEST_F(PublishingTest, T49_asks_the_rule) {
  EXPECT_EQ(code(publish(in("nowhere"))), "forbidden");
  EXPECT_EQ(code(publish(in("public/news"))), "forbidden");
  EXPECT_EQ(code(publish(in("admin/log"))), "forbidden");
  EXPECT_EQ(code(publish(in("user/7"), {7, Role::superadmin})), "forbidden");
  EXPECT_EQ(code(publish(in("public/news"), {7, Role::admin})), "");
}

TEST_F(PublishingTest, T47_refuses_types_of_the_server) {
  Publication publication = in("rooms/one");
  for (const char* type : {"user.created", "typing", "reply", "system.alert", "stream.gap"}) {
    publication.type = type;
    EXPECT_EQ(code(publish(publication)), "reserved_type") << type;
  }
}

TEST_F(PublishingTest, gateways_are_told_what_they_can_read_and_nothing_else) {
  set_user(9, "admin", "active");
  const Author boss{9, Role::admin};
  const std::string topic(hub::gateway_topic);
  for (const char* data :
       {"1", "[]", "{}", R"("hi")", R"({"type":"CACHE_SOMETHING"})", R"({"type":"CACHE_DELETE_INVALID"})",
        R"({"type":"ALL_CACHE_INVALID","more":1})", R"({"payload":{"type":"CACHE_CLEAR_INVALID"}})"})
    EXPECT_EQ(code(publish(in(topic, data), boss)), "validation_failed") << data;
  EXPECT_EQ(code(publish(in(topic, "1"), {7, Role::user})), "forbidden") << "and no more is said";
  EXPECT_EQ(code(publish(in(topic, R"({"type":"ALL_CACHE_INVALID"})"), boss)), "");
  Publication as_text = in(topic, R"("{\"type\":\"CACHE_DELETE_INVALID\",\"key\":\"k\"}")");
  as_text.attributes = R"({"kind":"text","content_type":"text/plain"})";
  EXPECT_EQ(code(publish(as_text, boss)), "");
  const HistoryPage page = history({.topic = topic});
  EXPECT_THAT(data_of(page),
              testing::ElementsAre(
                  R"({"payload":{"type":"ALL_CACHE_INVALID","tenantId":null,"appId":null,"key":null,)"
                  R"("serviceName":null},"timestamp":"2026-01-06T10:30:01Z","source":"config-manager"})",
                  R"({"payload":{"type":"CACHE_DELETE_INVALID","tenantId":null,"appId":null,"key":"k",)"
                  R"("serviceName":null},"timestamp":"2026-01-06T10:30:01Z","source":"config-manager"})"));
  EXPECT_EQ(page.events.at(1)->attributes(), R"({"content_type":"text/plain"})");
}

TEST_F(PublishingTest, refuses_what_is_too_big_to_go_out) {
  const auto of_size = [](std::size_t size) { return '"' + std::string(size - 2, 'x') + '"'; };
  const std::size_t most = 1000 - 95 - std::string_view("messagerooms/one").size();
  EXPECT_EQ(code(publish(in("rooms/one", of_size(most + 1)))), "payload_too_large");
  EXPECT_EQ(code(publish(in("rooms/one", of_size(most)))), "");
  EXPECT_LE(history({"rooms/one"}).events.size(), 1000U);
}

TEST_F(PublishingTest, a_rule_allows_more_or_less) {
  const std::string of_600 = '"' + std::string(600, 'x') + '"';
  const std::string of_1500 = '"' + std::string(1500, 'x') + '"';
  EXPECT_EQ(code(publish(in("small/one", of_600))), "payload_too_large");
  EXPECT_EQ(code(publish(in("rooms/one", of_600))), "");
  EXPECT_EQ(code(publish(in("rooms/one", of_1500))), "payload_too_large");
  EXPECT_EQ(code(publish(in("large/one", of_1500))), "");
  EXPECT_EQ(code(publish(in("large/one", of_1500 + of_1500))), "payload_too_large");
}

TEST_F(PublishingTest, judges_the_author_again_on_the_writer) {
  const hub::TopicRules only_admins(
      {{"t", hub::Audience::everyone_bits, hub::Audience::admin_bits, 1, {}, hub::PresenceMode::off, false}});
  Publishing publishing(db_.hub, db_.writer, only_admins, db_.clock, 1000);
  const auto attempt = [&](const Author& author) {
    PublishOrder order = publishing.accept(author, in("t")).value();
    return run_task([&] { return publishing.publish(std::move(order)); });
  };
  EXPECT_EQ(code(attempt({7, Role::admin})), "forbidden") << "he has been demoted since";
  set_user(8, "admin", "disabled");
  EXPECT_EQ(code(attempt({8, Role::admin})), "invalid_token");
  EXPECT_EQ(code(attempt({9, Role::admin})), "invalid_token");
  set_user(8, "admin", "active");
  EXPECT_EQ(code(attempt({8, Role::admin})), "");
  EXPECT_EQ(db_.writer.committed_seq(), 1);
}

TEST_F(PublishingTest, a_repeated_request_is_done_once) {
  const Published first = publish(in("rooms/one", "1", "key")).value();
  db_.clock.advance(4min);
  const Published again = publish(in("rooms/one", "1", "key")).value();
  EXPECT_EQ(again.seq, first.seq);
  EXPECT_EQ(again.time, first.time);
  EXPECT_EQ(db_.writer.committed_seq(), 1);
  EXPECT_EQ(code(publish(in("rooms/one", "2", "key"))), "idempotency_mismatch");
  Publication other_type = in("rooms/one", "1", "key");
  other_type.type = "other";
  EXPECT_EQ(code(publish(other_type)), "idempotency_mismatch");
}

TEST_F(PublishingTest, a_key_is_of_a_user_and_a_topic) {
  set_user(8, "user", "active");
  publish(in("rooms/one", "1", "key")).value();
  EXPECT_EQ(publish(in("rooms/two", "2", "key")).value().seq, 2);
  EXPECT_EQ(publish(in("rooms/one", "3", "key"), {8, Role::user}).value().seq, 3);
  EXPECT_EQ(publish(in("rooms/one", "4", "kez")).value().seq, 4);
}

TEST_F(PublishingTest, a_volatile_event_is_published_once_per_key) {
  const Published first = publish(in("live/one", "1", "key")).value();
  EXPECT_EQ(first.seq, 0);
  db_.clock.advance(1s);
  EXPECT_EQ(publish(in("live/one", "1", "key")).value().time, first.time);
  EXPECT_EQ(code(publish(in("live/one", "2", "key"))), "idempotency_mismatch");
  EXPECT_EQ(db_.writer.committed_seq(), 0);
}

TEST_F(PublishingTest, a_key_holds_five_minutes_and_is_then_forgotten) {
  for (int i = 0; i < 40; ++i) publish(in("rooms/one", "1", "key" + std::to_string(i))).value();
  db_.clock.advance(5min);
  EXPECT_EQ(publish(in("rooms/one", "2", "key0")).value().seq, 41);
  for (int i = 0; i < 3; ++i) publish(in("rooms/one", "1", "new" + std::to_string(i))).value();
  EXPECT_EQ(count("SELECT count(*) FROM idempotency_keys"), 4);
}

TEST_F(PublishingTest, a_refused_publish_leaves_no_key) {
  PublishOrder order = publishing_.accept({9, Role::user}, in("rooms/one", "1", "key")).value();
  EXPECT_FALSE(run_task([&] { return publishing_.publish(std::move(order)); }));
  EXPECT_EQ(count("SELECT count(*) FROM idempotency_keys"), 0);
}

TEST_F(PublishingTest, history_is_read_page_by_page) {
  for (int i = 1; i <= 5; ++i) {
    publish(in("rooms/one", std::to_string(i))).value();
    publish(in("rooms/two", "0")).value();
  }
  const HistoryPage first = history({.topic = "rooms/one", .limit = 2});
  EXPECT_EQ(first.next, 3);
  EXPECT_TRUE(first.more);
  EXPECT_EQ(first.gap, "");
  const HistoryPage last = history({.topic = "rooms/one", .since = Position{"here", 5}, .limit = 2});
  EXPECT_FALSE(last.more) << "exactly as many as were asked for";
  EXPECT_EQ(last.next, 10);
  EXPECT_EQ(data_of(last), (std::vector<std::string>{"4", "5"}));
  EXPECT_TRUE(history({.topic = "rooms/one", .since = Position{"", 10}}).events.empty());
}

TEST_F(PublishingTest, history_ends_where_the_shard_that_judges_it_stands) {
  for (int i = 1; i <= 3; ++i) publish(in("rooms/one", std::to_string(i))).value();
  const HistoryPage page = history({.topic = "rooms/one", .applied = 2});
  EXPECT_EQ(data_of(page), (std::vector<std::string>{"1", "2"}));
  EXPECT_EQ(page.next, 2);
  EXPECT_FALSE(page.more);
  const HistoryPage ahead = history({.topic = "rooms/one", .since = Position{"here", 3}, .applied = 2});
  EXPECT_EQ(ahead.gap, "") << "another shard may be further";
  EXPECT_EQ(ahead.next, 3) << "no position goes back";
  EXPECT_EQ(ahead.head, 3);
}

TEST_F(PublishingTest, history_of_a_topic_that_gathers_keeps_its_limit_and_loses_nothing) {
  constexpr int beyond_one_read = 5'001;
  const auto add = [&](int count, const std::string& topic) {
    const auto unit = [&](storage::UnitOfWork& work) -> Result<storage::Nothing> {
      for (int i = 0; i < count; ++i)
        eventlog::append(work, {"message", "1", hub::Audience::everyone(), topic});
      return storage::Nothing{};
    };
    ASSERT_TRUE(db_.commit(unit));
  };
  add(3, "flags/a");
  for (int i = 0; i < 5; ++i) {
    add(beyond_one_read, "rooms/one");
    add(i == 0 ? 4 : 1, "flags/b");
    add(1, "flags/b/staging");
  }
  std::size_t found = 0;
  Seq last = 0;
  Wish wish{.topic = "flags", .limit = 3};
  for (bool more = true; more;) {
    const HistoryPage page = history(wish);
    EXPECT_LE(page.events.size(), 3U);
    for (const hub::EventRef& event : page.events) EXPECT_GT(event->seq(), std::exchange(last, event->seq()));
    found += page.events.size();
    wish.since = Position{"here", page.next};
    more = page.more;
  }
  EXPECT_EQ(found, 11U);
}

TEST_F(PublishingTest, history_is_what_the_rule_still_keeps) {
  for (int i = 1; i <= 5; ++i) publish(in("short/one", std::to_string(i))).value();
  const HistoryPage all = history({.topic = "short/one"});
  EXPECT_EQ(all.gap, "");
  EXPECT_EQ(data_of(all).front(), "3");
  const HistoryPage missed = history({.topic = "short/one", .since = Position{"here", 1}});
  EXPECT_EQ(missed.gap, "expired");
  EXPECT_EQ(data_of(missed), data_of(all)) << "what is left comes all the same";
  EXPECT_EQ(history({.topic = "short/one", .since = Position{"here", 2}}).gap, "");
  db_.clock.advance(61s);
  EXPECT_TRUE(history({.topic = "short/one"}).events.empty());
}

TEST_F(PublishingTest, history_of_another_log_is_a_gap) {
  publish(in("rooms/one")).value();
  EXPECT_EQ(history({.topic = "rooms/one", .since = Position{"there", 0}}).gap, "foreign_epoch");
  EXPECT_EQ(history({.topic = "rooms/one", .since = Position{"here", 2}}).gap, "ahead");
  EXPECT_EQ(history({.topic = "rooms/one", .since = Position{"here", 2}}).head, 1);
}

TEST_F(PublishingTest, a_topic_that_keeps_nothing_has_no_history) {
  publish(in("live/one")).value();
  const HistoryPage page = history({.topic = "live/one"});
  EXPECT_TRUE(page.events.empty());
  EXPECT_FALSE(page.more);
}

TEST_F(PublishingTest, answers_with_seq_topic_and_time) {
  EXPECT_EQ(answer_text({.seq = 7, .time = 0}, "rooms/one"),
            R"({"seq":7,"topic":"rooms/one","timestamp":"1970-01-01T00:00:00.000Z"})");
  EXPECT_EQ(answer_text({}, "t"), R"({"topic":"t","timestamp":"1970-01-01T00:00:00.000Z"})");
}

// What all share is not one user's to fill.
TEST_F(PublishingTest, T62_a_user_may_add_so_many_bytes_to_the_log_in_an_hour) {
  Publishing publishing(db_.hub, db_.writer, rules_, db_.clock, 1000, {4096, std::chrono::hours(1), 4096});
  set_user(8, "user", "active");
  set_user(9, "admin", "active");
  const auto publish_as = [&](const Author& author, const std::string& topic) {
    Result<PublishOrder> order = publishing.accept(author, in(topic, R"("x")"));
    return order ? std::string("ok") : std::string(name(order.error().code));
  };
  const Author user{.user_id = 7};
  for (int i = 0; i < 7; ++i) EXPECT_EQ(publish_as(user, "rooms/one"), "ok");
  EXPECT_EQ(publish_as(user, "rooms/two"), "rate_limited");
  EXPECT_EQ(publish_as({.user_id = 8}, "rooms/one"), "ok");
  EXPECT_EQ(publish_as({.user_id = 7, .exempt = true}, "rooms/one"), "ok");
  EXPECT_EQ(publish_as({.user_id = 9, .role = Role::admin}, "rooms/one"), "ok");
  db_.clock.advance(std::chrono::minutes(10));
  EXPECT_EQ(publish_as(user, "rooms/one"), "ok");
  EXPECT_EQ(publish_as(user, "rooms/one"), "rate_limited");
}

TEST_F(PublishingTest, T62_what_is_not_added_to_the_log_is_not_counted) {
  Publishing publishing(db_.hub, db_.writer, rules_, db_.clock, 1000, {1200, std::chrono::hours(1), 1200});
  const auto publish = [&](const std::string& data) {
    Result<PublishOrder> order = publishing.accept({.user_id = 7}, in("rooms/one", data, "key"));
    if (!order) return std::string(name(order.error().code));
    const Result<Published> done = run_task([&] { return publishing.publish(std::move(*order)); });
    return done ? std::string("ok") : std::string(name(done.error().code));
  };
  for (int i = 0; i < 5; ++i) {
    EXPECT_EQ(publish("1"), "ok") << "the first is added, the others are answered from their key";
    EXPECT_EQ(publish("2"), "idempotency_mismatch");
  }
}

}  // namespace
}  // namespace corohub::gateway
