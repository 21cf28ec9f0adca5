// How one member, or one of its subscriptions, comes from a position in the log to the present, without a
// gap, without a duplicate, and without holding anything back for it: out of the shard's tail where that
// reaches, out of pages of the log before. It knows no socket and no database; what it needs of them it asks
// of its owner.
//
// While it lives, durable events that are applied are not queued for the member, volatile ones are. What is
// visible is judged when it is pushed, so a change of rights holds for everything after it; what was gained
// is not replayed backward.
#pragma once

#include "core/wheel.hpp"
#include "hub/read_permits.hpp"
#include "hub/shard.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace corohub::hub {

// Which part of the log a replay wants to see, in one snapshot.
struct PageWish {
  Seq after = 0;    // exclusive
  Identity who;     // whose rights decide
  bool own = true;  // what `who` is in the audience of
  std::vector<TopicScope> topics;
  std::size_t events_max = 0;
  std::size_t bytes_max = 0;
};

struct LogPage {
  std::vector<EventRef> events;  // visible ones after the wish's position, in order
  Seq scanned_to = 0;            // nothing visible was left out up to here
  Seq floor = 0;                 // events up to here are gone
};

class Replay;

class ReplayOwner {
 public:
  // Reads a page, holding the permit as long as that takes, and brings it to replay.page_read() if that still
  // exists; or ends the member. Does neither inside the call.
  virtual void read_page(const Replay& replay, ReadPermits::Permit permit, PageWish wish) noexcept = 0;
  // What stood between `from` and `to` has expired meanwhile. May throw for memory.
  virtual void replay_gap(const Replay& replay, Seq from, Seq to) = 0;
  // It took more than time_max: the member is to end.
  virtual void replay_too_long() noexcept = 0;

 protected:
  ~ReplayOwner() = default;
};

class Replay final : public Timed, private ReadPermits::Waiter {
 public:
  static constexpr std::chrono::seconds time_max{60};
  static constexpr std::size_t page_events_max = 256;
  static constexpr std::size_t page_bytes_max = 256 * 1024;

  // Everything visible after `since` is to come; `since` may be ahead of what this shard has applied, but not
  // of what is committed. Owner and member outlive the replay.
  Replay(Shard& shard, Member& member, ReplayOwner& owner, Seq since) noexcept;
  ~Replay() override = default;

  // What it is to bring, before the first advance(), in the turn that attached the member or subscribed it:
  // what the member is in the audience of, and any of its subscriptions.
  void hold_own() noexcept;
  void hold(Subscription& subscription) noexcept;
  // What stands before is not to be brought. Before the first advance().
  void begin_at(Seq position) noexcept { position_ = position; }

  // As far as the member's outbox allows. True: the present is reached, the member is live, and there is
  // nothing left to do. Call it at the beginning, after page_read(), and whenever the outbox has drained.
  bool advance();
  void page_read(const LogPage& page);

  Seq position() const noexcept { return position_; }
  bool is_own() const noexcept { return own_; }
  // There is nothing any more that it could bring: its subscriptions are gone.
  bool is_idle() const noexcept;

  void on_due(SteadyTime now) noexcept override;

 private:
  void permitted(ReadPermits::Permit permit) noexcept override;
  void push_from_tail();
  void push_from(const LogPage& page);
  void go_live() noexcept;
  bool is_wanted(const Event& event) const noexcept;
  PageWish wish() const;
  bool below_low_water() const noexcept;
  bool below_high_water() const noexcept;
  void push_if_visible(const Event& event, WireFormat format);

  Shard& shard_;
  Member& member_;
  ReplayOwner& owner_;
  Seq position_;  // last looked at
  bool own_ = false;
  std::uint32_t rights_of_page_ = 0;  // the member's, when the page was asked for
  bool reading_ = false;              // a page is under way, or a permit for it
};

}  // namespace corohub::hub
