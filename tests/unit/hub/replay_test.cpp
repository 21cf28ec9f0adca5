// The way from a position to the present, and the tail it is helped by.
#include "hub/replay.hpp"

#include "hub/tail.hpp"
#include "support.hpp"

#include <algorithm>
#include <deque>

#include <gmock/gmock.h>

namespace corohub::hub::test {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

EventRef numbered(Seq seq, Audience audience = Audience::everyone()) {
  return event("e" + std::to_string(seq), audience, seq);
}

std::vector<Seq> seqs(const Tail& tail, Seq after) {
  std::vector<Seq> out;
  for (std::size_t i = tail.after(after); i < tail.size(); ++i) out.push_back(tail.at(i)->seq());
  return out;
}

TEST(Tail, keeps_the_newest_and_says_where_they_begin) {
  Tail tail({.events = 3, .bytes = 1 << 20});
  tail.begin_at(4);
  EXPECT_EQ(tail.base(), 4);
  for (const Seq seq : {5, 6, 9}) tail.push(numbered(seq));
  EXPECT_EQ(tail.base(), 4);
  EXPECT_THAT(seqs(tail, 0), ElementsAre(5, 6, 9));
  tail.push(numbered(10));
  EXPECT_EQ(tail.base(), 5);
  EXPECT_THAT(seqs(tail, 5), ElementsAre(6, 9, 10));
  EXPECT_THAT(seqs(tail, 7), ElementsAre(9, 10));
  EXPECT_THAT(seqs(tail, 10), IsEmpty());
}

TEST(Tail, T62_is_bounded_in_bytes_too) {
  const std::size_t size = numbered(1)->text().size();
  Tail tail({.events = 100, .bytes = 2 * size});
  for (Seq seq = 1; seq <= 3; ++seq) tail.push(numbered(seq));
  EXPECT_THAT(seqs(tail, 0), ElementsAre(2, 3));
  tail.push(EventRef(new Event({"large", std::string(3 * size, ' ') + "1", Audience::everyone()}, 4, 0)));
  EXPECT_EQ(tail.size(), 0U);
  EXPECT_EQ(tail.base(), 4);
}

TEST(Tail, T62_forgets_what_has_left_the_log) {
  Tail tail({.events = 100, .bytes = 1 << 20});
  for (Seq seq = 1; seq <= 3; ++seq) tail.push(numbered(seq));
  tail.forget(2);
  EXPECT_EQ(tail.base(), 2);
  EXPECT_THAT(seqs(tail, 0), ElementsAre(3));
  tail.forget(1);
  EXPECT_EQ(tail.base(), 2);
  tail.forget(5);
  EXPECT_EQ(tail.base(), 5);
  EXPECT_EQ(tail.size(), 0U);
}

TEST(ReadPermits, are_given_in_the_order_they_were_asked_for) {
  struct Asker final : ReadPermits::Waiter {
    void permitted(ReadPermits::Permit given) noexcept override { permit = std::move(given), has = true; }
    ReadPermits::Permit permit;
    bool has = false;
  };
  ReadPermits permits(1);
  Asker first;
  Asker third;
  auto second = std::make_unique<Asker>();
  permits.ask(first);
  permits.ask(*second);
  permits.ask(third);
  EXPECT_TRUE(first.has);
  EXPECT_FALSE(second->has);
  second.reset();  // whoever leaves does not hold up the line
  first.permit.give_back();
  EXPECT_TRUE(third.has);
}

// A log, and a member that reads it when it is told to.
class Reader final : public ReplayOwner {
 public:
  Reader(OneShard& one, Identity who, Seq since, const OutboxLimits& limits = FakeMember::default_limits())
      : member(one.shard, who, limits), replay(one.shard, member, *this, since) {}

  void read_page(const Replay&, ReadPermits::Permit given, PageWish asked) noexcept override {
    permit = std::move(given);
    wish = asked;
  }
  void replay_gap(const Replay&, Seq from, Seq to) override { gaps.emplace_back(from, to); }
  void replay_failed() noexcept override { failed = true; }

  static bool is_in(const Event& event, const PageWish& wish) {
    if (event.topic().empty()) return wish.own && event.audience().includes(*wish.own);
    return std::ranges::any_of(wish.topics, [&](const TopicScope& scope) {
      return scope.topic == event.topic() && event.seq() > scope.floor;
    });
  }
  // One snapshot of the log; what is visible is decided by the wish.
  static LogPage page_of(const std::deque<EventRef>& log, const PageWish& wish, Seq floor) {
    LogPage page;
    page.floor = floor;
    page.scanned_to = std::max(wish.after, floor);
    for (const EventRef& each : log) {
      if (each->seq() <= page.scanned_to) continue;
      page.scanned_to = each->seq();
      if (is_in(*each, wish)) page.events.push_back(each);
      if (page.events.size() == wish.events_max) break;
    }
    return page;
  }
  void bring(const LogPage& page) {
    wish.reset();
    permit.give_back();
    replay.page_read(page);
  }

  FakeMember member;
  Replay replay;
  ReadPermits::Permit permit;
  std::optional<PageWish> wish;
  std::vector<std::pair<Seq, Seq>> gaps;
  bool failed = false;
};

const Identity ann{1, Role::user, {}};

void publish(OneShard& one, Seq from, Seq to, Audience audience = Audience::everyone()) {
  std::vector<Entry> entries;
  for (Seq seq = from; seq <= to; ++seq) entries.emplace_back(numbered(seq, audience));
  one.publish(std::move(entries));
}

TEST(Replay, what_the_tail_has_comes_in_one_turn_and_then_live_events) {
  OneShard one;
  publish(one, 1, 4);
  Reader ann_again(one, ann, 2);
  publish(one, 5, 5);  // not queued while it is not live
  EXPECT_THAT(ann_again.member.log, IsEmpty());
  EXPECT_TRUE(ann_again.replay.advance());
  publish(one, 6, 6);
  EXPECT_THAT(ann_again.member.log, ElementsAre("e3", "e4", "e5", "e6"));
}

TEST(Replay, a_position_ahead_of_this_shard_skips_what_is_on_its_way) {
  OneShard one;
  publish(one, 1, 1);
  Reader reader(one, ann, 3);
  EXPECT_TRUE(reader.replay.advance());
  publish(one, 2, 4);
  EXPECT_THAT(reader.member.log, ElementsAre("e4"));
}

TEST(Replay, sees_only_what_its_rights_and_types_allow) {
  OneShard one;
  publish(one, 1, 1);
  publish(one, 2, 2, Audience::admins());
  publish(one, 3, 3, Audience::user(1));
  Reader reader(one, ann, 0);
  EXPECT_TRUE(reader.replay.advance());
  EXPECT_THAT(reader.member.log, ElementsAre("e1", "e3"));

  FakeMember picky(one.shard, ann);
  picky.set_filter(filter_of_types({"e3", "e4"}));
  Replay again(one.shard, picky, reader, 0);
  EXPECT_TRUE(again.advance());
  publish(one, 4, 5);
  EXPECT_THAT(picky.log, ElementsAre("e3", "e4"));
}

TEST(Replay, before_the_tail_it_reads_pages_and_tells_what_has_expired) {
  OneShard one({.tail = {.events = 2, .bytes = 1 << 20}});
  std::deque<EventRef> log;
  for (Seq seq = 1; seq <= 6; ++seq) log.push_back(numbered(seq));
  publish(one, 1, 6);
  Reader reader(one, ann, 1);
  EXPECT_FALSE(reader.replay.advance());
  ASSERT_TRUE(reader.wish);
  EXPECT_EQ(reader.wish->after, 1);
  reader.bring(Reader::page_of(log, *reader.wish, 3));
  EXPECT_THAT(reader.gaps, ElementsAre(std::pair<Seq, Seq>(1, 3)));
  EXPECT_TRUE(reader.replay.advance());
  EXPECT_THAT(reader.member.log, ElementsAre("e4", "e5", "e6"));
}

TEST(Replay, a_page_read_with_other_rights_is_thrown_away) {
  OneShard one({.tail = {.events = 1, .bytes = 1 << 20}});
  std::deque<EventRef> log{numbered(1, Audience::admins()), numbered(2), numbered(3)};
  one.publish({log[0], log[1], log[2]});
  const SessionId login{};
  Reader reader(one, {1, Role::admin, login}, 0);
  EXPECT_FALSE(reader.replay.advance());
  const LogPage seen_as_admin = Reader::page_of(log, *reader.wish, 0);
  one.publish({AccountChanged{1, account(1, Role::user, {login}), CloseReason::session_revoked}});
  reader.bring(seen_as_admin);
  EXPECT_THAT(reader.member.log, IsEmpty());
  EXPECT_FALSE(reader.replay.advance());
  reader.bring(Reader::page_of(log, *reader.wish, 0));
  EXPECT_TRUE(reader.replay.advance());
  EXPECT_THAT(reader.member.log, ElementsAre("e2", "e3"));
}

// The log is ahead of the shard: a demotion may be on its way, and what follows it is not for him.
TEST(Replay, T48_nothing_comes_before_the_change_of_rights_that_stands_before_it) {
  OneShard one({.tail = {.events = 1, .bytes = 1 << 20}});
  std::deque<EventRef> log{numbered(1), numbered(2), numbered(3), numbered(4, Audience::admins())};
  publish(one, 1, 3);
  const SessionId login{};
  Reader reader(one, {1, Role::admin, login}, 0);
  EXPECT_FALSE(reader.replay.advance());
  reader.bring(Reader::page_of(log, *reader.wish, 0));  // 4 is committed, not yet applied
  EXPECT_TRUE(reader.replay.advance());
  one.publish({AccountChanged{1, account(1, Role::user, {login}), CloseReason::session_revoked}, log[3]});
  EXPECT_THAT(reader.member.log, ElementsAre("e1", "e2", "e3"));
}

TEST(Replay, T60_never_fills_the_outbox_of_a_client_that_reads) {
  OneShard one;
  publish(one, 1, 2000);
  const OutboxLimits small{.messages_max = 256, .bytes_max = 1 << 20};
  Reader reader(one, ann, 0, small);
  reader.member.blocked = true;
  EXPECT_FALSE(reader.replay.advance());
  EXPECT_LE(reader.member.outbox().messages(), 193U);
  EXPECT_FALSE(reader.replay.advance());  // still full
  int rounds = 0;
  do {
    ASSERT_LT(++rounds, 100);
    reader.member.take_all();
  } while (!reader.replay.advance());
  reader.member.take_all();
  EXPECT_EQ(reader.member.log.size(), 2000U);
  EXPECT_THAT(reader.member.closed_with, IsEmpty());
}

TEST(Replay, what_leaves_together_is_flushed_once) {
  OneShard one;
  publish(one, 1, 50);
  Reader reader(one, ann, 0);
  EXPECT_TRUE(reader.replay.advance());
  EXPECT_EQ(reader.member.log.size(), 50U);
  EXPECT_EQ(reader.member.flushes, 1);
}

// What waits in a line of the shard does not wait for the client, and nobody would tell of its going.
TEST(Replay, goes_on_when_what_waits_has_not_had_its_turn) {
  ShardLimits limits;
  limits.tail.events = 4;
  OneShard one(limits);
  publish(one, 1, 50);
  const OutboxLimits small{16, 1 << 20};
  Reader reader(one, ann, 0, small);
  std::vector<std::unique_ptr<FakeMember>> crowd;
  for (std::size_t i = 0; i < Shard::sends_at_once; ++i)
    crowd.push_back(
        std::make_unique<FakeMember>(one.shard, Identity{static_cast<UserId>(i + 100), Role::user}));
  EXPECT_FALSE(reader.replay.advance());
  ASSERT_TRUE(reader.wish.has_value());
  one.put(std::vector<Entry>(6, event("volatile", Audience::everyone())));
  one.context.restart();
  one.context.run_one();
  ASSERT_EQ(reader.member.outbox().messages(), 6U);
  reader.bring(LogPage{{}, 50, 0});
  EXPECT_TRUE(reader.replay.advance());
  EXPECT_EQ(reader.member.log.size(), 6U);
}

TEST(Replay, R11_a_page_has_a_minute_and_waiting_for_a_permit_or_the_client_counts_for_nothing) {
  OneShard one({.tail = {.events = 2, .bytes = 1 << 20}});
  std::deque<EventRef> log;
  for (Seq seq = 1; seq <= 40; ++seq) log.push_back(numbered(seq));
  publish(one, 1, 40);
  const OutboxLimits small{16, 1 << 20};
  std::vector<std::unique_ptr<Reader>> others;
  for (std::size_t i = 0; i < Shard::pages_at_once; ++i) {
    others.push_back(std::make_unique<Reader>(one, ann, 0));
    others.back()->replay.advance();
  }
  Reader reader(one, ann, 0, small);
  EXPECT_FALSE(reader.replay.advance());
  one.tick(598);
  EXPECT_FALSE(others[0]->failed);
  others[0]->bring(Reader::page_of(log, *others[0]->wish, 0));
  ASSERT_TRUE(reader.wish) << "its turn has come";
  one.tick(10);
  EXPECT_TRUE(others[1]->failed) << "its page does not come";
  EXPECT_FALSE(reader.failed) << "it has waited in line";

  reader.member.blocked = true;
  reader.bring(Reader::page_of(log, *reader.wish, 0));
  EXPECT_FALSE(reader.replay.advance());
  one.tick(700);
  EXPECT_FALSE(reader.failed) << "it waits for its client";
  reader.member.take_all();
  EXPECT_FALSE(reader.replay.advance());
  ASSERT_TRUE(reader.wish);
  one.tick(610);
  EXPECT_TRUE(reader.failed);
}

}  // namespace
}  // namespace corohub::hub::test
