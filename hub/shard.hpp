// One core's connections and their indexes, on one thread, without locks. Its inbox is the only thing other
// threads touch: bounded, one wake-up per empty-to-non-empty change.
#pragma once

#include "core/task.hpp"
#include "core/wheel.hpp"
#include "hub/control.hpp"
#include "hub/member.hpp"

#include <array>
#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <mutex>
#include <vector>

#include <boost/asio/steady_timer.hpp>
#include <boost/unordered/unordered_flat_map.hpp>

namespace corohub::hub {

struct ShardLimits {
  std::size_t inbox_entries = 8192;
  std::size_t inbox_bytes = 16 << 20;
};

// What a shard tells the rest of its thread (the account cache).
class ShardListener {
 public:
  virtual ~ShardListener() = default;
  // Before the shard's own members are changed.
  virtual void account_changed(const AccountChanged& change) noexcept = 0;
};

class Shard {
 public:
  Shard(asio::io_context& context, const Clock& clock, ShardLimits limits = {});
  ~Shard();
  Shard(const Shard&) = delete;
  Shard& operator=(const Shard&) = delete;

  // ---- any thread ----
  void put(BatchRef batch);             // waits for room; for the writer's thread only
  bool try_put(const BatchRef& batch);  // false: no room
  bool has_room() const;
  // Rises with every tick of the shard's timer; a watchdog compares.
  std::uint64_t heartbeat() const noexcept { return heartbeat_.load(std::memory_order_relaxed); }

  // ---- the shard's thread ----
  void set_listener(ShardListener* listener) noexcept { listener_ = listener; }
  void start();  // the timer begins
  // Registers a member: from now on it gets what is applied after this moment. The caller has judged its
  // identity in this same turn.
  void attach(Member& member);
  void detach(Member& member) noexcept;
  // Queues a frame for one member and flushes it at the end of the turn. Full: the member is closed
  // (slow_consumer).
  Push push(Member& member, FrameRef frame) noexcept;

  // Closes every member with `reason`, spread evenly over `spread`.
  void close_all(CloseReason reason, std::chrono::milliseconds spread);
  std::size_t size() const noexcept;
  std::vector<MemberInfo> list() const;

  Seq head() const noexcept { return head_; }  // last durable seq applied here
  void set_head(Seq seq) noexcept { head_ = seq; }
  Wheel& wheel() noexcept { return wheel_; }
  asio::io_context& context() noexcept { return context_; }
  const Clock& clock() const noexcept { return clock_; }

  // Stops the timer and applies what is left; call when no publisher is left.
  void stop();

 private:
  void drain_inbox() noexcept;
  void apply(Batch& batch) noexcept;
  std::uint32_t deliver(const Event& event) noexcept;
  std::uint32_t apply(const AccountChanged& change) noexcept;
  std::uint32_t apply(const Kick& kick) noexcept;
  bool offer(Member& member, const Event& event) noexcept;
  void move_to_role(Member& member, Role role) noexcept;
  void flush_dirty() noexcept;
  Task<> tick_loop();

  asio::io_context& context_;
  const Clock& clock_;
  const ShardLimits limits_;
  ShardListener* listener_ = nullptr;
  Wheel wheel_;
  asio::basic_waitable_timer<std::chrono::steady_clock, asio::wait_traits<std::chrono::steady_clock>,
                             Executor>
      timer_;

  std::array<std::vector<Member*>, role_count> by_role_;
  boost::unordered_flat_map<UserId, Member*> by_user_;  // head of the list of the user's members
  std::vector<Member*> dirty_;
  std::vector<Member*> overflowed_;
  Seq head_ = 0;
  std::atomic<std::uint64_t> heartbeat_{0};

  mutable std::mutex inbox_mutex_;
  std::condition_variable inbox_room_;
  std::vector<BatchRef> inbox_;
  std::size_t inbox_entries_ = 0;
  std::size_t inbox_bytes_ = 0;
  bool stopped_ = false;
};

}  // namespace corohub::hub
