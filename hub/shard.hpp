// One core's connections and their indexes, on one thread, without locks. Its inbox is the only thing other
// threads touch.
#pragma once

#include "core/fixed_post.hpp"
#include "core/task.hpp"
#include "core/wheel.hpp"
#include "hub/client_index.hpp"
#include "hub/control.hpp"
#include "hub/inbox.hpp"
#include "hub/member_index.hpp"
#include "hub/read_permits.hpp"
#include "hub/send_lines.hpp"
#include "hub/tail.hpp"
#include "hub/topic_index.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <boost/asio/steady_timer.hpp>

namespace corohub::hub {

struct ShardLimits {
  std::size_t inbox_entries = 8192;
  std::size_t inbox_bytes = 16 << 20;
  // Of all outboxes of the process together, a shared frame counted once. Above it every shard closes those
  // whose backlog is worst.
  std::size_t outbox_memory = 256 << 20;
  TailLimits tail{};
  std::size_t topics = 50'000;  // with subscribers, at a time
};

// The log as it stands before the first batch.
struct LogState {
  std::string epoch;
  Seq head = 0;
  Seq recent_after = 0;          // `recent` is all of the log after this
  std::vector<EventRef> recent;  // in order
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
  // Pages of the log that replays of one shard read at the same time.
  static constexpr std::size_t pages_at_once = 4;
  // What a turn has for at most so many members is sent at its end. For more it leaves in steps; the thread's
  // other work goes on in between, and what comes meanwhile leaves with what waits.
  static constexpr std::size_t sends_at_once = SendLines::sends_per_step;

  Shard(asio::io_context& context, const Clock& clock, ShardLimits limits = {});
  ~Shard();
  Shard(const Shard&) = delete;
  Shard& operator=(const Shard&) = delete;

  // ---- any thread ----
  // See Inbox.
  void put(BatchRef batch) noexcept;  // waits for room; for the writer's thread only
  bool reserve() noexcept { return inbox_.reserve(); }
  void put_reserved(BatchRef batch) noexcept;
  void release() noexcept { inbox_.release(); }
  // Rises with every tick of the shard's timer, unless a turn is due since the one before and has not come; a
  // watchdog compares.
  std::uint64_t heartbeat() const noexcept { return heartbeat_.load(std::memory_order_relaxed); }

  // ---- the shard's thread ----
  void set_listener(ShardListener* listener) noexcept { listener_ = listener; }
  void start();  // the timer begins
  // Registers a member under this identity, which the caller has judged in this same turn: from now on it
  // gets what is applied after this moment.
  void attach(Member& member, const Identity& who);
  void detach(Member& member) noexcept;
  // The member's form() is another one from here on. For a member for which no event is queued.
  void form_changed(Member& member) noexcept { member.form_ = &member.form(); }
  // Queues a frame for one member, which leaves at the end of the turn, at once outside of one. Full: the
  // member is closed (slow_consumer).
  Push push(Member& member, const FrameRef& frame) noexcept;
  // The same with an event, as one of the member's interests asked for it, in this form. Nothing happens if
  // the event has no bytes for this member. Throws for memory.
  void push_event(Member& member, const Interest& interest, const Event& event, const Form& form);
  // What waits for the member's turn in a line leaves now. Whoever asks how much waits asks this first: only
  // what is left then waits for the client.
  void send_now(Member& member) noexcept;
  // What is pushed during its life leaves together at its end.
  class Burst;

  // The member gets the topic's events after what is applied here. Null: there are too many topics. What it
  // is subscribed to already, under this label, is returned as it is. The caller has asked the rule; a change
  // of role asks it again.
  Subscription* subscribe(Member& member, std::string_view topic, const TopicRule& rule,
                          InterestTerms terms = {});
  void unsubscribe(Subscription& subscription) noexcept;
  // The same for its own audience, of a member that hears by feeds. How many there may be is for the caller
  // to bound.
  Feed& add_feed(Member& member, InterestTerms terms);
  // Ends a subscription or a feed.
  void remove(Member& member, Interest& interest) noexcept;
  std::size_t topics() const noexcept { return topics_.size(); }

  // Closes every member with `reason`, in equal steps over `spread` (at once when it is zero), also those who
  // come meanwhile.
  void close_all(CloseReason reason, std::chrono::milliseconds spread);
  std::size_t size() const noexcept { return members_.size(); }
  // At most so many members after this client id, in the order of client ids.
  std::vector<MemberInfo> list(std::size_t most, const ClientId& after = {}) const;
  std::optional<MemberInfo> find(const ClientId& client) const;

  Seq head() const noexcept { return head_; }  // last durable seq applied here
  void set_head(Seq seq) noexcept {
    head_ = seq;
    tail_.begin_at(seq);
  }
  // Where the log stands at the beginning. Before anything is applied.
  void begin_after(const LogState& log);
  const std::string& epoch() const noexcept { return epoch_; }

  // Own events up to here are not for this member: they came before it, or it has had them. Only of one that
  // is live.
  Seq had(const Member& member) const noexcept;
  // For a replay (hub/replay.hpp). No durable event is queued for the member by its audience until it is let
  // go, and then those after `position`.
  void hold_durable(Member& member) noexcept { member.skip_ = std::numeric_limits<Seq>::max(); }
  void go_live(Member& member, Seq position) noexcept { member.skip_ = position; }
  const Tail& tail() const noexcept { return tail_; }
  ReadPermits& permits() noexcept { return permits_; }
  // For what may last so long: a pong, a message, a replay. In the time of now().
  Wheel& wheel() noexcept { return wheel_; }
  SteadyTime now() const noexcept { return wheel_.at(clock_.steady()); }
  // For what ends at a moment, as a token does, however long the process was stopped. In the clock's time.
  Wheel& expiries() noexcept { return expiries_; }
  asio::io_context& context() noexcept { return context_; }
  const Clock& clock() const noexcept { return clock_; }

  // Applies what is left and stops the timer, so that the context's run() returns by itself. Call when no
  // publisher and no member is left: without ticks no deadline is kept.
  void stop();
  // What the timer does: deadlines, and the guard of outbox memory.
  void tick() noexcept;

 private:
  // The frames of one event. Neighbours mostly have the same form, which is not looked for again.
  struct Delivery {
    const FrameRef& frame(const Form& form);

    const Event& event;
    const Seq seq;
    const std::string_view epoch;
    const Form* last_form = nullptr;
    const FrameRef* last_frame = nullptr;
  };
  // close_all on its way.
  struct Closing final : Timed {
    explicit Closing(Shard& owner) noexcept : shard(owner) {}
    void on_due(SteadyTime now) noexcept override;

    Shard& shard;
    CloseReason reason{};
    SteadyTime begin{};
    std::chrono::milliseconds spread{};
    std::size_t total = 0;
    std::size_t ended = 0;
  };

  void wake() noexcept;
  void drain_inbox() noexcept;
  bool turn() noexcept;                  // true: another one is needed
  SendLines::Place end_turn() noexcept;  // behind those whom it has touched
  void send_some() noexcept;
  void send_step() noexcept;
  void note_sent() noexcept;

  std::uint32_t apply_entry(Batch& batch, std::size_t i) noexcept;
  std::uint32_t apply(const EventRef& event) noexcept;
  std::uint32_t apply(const AccountChanged& change) noexcept;
  std::uint32_t apply(const Kick& kick) noexcept;
  std::uint32_t apply(const Notice& notice) noexcept;
  std::uint32_t deliver_by_audience(Delivery& delivery) noexcept;
  std::uint32_t deliver_to_topic(Delivery& delivery) noexcept;
  std::uint32_t notify_by_audience(const Notice& notice, Delivery& delivery) noexcept;
  std::uint32_t notify_topic(const Notice& notice, Delivery& delivery) noexcept;
  static bool is_for(const Notice& notice, const Member& member) noexcept;
  bool offer(Member& member, Delivery& delivery) noexcept;
  bool offer(const Subscription& subscription, Delivery& delivery) noexcept;
  bool offer(Member& member, const Interest& interest, Delivery& delivery) noexcept;
  bool queue_event(Member& member, const Interest& interest, Delivery& delivery) noexcept;
  Push queue(Member& member, const Frame* first, const FrameRef& frame) noexcept;
  Push push(Member& member, const Frame* first, const FrameRef& frame) noexcept;
  void drop_slow(Member& member) noexcept;
  void drop_worst() noexcept;
  bool end(Member& member, CloseReason reason) noexcept;

  void move_to_role(Member& member, Role role) noexcept;
  void drop_lost_subscriptions(Member& member) noexcept;
  template <class F>
  void for_each_of(UserId user, F visit) const {
    for (Member* member = members_.first_of(user); member != nullptr;
         member = MemberIndex::next_of_same_user(*member))
      visit(*member);
  }

  void turn_wheels() noexcept;
  Task<> tick_loop();

  asio::io_context& context_;
  const Clock& clock_;
  const ShardLimits limits_;
  Inbox inbox_;
  ShardListener* listener_ = nullptr;
  Wheel wheel_;
  Wheel expiries_;
  asio::basic_waitable_timer<std::chrono::steady_clock, asio::wait_traits<std::chrono::steady_clock>,
                             Executor>
      timer_;

  MemberIndex members_;
  ClientIndex by_client_;
  TopicIndex topics_;
  // These have room for every member, as the index has, so that no delivery and no change of rights
  // allocates.
  std::vector<Member*> touched_;
  std::vector<Member*> overflowed_;
  std::string epoch_;
  Seq head_ = 0;
  Tail tail_;
  ReadPermits permits_{pages_at_once};
  std::vector<BatchRef> taken_;  // out of the inbox, applied up to next_batch_ and, in that one, next_entry_
  std::size_t next_batch_ = 0;
  std::size_t next_entry_ = 0;
  SendLines lines_;
  // Committed batches of which not all is sent.
  struct Unsent {
    SteadyTime committed;
    std::optional<SendLines::Place> until{};  // then all is; nothing: their turn has not ended
  };
  std::vector<Unsent> unsent_;  // as many as have room; more are not measured
  bool sending_ = false;        // a step is on its way
  FixedPost turn_post_;
  FixedPost step_post_;
  bool in_turn_ = false;
  bool ticking_ = false;
  bool turn_due_ = false;  // at the last tick, and has not come
  Closing closing_;
  std::atomic<std::uint64_t> heartbeat_{0};
};

class Shard::Burst {
 public:
  explicit Burst(Shard& shard) noexcept : shard_(shard), outermost_(!std::exchange(shard.in_turn_, true)) {}
  ~Burst() {
    if (!outermost_) return;
    shard_.in_turn_ = false;
    shard_.end_turn();
  }
  Burst(const Burst&) = delete;
  Burst& operator=(const Burst&) = delete;

 private:
  Shard& shard_;
  const bool outermost_;
};

}  // namespace corohub::hub
