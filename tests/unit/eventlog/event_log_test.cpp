#include "eventlog/event_log.hpp"

#include "support/test_database.hpp"

#include <future>

#include <boost/asio/co_spawn.hpp>
#include <gtest/gtest.h>

namespace corohub::eventlog {
namespace {

using hub::Audience;
using hub::EventDraft;
using hub::Identity;
using storage::Committed;
using storage::Nothing;
using storage::Snapshot;
using storage::UnitOfWork;

Identity identity(UserId user, Role role) { return Identity{user, role, {}}; }

class EventLogTest : public testing::Test {
 protected:
  Seq add(std::string type, Audience audience, std::string data = "{}") {
    const auto unit = [&](UnitOfWork& work) -> Result<Seq> {
      return append(work, EventDraft{type, data, audience});
    };
    return db_.commit(unit).value().value;
  }

  Page page(PageRequest request) {
    return db_.read([&](Snapshot& snapshot) { return read_page(snapshot, request); }).value();
  }

  static std::string seqs(const Page& page) {
    std::string out;
    for (const hub::EventRef& event : page.events) out += std::to_string(event->seq()) + " ";
    return out;
  }

  void retain_from(Seq floor) {
    const auto unit = [&](UnitOfWork& work) -> Result<Nothing> {
      work.query("DELETE FROM events WHERE seq <= ?").bind(floor).run();
      work.query("UPDATE meta SET value = ? WHERE key = 'log_floor'").bind(std::to_string(floor)).run();
      return Nothing{};
    };
    ASSERT_TRUE(db_.commit(unit));
  }

  test::TestDatabase db_;
};

TEST_F(EventLogTest, an_event_has_its_seq_and_the_time_of_its_commit_in_every_reading) {
  const auto unit = [](UnitOfWork& work) -> Result<Seq> {
    append(work, EventDraft{"user.created", R"({"user_id":1})", Audience::admins()});
    return append(work, EventDraft{"user.created", R"({"user_id":2})", Audience::admins()});
  };
  const Result<Committed<Seq>> answer = db_.commit(unit);
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->value, 2);
  EXPECT_EQ(answer->seq, 2);
  EXPECT_EQ(db_.writer.committed_seq(), 2);

  const Page first = page({.since = 0, .own = identity(9, Role::admin), .types = {}});
  ASSERT_EQ(seqs(first), "1 2 ");
  EXPECT_EQ(first.events[0]->text(),
            R"({"type":"user.created","data":{"user_id":1},"timestamp":"2026-01-06T10:30:01.123Z","seq":1})");
  EXPECT_EQ(first.events[0]->audience(), Audience::admins());
  EXPECT_EQ(first.next, 2);
  EXPECT_EQ(first.head, 2);
  EXPECT_FALSE(first.more);
}

TEST_F(EventLogTest, what_a_front_end_knows_of_an_event_is_kept_with_it_and_counts_as_bytes) {
  const std::string attributes = R"({"content_type":"text/plain"})";
  const auto unit = [&](UnitOfWork& work) -> Result<Seq> {
    append(work, EventDraft{"a", "1", Audience::everyone()});
    append(work, EventDraft{"a", "1", Audience::everyone(), {}, attributes});
    return append(work, EventDraft{"a", "1", Audience::everyone(), "rooms/a", attributes});
  };
  ASSERT_TRUE(db_.commit(unit));
  const auto attributes_of = [](const std::vector<hub::EventRef>& events) {
    std::vector<std::string> all;
    for (const hub::EventRef& event : events) all.emplace_back(event->attributes());
    return all;
  };
  const std::vector<std::string> expected{"", attributes, attributes};
  EXPECT_EQ(
      attributes_of(page({.since = 0, .own = identity(9, Role::user), .topics = {{"rooms/a", 1, 0}}}).events),
      expected);
  const auto recent = [](Snapshot& snapshot) {
    return Result<hub::LogState>(read_recent(snapshot, "epoch", {}, hub::TopicRules()));
  };
  EXPECT_EQ(attributes_of(db_.read(recent).value().recent), expected);
  const auto sums = [](Snapshot& snapshot) -> Result<std::string> {
    storage::Query query = snapshot.query("SELECT bytes_total FROM events ORDER BY seq");
    std::string all;
    while (query.next()) all += query.text(0) + " ";
    return all;
  };
  EXPECT_EQ(db_.read(sums).value(), "2 33 38 ");
}

TEST_F(EventLogTest, a_refused_unit_leaves_no_event_and_gives_its_seq_back) {
  add("a.b", Audience::everyone());
  const auto refused = [](UnitOfWork& work) -> Result<Nothing> {
    append(work, EventDraft{"no", "{}", Audience::everyone()});
    return Error(ErrorCode::email_taken);
  };
  EXPECT_FALSE(db_.commit(refused));
  EXPECT_EQ(add("c.d", Audience::everyone()), 2);
  EXPECT_EQ(seqs(page({.own = identity(1, Role::user), .types = {}})), "1 2 ");
}

TEST_F(EventLogTest, T48_each_sees_what_his_role_and_id_allow_now) {
  add("everyone", Audience::everyone());           // 1
  add("admins", Audience::admins());               // 2
  add("exactly", Audience::exactly(Role::admin));  // 3
  add("user", Audience::user(7));                  // 4
  add("both", Audience::user_and_admins(7));       // 5
  add("nobody", Audience::one_connection());       // 6
  const auto sees = [&](UserId user, Role role) {
    return seqs(page({.own = identity(user, role), .types = {}}));
  };
  EXPECT_EQ(sees(7, Role::user), "1 4 5 ");
  EXPECT_EQ(sees(8, Role::user), "1 ");
  EXPECT_EQ(sees(0, Role::user), "1 ");
  EXPECT_EQ(sees(8, Role::admin), "1 2 3 5 ");
  EXPECT_EQ(sees(7, Role::admin), "1 2 3 4 5 ");
  EXPECT_EQ(sees(8, Role::superadmin), "1 2 5 ");
}

TEST_F(EventLogTest, the_audience_rule_in_sql_is_that_of_the_hub) {
  std::vector<Audience> audiences;
  for (int roles = 0; roles < 8; ++roles)
    for (const UserId user : {0, 7, 8}) {
      audiences.push_back({static_cast<std::uint8_t>(roles), user});
      add("x", audiences.back());
    }
  for (const Role role : {Role::user, Role::admin, Role::superadmin})
    for (const UserId user : {0, 7, 9}) {
      std::string expected;
      for (std::size_t i = 0; i < audiences.size(); ++i)
        if (audiences[i].includes(identity(user, role))) expected += std::to_string(i + 1) + " ";
      EXPECT_EQ(seqs(page({.own = identity(user, role), .types = {}})), expected);
    }
}

TEST_F(EventLogTest, pages_follow_one_another_past_what_is_filtered_out) {
  for (int i = 0; i < 5; ++i) {
    add("a.one", Audience::everyone());
    add("b.two", Audience::everyone());
  }
  add("b.two", Audience::everyone());
  PageRequest request{.since = 0, .own = identity(1, Role::user), .limit = 3, .types = {"a.*"}};
  Page got = page(request);
  EXPECT_EQ(seqs(got), "1 3 5 ");
  EXPECT_EQ(got.next, 5);
  EXPECT_TRUE(got.more);
  request.since = got.next;
  got = page(request);
  EXPECT_EQ(seqs(got), "7 9 ");
  EXPECT_EQ(got.next, 11);
  EXPECT_FALSE(got.more);
  request.since = got.next;
  got = page(request);
  EXPECT_EQ(seqs(got), "");
  EXPECT_EQ(got.next, 11);
  EXPECT_FALSE(got.more);
}

TEST_F(EventLogTest, a_page_looks_at_a_bounded_number_of_rows) {
  const auto many = [](UnitOfWork& work) -> Result<Nothing> {
    for (int i = 0; i < 5'500; ++i) append(work, EventDraft{"x", "{}", Audience::user(7)});
    append(work, EventDraft{"y", "{}", Audience::everyone()});
    return Nothing{};
  };
  ASSERT_TRUE(db_.commit(many));
  Page got = page({.since = 0, .own = identity(1, Role::user), .types = {}});
  EXPECT_EQ(seqs(got), "");
  EXPECT_EQ(got.next, 5'000);
  EXPECT_TRUE(got.more);
  got = page({.since = got.next, .own = identity(1, Role::user), .types = {}});
  EXPECT_EQ(seqs(got), "5501 ");
  EXPECT_FALSE(got.more);
}

TEST_F(EventLogTest, a_page_ends_where_its_reader_says_as_if_the_log_did) {
  for (int i = 1; i <= 3; ++i) add("x", Audience::admins());
  const auto until = [this](Seq end, Seq since) {
    return page({.since = since, .until = end, .own = identity(1, Role::admin)});
  };
  const Page all = until(2, 0);
  EXPECT_EQ(seqs(all), "1 2 ");
  EXPECT_EQ(all.next, 2);
  EXPECT_FALSE(all.more);
  EXPECT_EQ(all.head, 3);
  const Page ahead = until(2, 3);
  EXPECT_EQ(seqs(ahead), "");
  EXPECT_EQ(ahead.next, 3) << "no position goes back";
  EXPECT_FALSE(ahead.more);
}

TEST_F(EventLogTest, a_page_is_bounded_in_bytes) {
  const std::string big = "\"" + std::string(400'000, 'x') + "\"";
  for (int i = 0; i < 4; ++i) add("x", Audience::everyone(), big);
  const Page got = page({.since = 0, .own = identity(1, Role::user), .types = {}});
  EXPECT_EQ(seqs(got), "1 2 3 ");
  EXPECT_EQ(got.next, 3);
  EXPECT_TRUE(got.more);
}

TEST_F(EventLogTest, retention_shows_as_the_floor_and_the_head_stays) {
  for (int i = 0; i < 4; ++i) add("x", Audience::everyone());
  retain_from(3);
  Page got = page({.since = 0, .own = identity(1, Role::user), .types = {}});
  EXPECT_EQ(seqs(got), "4 ");
  EXPECT_EQ(got.floor, 3);
  retain_from(4);
  got = page({.since = 0, .own = identity(1, Role::user), .types = {}});
  EXPECT_EQ(seqs(got), "");
  EXPECT_EQ(got.floor, 4);
  EXPECT_EQ(got.head, 4);
  EXPECT_EQ(got.next, 4);
  EXPECT_FALSE(got.more);
  EXPECT_EQ(add("x", Audience::everyone()), 5);
}

TEST_F(EventLogTest, a_shard_begins_with_the_newest_and_knows_from_where) {
  for (int i = 0; i < 5; ++i) add("x", Audience::everyone());
  const auto recent = [&](hub::TailLimits limits) {
    const auto read = [limits](Snapshot& snapshot) {
      return Result<hub::LogState>(read_recent(snapshot, "epoch", limits, hub::TopicRules()));
    };
    return db_.read(read).value();
  };
  const auto seqs_of = [](const hub::LogState& log) {
    std::string out;
    for (const hub::EventRef& event : log.recent) out += std::to_string(event->seq()) + " ";
    return out;
  };
  hub::LogState log = recent({.events = 3, .bytes = 1 << 20});
  EXPECT_EQ(seqs_of(log), "3 4 5 ");
  EXPECT_EQ(log.recent_after, 2);
  EXPECT_EQ(log.head, 5);
  EXPECT_EQ(log.epoch, "epoch");

  log = recent({.events = 9, .bytes = 1 << 20});
  EXPECT_EQ(seqs_of(log), "1 2 3 4 5 ");
  EXPECT_EQ(log.recent_after, 0);
  log = recent({.events = 9, .bytes = 2 * log.recent.front()->text().size()});
  EXPECT_EQ(seqs_of(log), "4 5 ");
  EXPECT_EQ(log.recent_after, 3);

  retain_from(5);
  log = recent({});
  EXPECT_EQ(seqs_of(log), "");
  EXPECT_EQ(log.recent_after, 5);
  EXPECT_EQ(log.head, 5);
}

TEST_F(EventLogTest, a_position_ahead_of_the_log_finds_nothing) {
  add("x", Audience::everyone());
  const Page got = page({.since = INT64_MAX, .own = identity(1, Role::user), .types = {}});
  EXPECT_EQ(seqs(got), "");
  EXPECT_EQ(got.next, INT64_MAX);
  EXPECT_FALSE(got.more);
}

TEST(MatchesTypes, exact_by_family_or_all) {
  EXPECT_TRUE(matches_types("user.created", {}));
  EXPECT_TRUE(matches_types("user.created", {"user.created"}));
  EXPECT_TRUE(matches_types("user.role.changed", {"system.alert", "user.*"}));
  EXPECT_TRUE(matches_types("anything", {"*"}));
  EXPECT_FALSE(matches_types("user.created", {"user"}));
  EXPECT_FALSE(matches_types("users.created", {"user.*"}));
  EXPECT_FALSE(matches_types("user", {"user.*"}));
  EXPECT_FALSE(matches_types("user.created", {"user*"}));
  EXPECT_FALSE(matches_types("user.created", {"USER.*", ""}));
}

// ---- through the hub ----

class TextForm final : public hub::Form {
 public:
  hub::FrameRef encode(const hub::Event& event, std::string_view) const override {
    return hub::Frame::make("", event.text(), event.audience());
  }
};

// A connection that only counts.
class CountingMember final : public hub::Member {
 public:
  explicit CountingMember(const hub::OutboxLimits& limits) : Member(ClientId::random(), limits) {}
  const hub::Form& form() const noexcept override {
    static const TextForm form;
    return form;
  }
  void close(CloseReason why) noexcept override { reason = why; }
  void role_changed() noexcept override {}
  void subscription_lost(const hub::Subscription&) noexcept override {}
  hub::MemberInfo info() const override { return {}; }

  std::optional<CloseReason> reason;
};

class PublisherTest : public testing::Test {
 protected:
  PublisherTest() { db_.hub.set_shards({&shard_}); }
  ~PublisherTest() override {
    db_.writer.stop();
    shard_.stop();
    context_.restart();
    context_.poll();
  }

  // Runs the unit and the shard on one thread until it is answered.
  template <class F>
  auto commit(F unit) {
    return test::run_task(context_, [&] { return db_.writer.commit(std::move(unit)); });
  }

  test::TestDatabase db_;
  asio::io_context context_{1};
  hub::Shard shard_{context_, db_.clock};
  hub::OutboxLimits limits_;
};

TEST_F(PublisherTest, an_answer_counts_the_outboxes_of_its_own_events) {
  CountingMember user(limits_);
  CountingMember admin(limits_);
  shard_.attach(user, identity(7, Role::user));
  shard_.attach(admin, identity(8, Role::admin));
  const auto unit = [](UnitOfWork& work) -> Result<Nothing> {
    append(work, EventDraft{"user.updated", "{}", Audience::user_and_admins(7)});
    append(work, EventDraft{"profile.updated", "{}", Audience::user(7)});
    return Nothing{};
  };
  const auto answer = commit(unit);
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->reached, 3U);
  EXPECT_EQ(user.outbox().messages(), 2U);
  EXPECT_EQ(admin.outbox().messages(), 1U);
  EXPECT_EQ(shard_.head(), 2);
  shard_.detach(user);
  shard_.detach(admin);
}

TEST_F(PublisherTest, T30_a_change_of_rights_follows_its_own_event_and_is_not_counted) {
  CountingMember user(limits_);
  shard_.attach(user, identity(7, Role::user));
  const auto unit = [](UnitOfWork& work) -> Result<Nothing> {
    append(work, EventDraft{"password.changed", "{}", Audience::user(7)});
    change_account(work, hub::AccountChanged{7, nullptr, CloseReason::account_deleted});
    append(work, EventDraft{"user.updated", "{}", Audience::user(7)});
    return Nothing{};
  };
  const auto answer = commit(unit);
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->reached, 1U);
  EXPECT_EQ(user.outbox().messages(), 1U);
  EXPECT_EQ(user.reason, CloseReason::account_deleted);
  shard_.detach(user);
}

}  // namespace
}  // namespace corohub::eventlog
