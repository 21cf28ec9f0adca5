#include "eventlog/retention.hpp"

#include "eventlog/event_log.hpp"
#include "eventlog/floors.hpp"
#include "support/test_database.hpp"

#include <random>
#include <thread>

#include <gtest/gtest.h>

namespace corohub::eventlog {
namespace {

using hub::Audience;
using hub::EventDraft;
using storage::Nothing;
using storage::Snapshot;
using storage::UnitOfWork;

// No limit at all; tests set the one they are about.
RetentionSettings unlimited() {
  RetentionSettings settings;
  settings.age = std::chrono::seconds(0);
  settings.rows = 0;
  settings.bytes = 0;
  return settings;
}

class Retention : public testing::Test {
 protected:
  Seq add(std::string data = "{}") {
    const auto unit = [&](UnitOfWork& work) -> Result<Seq> {
      return append(work, EventDraft{"x", data, Audience::everyone()});
    };
    return db_.commit(unit).value().value;
  }
  Seq publish(std::string data = "{}") {
    const auto unit = [&](UnitOfWork& work) -> Result<Seq> {
      return append(work, EventDraft{"x", data, Audience::everyone(), "t"});
    };
    return db_.commit(unit).value().value;
  }
  Page topic_page() {
    const auto read = [](Snapshot& snapshot) {
      PageRequest request{.own = std::nullopt, .limit = 10'000};
      request.topics.push_back({"t", hub::role_bit(Role::user), 0});
      return read_page(snapshot, request);
    };
    return db_.read(read).value();
  }
  Seq topics_floor() {
    const auto read = [](Snapshot& snapshot) -> Result<Seq> { return read_topics_floor(snapshot); };
    return db_.read(read).value();
  }
  Seq topic_floor(std::uint32_t history_count = 1000, std::string_view topic = "t") {
    const auto read = [&](Snapshot& snapshot) -> Result<Seq> {
      hub::TopicRule rule;
      rule.history_count = history_count;
      return read_topic_floor(snapshot, topic, rule, db_.clock.unix_ms());
    };
    return db_.read(read).value();
  }
  void add_many(int count) {
    const auto unit = [&](UnitOfWork& work) -> Result<Nothing> {
      for (int i = 0; i < count; ++i) append(work, EventDraft{"x", "{}", Audience::everyone()});
      return Nothing{};
    };
    ASSERT_TRUE(db_.commit(unit));
  }
  RetentionStep step(const RetentionSettings& settings) {
    const auto unit = [&](UnitOfWork& work) -> Result<RetentionStep> {
      return delete_old_events(work, settings);
    };
    return db_.commit(unit).value().value;
  }
  // To the end; how many were deleted.
  std::int64_t clean(const RetentionSettings& settings) {
    std::int64_t deleted = 0;
    for (RetentionStep done{.more = true}; done.more;) {
      done = step(settings);
      deleted += done.deleted;
    }
    return deleted;
  }
  Page page(Seq since = 0, std::size_t limit = 10'000) {
    const auto read = [&](Snapshot& snapshot) {
      return read_page(snapshot, {.since = since, .own = hub::Identity(1, Role::user), .limit = limit});
    };
    return db_.read(read).value();
  }
  static std::string seqs(const Page& page) {
    std::string out;
    for (const hub::EventRef& event : page.events) out += std::to_string(event->seq()) + " ";
    return out;
  }

  test::TestDatabase db_;
};

TEST_F(Retention, T62_without_limits_everything_stays) {
  for (int i = 0; i < 3; ++i) add();
  db_.clock.advance(std::chrono::hours(24 * 365 * 10));
  EXPECT_EQ(clean(unlimited()), 0);
  EXPECT_EQ(seqs(page()), "1 2 3 ");
  EXPECT_EQ(page().floor, 0);
}

TEST_F(Retention, T62_the_newest_rows_stay_and_the_floor_says_what_went) {
  for (int i = 0; i < 7; ++i) add();
  RetentionSettings settings = unlimited();
  settings.rows = 3;
  EXPECT_EQ(clean(settings), 4);
  EXPECT_EQ(seqs(page()), "5 6 7 ");
  EXPECT_EQ(page().floor, 4);
  EXPECT_EQ(clean(settings), 0);
  EXPECT_EQ(page().floor, 4);
}

TEST_F(Retention, T62_what_is_too_old_goes) {
  add();
  add();
  db_.clock.advance(std::chrono::seconds(60));
  add();
  RetentionSettings settings = unlimited();
  settings.age = std::chrono::seconds(60);
  EXPECT_EQ(clean(settings), 0);
  db_.clock.advance(std::chrono::milliseconds(1));
  EXPECT_EQ(clean(settings), 2);
  EXPECT_EQ(seqs(page()), "3 ");
  EXPECT_EQ(page().floor, 2);
}

TEST_F(Retention, T62_what_is_too_large_together_goes) {
  const std::string hundred = "\"" + std::string(97, 'x') + "\"";  // 100 bytes with the type
  for (int i = 0; i < 5; ++i) add(hundred);
  RetentionSettings settings = unlimited();
  settings.bytes = 300;
  EXPECT_EQ(clean(settings), 2);
  EXPECT_EQ(seqs(page()), "3 4 5 ");
  settings.bytes = 299;
  EXPECT_EQ(clean(settings), 1);
  settings.bytes = 200;
  EXPECT_EQ(clean(settings), 0);
  settings.bytes = 99;
  EXPECT_EQ(clean(settings), 2);
  EXPECT_EQ(page().floor, 5);
}

TEST_F(Retention, a_seq_is_never_given_twice_and_the_size_starts_anew_with_an_empty_log) {
  add("\"" + std::string(500, 'x') + "\"");
  add();
  RetentionSettings settings = unlimited();
  settings.age = std::chrono::seconds(1);
  db_.clock.advance(std::chrono::seconds(2));
  EXPECT_EQ(clean(settings), 2);
  const Page empty = page();
  EXPECT_EQ(empty.head, 2);
  EXPECT_EQ(empty.floor, 2);
  EXPECT_EQ(empty.next, 2);
  EXPECT_EQ(add(), 3);
  settings = unlimited();
  settings.bytes = 100;
  EXPECT_EQ(clean(settings), 0);
}

// ---- events of accounts and of topics have budgets of their own ----

TEST_F(Retention, T62_what_is_published_does_not_push_out_what_happened_to_accounts) {
  const Seq first = add();
  for (int i = 0; i < 20; ++i) publish();
  const Seq last = add();
  RetentionSettings settings = unlimited();
  settings.rows = 3;
  EXPECT_EQ(clean(settings), 17);
  EXPECT_EQ(seqs(page()), std::to_string(first) + " " + std::to_string(last) + " ");
  EXPECT_EQ(page().floor, 0);
  EXPECT_EQ(topics_floor(), 18);
  EXPECT_EQ(seqs(topic_page()), "19 20 21 ");
  EXPECT_EQ(topic_floor(), 18);
  EXPECT_EQ(topic_floor(0, "kept nothing"), 0) << "nothing of it can have expired";
}

TEST_F(Retention, T62_nor_by_bytes) {
  const std::string hundred = "\"" + std::string(97, 'x') + "\"";  // 100 bytes with the type
  for (int i = 0; i < 2; ++i) add(hundred);
  for (int i = 0; i < 10; ++i) publish(hundred);  // 101 with the topic
  add(hundred);
  RetentionSettings settings = unlimited();
  settings.bytes = 303;
  EXPECT_EQ(clean(settings), 7);
  EXPECT_EQ(seqs(page()), "1 2 13 ");
  EXPECT_EQ(seqs(topic_page()), "10 11 12 ");
  settings.bytes = 299;
  EXPECT_EQ(clean(settings), 2);  // one more of each
  EXPECT_EQ(seqs(page()), "2 13 ");
  EXPECT_EQ(seqs(topic_page()), "11 12 ");
}

TEST_F(Retention, T62_no_event_of_a_topic_is_left_below_the_floor_of_all) {
  for (int i = 0; i < 3; ++i) publish();
  for (int i = 0; i < 5; ++i) add();
  publish();
  RetentionSettings settings = unlimited();
  settings.rows = 4;
  settings.step_rows = 2;
  EXPECT_EQ(clean(settings), 4);
  EXPECT_EQ(page().floor, 4);
  EXPECT_EQ(topics_floor(), 4);
  EXPECT_EQ(seqs(page()), "5 6 7 8 ");
  EXPECT_EQ(seqs(topic_page()), "9 ");
}

TEST_F(Retention, a_step_is_small_in_rows_and_in_bytes) {
  RetentionSettings settings = unlimited();
  settings.age = std::chrono::seconds(1);
  settings.step_rows = 3;
  add_many(7);
  db_.clock.advance(std::chrono::seconds(2));
  for (const std::int64_t expected : {3, 3, 1, 0}) {
    const RetentionStep done = step(settings);
    EXPECT_EQ(done.deleted, expected);
    EXPECT_EQ(done.more, expected > 0);
  }

  settings.step_bytes = 1000;
  for (int i = 0; i < 3; ++i) add("\"" + std::string(600, 'x') + "\"");
  db_.clock.advance(std::chrono::seconds(2));
  for (const std::int64_t expected : {1, 1, 1, 0}) EXPECT_EQ(step(settings).deleted, expected);
}

TEST_F(Retention, a_refused_unit_deletes_nothing) {
  add();
  add();
  RetentionSettings settings = unlimited();
  settings.rows = 1;
  const auto unit = [&](UnitOfWork& work) -> Result<Nothing> {
    delete_old_events(work, settings);
    return Error(ErrorCode::overloaded);
  };
  EXPECT_FALSE(db_.commit(unit));
  EXPECT_EQ(page().floor, 0);
  EXPECT_EQ(seqs(page()), "1 2 ");
}

// Whoever pages through the log meanwhile sees every event, or is told of what is gone.
TEST_F(Retention, T74_beside_writers_and_retention_a_reader_finds_no_hole_without_a_gap) {
  constexpr Seq last = 3000;
  RetentionSettings settings = unlimited();
  settings.rows = 120;
  settings.step_rows = 50;
  std::thread writer([&] {
    std::mt19937 random(7);
    for (Seq written = 0; written < last;) {
      const int count = static_cast<int>(std::min<Seq>(1 + random() % 40, last - written));
      add_many(count);
      written += count;
      step(settings);
    }
  });
  std::mt19937 random(11);
  Seq position = 0;
  std::int64_t seen = 0;
  std::int64_t lost = 0;
  while (position < last) {
    const Page got = page(position, 1 + random() % 60);
    if (got.floor > position) {
      lost += got.floor - position;
      position = got.floor;
    }
    for (const hub::EventRef& event : got.events) {
      ASSERT_EQ(event->seq(), position + 1);
      ++position;
      ++seen;
    }
    ASSERT_EQ(got.next, position);
  }
  writer.join();
  EXPECT_EQ(seen + lost, last);
  clean(settings);
  EXPECT_EQ(page().floor, last - settings.rows);
}

}  // namespace
}  // namespace corohub::eventlog
