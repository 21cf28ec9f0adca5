// The one entry for publishers, over several shards, and the bounds of their inboxes.
#include "hub/hub.hpp"

#include "core/metrics.hpp"
#include "support/allocations.hpp"
#include "unit/hub/support.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace corohub::hub::test {
namespace {

using testing::ElementsAre;

Identity who(UserId id, Role role = Role::user) { return {id, role, {}}; }

BatchRef batch_of(std::size_t events, std::size_t data_bytes = 2) {
  std::vector<Entry> entries;
  entries.reserve(events);
  for (std::size_t i = 0; i < events; ++i)
    entries.emplace_back(
        EventRef(new Event({"e", std::string(data_bytes, '1'), Audience::everyone()}, 0, 0)));
  return std::make_shared<Batch>(std::move(entries));
}

struct ThreeShards : testing::Test {
  void run() {
    context.restart();
    context.run();
  }

  ManualClock clock;
  asio::io_context context{1};
  Shard a{context, clock}, b{context, clock}, c{context, clock};
  Hub hub;
};

TEST_F(ThreeShards, the_receipt_adds_up_all_shards_and_comes_from_the_last) {
  hub.set_shards({&a, &b, &c});
  FakeMember one(a, who(1)), two(a, who(2)), three(b, who(1)), four(c, who(4, Role::admin));
  std::optional<std::vector<std::uint32_t>> said;
  hub.publish(
      std::make_shared<Batch>(std::vector<Entry>{event("all", Audience::everyone()),
                                                 event("one", Audience::user(1)), Kick{four.client_id()}},
                              std::make_unique<Receipt>(said)));
  context.restart();
  context.run_one();
  context.run_one();
  EXPECT_FALSE(said);
  context.run_one();
  ASSERT_TRUE(said);
  EXPECT_THAT(*said, ElementsAre(4, 2, 1));
}

TEST_F(ThreeShards, a_volatile_batch_goes_to_all_or_to_none) {
  Shard narrow(context, clock, {.inbox_entries = 2});
  hub.set_shards({&a, &narrow, &c});
  FakeMember first(a, who(1)), last(c, who(2));
  metrics::Counter& refused = metrics::counter("corohub_publish_refused_total", "");
  const double before = refused.Value();
  EXPECT_TRUE(hub.try_publish(batch_of(1)));
  EXPECT_TRUE(hub.try_publish(batch_of(5))) << "admitted whole when there is any room";
  EXPECT_FALSE(hub.try_publish(batch_of(1)));
  EXPECT_EQ(refused.Value() - before, 1);
  run();
  EXPECT_EQ(first.log.size(), 6U);
  EXPECT_EQ(last.log.size(), 6U);
  EXPECT_TRUE(hub.try_publish(batch_of(1)));
}

// Memory that fails between two shards would leave half an event, or a shard that nobody wakes.
TEST_F(ThreeShards, what_is_published_needs_no_memory) {
  hub.set_shards({&a, &b, &c});
  std::optional<std::vector<std::uint32_t>> said;
  std::vector<BatchRef> batches;
  for (int i = 0; i < 100; ++i)
    batches.push_back(std::make_shared<Batch>(std::vector<Entry>{event("e", Audience::everyone())},
                                              std::make_unique<Receipt>(said)));
  hub.publish(batch_of(1));
  ASSERT_TRUE(hub.try_publish(batch_of(1)));
  run();
  const corohub::test::AllocationCount allocations;
  for (std::size_t i = 0; i < batches.size(); i += 2) {
    hub.publish(batches[i]);
    ASSERT_TRUE(hub.try_publish(batches[i + 1]));
  }
  EXPECT_EQ(allocations.so_far(), 0U);
  run();
  EXPECT_TRUE(said);
}

TEST_F(ThreeShards, a_place_that_was_kept_in_vain_is_given_back) {
  Shard narrow(context, clock, {.inbox_entries = 2});
  Shard full(context, clock, {.inbox_entries = 1});
  hub.set_shards({&narrow, &full});
  full.put(batch_of(1));
  for (int i = 0; i < 5; ++i) EXPECT_FALSE(hub.try_publish(batch_of(1)));
  hub.set_shards({&narrow});
  EXPECT_TRUE(hub.try_publish(batch_of(1)));
  EXPECT_TRUE(hub.try_publish(batch_of(1)));
  EXPECT_FALSE(hub.try_publish(batch_of(1)));
  run();
}

TEST_F(ThreeShards, without_shards_a_batch_is_applied_at_once) {
  std::optional<std::vector<std::uint32_t>> said;
  hub.publish(std::make_shared<Batch>(std::vector<Entry>{event("e", Audience::everyone())},
                                      std::make_unique<Receipt>(said)));
  ASSERT_TRUE(said);
  EXPECT_THAT(*said, ElementsAre(0));
  said.reset();
  EXPECT_TRUE(
      hub.try_publish(std::make_shared<Batch>(std::vector<Entry>{}, std::make_unique<Receipt>(said))));
  EXPECT_TRUE(said);
}

TEST(Batch, lets_go_of_who_waited_with_the_last_shard) {
  struct Waiting final : BatchDone {
    explicit Waiting(bool& is_gone) : gone(is_gone) {}
    ~Waiting() override { gone = true; }
    void applied(const std::vector<std::uint32_t>&) noexcept override {}
    bool& gone;
  };
  bool gone = false;
  Batch batch({}, std::make_unique<Waiting>(gone));
  batch.expect(2);
  batch.applied_by_one_shard();
  EXPECT_FALSE(gone);
  batch.applied_by_one_shard();
  EXPECT_TRUE(gone);
}

TEST(Inbox, asks_for_one_wake_up_until_it_was_empty_again) {
  Inbox inbox({});
  std::vector<BatchRef> taken;
  EXPECT_TRUE(inbox.put(batch_of(1)));
  EXPECT_FALSE(inbox.put(batch_of(1)));
  inbox.take(taken);
  EXPECT_FALSE(inbox.put(batch_of(1))) << "the shard is still at work";
  EXPECT_TRUE(inbox.give_back(2, taken[0]->bytes() + taken[1]->bytes(), false)) << "there is one more";
  taken.clear();
  inbox.take(taken);
  EXPECT_TRUE(inbox.give_back(0, 0, true)) << "the shard is not through";
  EXPECT_FALSE(inbox.give_back(1, taken[0]->bytes(), false));
  EXPECT_TRUE(inbox.put(batch_of(1)));
}

bool has_room(Inbox& inbox) {
  const bool room = inbox.reserve();
  if (room) inbox.release();
  return room;
}

TEST(Inbox, is_full_by_entries_until_they_are_applied) {
  Inbox inbox({.entries = 3});
  std::vector<BatchRef> taken;
  inbox.put(batch_of(2));
  EXPECT_TRUE(has_room(inbox));
  inbox.put(batch_of(2));
  EXPECT_FALSE(has_room(inbox));
  inbox.take(taken);
  EXPECT_FALSE(has_room(inbox));
  inbox.give_back(2, taken[0]->bytes(), true);
  EXPECT_TRUE(has_room(inbox));
}

TEST(Inbox, is_full_by_bytes) {
  Inbox inbox({.bytes = 10'000});
  inbox.put(batch_of(1, 9'000));
  EXPECT_TRUE(has_room(inbox));
  inbox.put(batch_of(1, 1'000));
  EXPECT_FALSE(has_room(inbox));
}

TEST(Inbox, closed_it_has_no_room_and_counts_receipts_down) {
  Inbox inbox({});
  inbox.close();
  EXPECT_FALSE(has_room(inbox));
  std::optional<std::vector<std::uint32_t>> said;
  const auto batch = std::make_shared<Batch>(std::vector<Entry>{}, std::make_unique<Receipt>(said));
  batch->expect(1);
  EXPECT_FALSE(inbox.put(batch));
  EXPECT_TRUE(said);
}

}  // namespace
}  // namespace corohub::hub::test
