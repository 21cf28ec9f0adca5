// One core's connections, on one thread, without locks. The inbox is the only thing other threads touch.
//
// An event goes through these words, each of which means one thing. A publisher *puts* a batch into the
// inbox. A turn *applies* its entries in order: an event, a notice, a change of rights, a kick. An event is
// *delivered* to all whom it is for, and so *offered* to each of their interests, which may not want it. What
// is wanted is *queued* in an outbox and *sent* at the end of the turn. A frame that a session makes for its
// own client is *pushed*: queued, and sent at once outside of a turn.
#pragma once

#include "core/fixed_post.hpp"
#include "core/task.hpp"
#include "core/wheel.hpp"
#include "hub/audience_judge.hpp"
#include "hub/client_index.hpp"
#include "hub/control.hpp"
#include "hub/farewells.hpp"
#include "hub/inbox.hpp"
#include "hub/member_index.hpp"
#include "hub/read_permits.hpp"
#include "hub/sending.hpp"
#include "hub/tail.hpp"
#include "hub/topic_index.hpp"

#include <algorithm>
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
  // Bytes of all outboxes of the process together, a shared frame counted once. Above this limit every shard
  // closes the members whose backlog is worst.
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

// What a shard tells others on its thread: the account cache.
class ShardListener {
 public:
  virtual ~ShardListener() = default;
  // Before the shard's own members are changed.
  virtual void account_changed(const AccountChanged& change) noexcept = 0;
  virtual void apply(const ShardChange&) noexcept {}
};

class Shard {
 public:
  // Pages of the log that replays of one shard read at the same time.
  static constexpr std::size_t pages_at_once = 4;
  static constexpr std::size_t sends_at_once = Sending::sends_at_once;

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
  // A counter for the watchdog. It rises with every tick of the shard's timer, unless a turn was due at the
  // tick before and has not come.
  std::uint64_t heartbeat() const noexcept { return heartbeat_.load(std::memory_order_relaxed); }

  // ---- the shard's thread ----
  void set_listener(ShardListener* listener) noexcept { listener_ = listener; }
  // Of events whose audience is judged; it outlives the shard's last turn. Null, as at the beginning: nobody
  // is found.
  void set_judge(const AudienceJudge* judge) noexcept { judge_ = judge; }
  void start();  // the timer begins
  // Registers a member under this identity, which the caller has judged in this same turn. From now on the
  // member gets what is applied after this moment.
  void attach(Member& member, const Identity& who);
  void detach(Member& member) noexcept;
  // The member's form() is another one from here on. For a member for which no event is queued.
  void form_changed(Member& member) noexcept { member.form_ = &member.form(); }
  // From here on the judge knows that this member has asked to hear what clients of feature flags hear.
  // Before its replay begins: a page of the log that is under way was read for who the member was.
  void join_clients(Member& member) noexcept { member.identity_.is_among_clients = true; }
  // See Sending. Full: the member is closed (slow_consumer).
  Push push(Member& member, const FrameRef& frame) noexcept { return sending_.push(member, {}, frame); }
  // Pushes an event in this form, behind the prefix of the interest. Nothing happens if the event has no
  // bytes for this member. Throws for memory.
  void push_event(Member& member, const Interest& interest, const Event& event, const Form& form);
  // What waits for its step leaves now. Whoever wants to know how much waits for the client calls this first,
  // because what waits for a step does not.
  void send_now(Member& member) noexcept { sending_.send_now(member); }
  // What is pushed during the life of a burst leaves together at its end.
  Sending::Burst burst() noexcept { return Sending::Burst(sending_); }

  // The member gets the topic's events after what is applied here. Null: there are too many topics. A
  // subscription that the member has already, under this label, is returned as it is. The caller has asked
  // the rule; the shard asks the rule again when the member's role changes.
  Subscription* subscribe(Member& member, std::string_view topic, const TopicRule& rule,
                          InterestTerms terms = {});
  void unsubscribe(Subscription& subscription) noexcept;
  // The same for the member's own audience; the member listens only when asked. The caller bounds the number
  // of feeds.
  Feed& add_feed(Member& member, InterestTerms terms);
  // Ends a subscription or a feed.
  void remove(Member& member, Interest& interest) noexcept;
  // Ends the subscriptions to this topic that `stays` does not want, whose members are told so. `stays` takes
  // a const Member&.
  template <class F>
  void revoke(std::string_view topic, F stays) noexcept {
    for (std::size_t i = topics_.subscribers(topic); i-- > 0;)
      if (Subscription& one = *topics_.find(topic)->subscriptions[i]; !stays(*one.member)) revoke(one);
  }
  // Ends those subscriptions of the member that `stays`, which takes a const Topic&, does not want. The
  // member is told so.
  template <class F>
  void revoke(Member& member, F stays) noexcept {
    for (std::size_t i = member.subscription_count(); i-- > 0;)
      if (Subscription& one = *member.subscriptions()[i]; !stays(*one.topic)) revoke(one);
  }
  // `visit` takes a Member&, and may end its subscriptions.
  template <class F>
  void for_each_of(UserId user, F visit) const {
    for (Member* member = members_.first_of(user); member != nullptr;
         member = MemberIndex::next_of_same_user(*member))
      visit(*member);
  }
  // The same for those with a key of this client of feature flags.
  template <class F>
  void for_each_of_client(std::int64_t client_id, F visit) const {
    for (Member* member : members_.with_client_keys())
      if (member->identity_.key->client_id == client_id) visit(*member);
  }
  // Closes the members whose key has ended, as `has_ended`, which takes a const KeyHolder&, says. They have
  // nothing of what waits.
  template <class F>
  void end_keys(F has_ended) noexcept {
    for (const std::vector<Member*>* members : {&members_.with_client_keys(), &members_.in_no_audience()})
      for (Member* member : *members) {
        if (member->identity_.key == nullptr || !has_ended(*member->identity_.key)) continue;
        member->outbox_.discard_from_first_impersonal(0);
        member->dismiss(CloseReason::session_revoked);
      }
  }
  // `visit` takes a Member& and changes none but what waits for it.
  template <class F>
  void for_each_member(F visit) const {
    members_.for_each(visit);
  }
  std::size_t topics() const noexcept { return topics_.size(); }
  // Whether an event without a topic is for this one at this moment.
  bool is_for(const Event& event, const Identity& who) const noexcept {
    return event.audience().includes(who) || (event.audience().is_judged() && is_judged_for(event, who));
  }

  // Closes every member with `reason`, in equal steps over `spread` (at once when that is zero), and members
  // that come meanwhile as well.
  void close_all(CloseReason reason, std::chrono::milliseconds spread) noexcept {
    farewells_.begin(reason, now(), spread);
  }
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
  // When what is being applied was committed; nothing outside of a turn, or for what is volatile.
  std::optional<SteadyTime> committed() const noexcept {
    return next_batch_ < taken_.size() ? taken_[next_batch_]->committed() : std::nullopt;
  }

  // Events of its own audience up to here are not for this member: they came before the member, or the member
  // has had them. Only for a member that is live.
  Seq had(const Member& member) const noexcept;
  // For a replay (hub/replay.hpp). Between hold_durable() and go_live() no durable event of its audience is
  // queued for a member without feeds; after go_live(), those after `position` are.
  void hold_durable(Member& member) noexcept { member.skip_ = std::numeric_limits<Seq>::max(); }
  void go_live(Member& member, Seq position) noexcept { member.skip_ = position; }
  const Tail& tail() const noexcept { return tail_; }
  ReadPermits& permits() noexcept { return permits_; }
  // For deadlines of what may last so long: a pong, a message, a replay. In the time of now(), which stands
  // still while the process does.
  Wheel& wheel() noexcept { return wheel_; }
  SteadyTime now() const noexcept { return wheel_.at(clock_.steady()); }
  // For what ends at a moment, as a token does, however long the process was stopped. In the time of the
  // clock.
  Wheel& expiries() noexcept { return expiries_; }
  asio::io_context& context() noexcept { return context_; }
  const Clock& clock() const noexcept { return clock_; }

  // Applies what is left and stops the timer, so that the context's run() returns by itself. Call stop() when
  // no publisher and no member is left: without ticks no deadline is kept.
  void stop();
  // What the timer does: deadlines, and the guard of outbox memory.
  void tick() noexcept;

 private:
  // The frames of one event. Neighbours mostly have the same form, so that its frame is at hand.
  struct Delivery {
    const FrameRef& frame(const Form& form);

    const Event& event;
    const Seq seq;
    const std::string_view epoch;
    const Form* last_form = nullptr;
    const FrameRef* last_frame = nullptr;
  };

  void wake() noexcept;
  void drain_inbox() noexcept;
  bool turn() noexcept;  // true: another one is needed

  std::uint32_t apply_entry(Batch& batch, std::size_t i) noexcept;
  std::uint32_t apply(const EventRef& event) noexcept;
  std::uint32_t apply(const AccountChanged& change) noexcept;
  std::uint32_t apply(const Kick& kick) noexcept;
  std::uint32_t apply(const Notice& notice) noexcept;
  std::uint32_t apply(const LogShortened& log) noexcept {
    tail_.forget(log.up_to);
    return 0;
  }
  std::uint32_t apply(const ShardChangeRef& change) noexcept;
  std::uint32_t deliver_by_audience(Delivery& delivery) noexcept;
  std::uint32_t deliver_judged(Delivery& delivery) noexcept;
  bool is_judged_for(const Event& event, const Identity& who) const noexcept {
    return judge_ != nullptr && who.has_audience() && judge_->includes(event, who);
  }
  std::uint32_t deliver_to_topic(Delivery& delivery) noexcept;
  std::uint32_t deliver_to_subscribers(const Topic& topic, Delivery& delivery) noexcept;
  template <class F>
  static std::uint32_t deliver_to(const Topic& topic, F deliver) noexcept;
  std::uint32_t roll_up(const Topic& gathering, const Topic* of_event, Delivery& delivery) noexcept;
  std::uint32_t deliver_to_second_topic(Delivery& delivery) noexcept;
  static bool is_first(const Subscription& subscription, const Topic* before,
                       const Delivery& delivery) noexcept;
  bool has_otherwise(const Member& member, const Delivery& delivery) const noexcept;
  static bool takes_as_own(const Member& member, const Delivery& delivery) noexcept;
  static bool takes(const Interest& interest, const Delivery& delivery) noexcept;
  static bool takes(const Member& member, const Topic& topic, const Delivery& delivery) noexcept;
  std::uint32_t notify_by_audience(const Notice& notice, Delivery& delivery) noexcept;
  std::uint32_t notify_topic(const Notice& notice, Delivery& delivery) noexcept;
  static bool is_for(const Notice& notice, const Member& member) noexcept;
  bool offer(Member& member, Delivery& delivery) noexcept;
  bool offer(const Subscription& subscription, Delivery& delivery) noexcept;
  bool offer(Member& member, const Interest& interest, Delivery& delivery) noexcept;
  static FrameRef own_frame(Member& member, const Interest& interest, const Event& event);
  bool queue_own_frame(Member& member, const Interest& interest, const Event& event);
  bool queue_event(Member& member, const Interest& interest, Delivery& delivery) noexcept;

  void revoke(Subscription& subscription) noexcept;
  void move_to_role(Member& member, Role role) noexcept;

  void turn_wheels() noexcept;
  Task<> tick_loop();

  asio::io_context& context_;
  const Clock& clock_;
  const ShardLimits limits_;
  Inbox inbox_;
  ShardListener* listener_ = nullptr;
  const AudienceJudge* judge_ = nullptr;
  Wheel wheel_;
  Wheel expiries_;
  asio::basic_waitable_timer<std::chrono::steady_clock, asio::wait_traits<std::chrono::steady_clock>,
                             Executor>
      timer_;

  MemberIndex members_;
  ClientIndex by_client_;
  TopicIndex topics_;
  Sending sending_;
  Farewells farewells_{members_, wheel_};
  std::string epoch_;
  Seq head_ = 0;
  Tail tail_;
  ReadPermits permits_{pages_at_once};
  std::vector<BatchRef> taken_;  // from the inbox; applied up to entry next_entry_ of batch next_batch_
  std::size_t next_batch_ = 0;
  std::size_t next_entry_ = 0;
  FixedPost turn_post_;
  bool ticking_ = false;
  bool turn_due_ = false;  // a turn was due at the last tick, and has not come since
  std::atomic<std::uint64_t> heartbeat_{0};
};

}  // namespace corohub::hub
