// What one delivery costs, counted where it can't flake: allocations, system calls and, under callgrind
// (tools/check-instructions), instructions. Sessions, sockets and frames are the real ones; only what the
// shard does between two turns of its loop is counted.
#include "session_rig.hpp"
#include "support/allocations.hpp"

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#if __has_include(<valgrind/callgrind.h>)
#include <valgrind/callgrind.h>
#else
#define CALLGRIND_TOGGLE_COLLECT
#endif

namespace {

std::atomic<std::size_t> sends{0};  // other tests of this program have threads

}  // namespace

// Before libc's.
extern "C" ssize_t send(int fd, const void* bytes, size_t size, int flags) {
  ++sends;
  return ::syscall(SYS_sendto, fd, bytes, size, flags, nullptr, 0);
}
extern "C" ssize_t sendmsg(int fd, const msghdr* message, int flags) {
  ++sends;
  return ::syscall(SYS_sendmsg, fd, message, flags);
}

namespace corohub::gateway::test {
namespace {

class FanOut {
 public:
  explicit FanOut(std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) {
      clients_.push_back(rig_.connect(*rig_.add_account(static_cast<UserId>(i + 1), Role::user)));
      rig_.settle();
    }
    deliver(3);  // whatever is grown once is grown now
    deliver(1);
  }

  // One batch of events of 200 bytes to everybody. Counts only what the server does for it.
  void deliver(std::size_t events) {
    std::vector<hub::Entry> entries;
    for (std::size_t i = 0; i < events; ++i) {
      hub::EventDraft draft{"bench", '"' + std::string(150, 'x') + '"', hub::Audience::everyone()};
      entries.emplace_back(hub::EventRef(new hub::Event(std::move(draft), 0, 0)));
    }
    auto batch = std::make_shared<hub::Batch>(std::move(entries));
    const corohub::test::AllocationCount count;
    const std::size_t sends_before = sends;
    CALLGRIND_TOGGLE_COLLECT;
    rig_.hub.publish(batch);
    rig_.context.restart();
    rig_.context.poll();
    CALLGRIND_TOGGLE_COLLECT;
    allocations = count.so_far();
    sent = sends - sends_before;
    expected_ += events;
    ASSERT_TRUE(rig_.until([&] {
      return std::ranges::all_of(clients_,
                                 [&](const auto& client) { return received(*client) == expected_; });
    }));
  }

  std::size_t allocations = 0;
  std::size_t sent = 0;

 private:
  static std::size_t received(const RawClient& client) { return client.frames.size() - 1; }  // the welcome

  SessionRig rig_;
  std::vector<std::unique_ptr<RawClient>> clients_;
  std::size_t expected_ = 0;
};

TEST(DeliveryCost, nothing_is_allocated_for_a_connection) {
  const auto allocations_with = [](std::size_t clients) {
    FanOut fan_out(clients);
    fan_out.deliver(1);
    return fan_out.allocations;
  };
  EXPECT_EQ(allocations_with(40), allocations_with(10));
  // In steps: one more, or two, for each step.
  EXPECT_LE(allocations_with(3 * hub::Shard::sends_at_once), allocations_with(10) + 8);
}

TEST(DeliveryCost, what_waits_for_a_connection_leaves_in_one_send) {
  FanOut fan_out(20);
  fan_out.deliver(1);
  EXPECT_EQ(fan_out.sent, 20U);
  fan_out.deliver(10);
  EXPECT_EQ(fan_out.sent, 20U);

  constexpr std::size_t many = 3 * hub::Shard::sends_at_once;
  FanOut to_many(many);
  to_many.deliver(10);
  EXPECT_EQ(to_many.sent, many);
}

// For callgrind: what it counts is divided by these deliveries, the two rounds that warm up included.
TEST(DeliveryCost, instructions_at_once) {
  FanOut fan_out(30);
  for (int round = 0; round < 98; ++round) fan_out.deliver(1);
}

TEST(DeliveryCost, instructions_in_steps) {
  FanOut fan_out(100);
  for (int round = 0; round < 98; ++round) fan_out.deliver(1);
}

}  // namespace
}  // namespace corohub::gateway::test
