// How one member comes from a position in the log to the present, without a gap, without a duplicate, and
// without holding anything back for it: out of the shard's tail where that reaches, out of pages of the log
// before. It knows no socket and no database; what it needs of them it asks of its owner.
//
// While it lives, durable events that are applied are not queued for the member, volatile ones are. What it
// brings, the member's own events and those of its topics, comes in one order, so that the last seq a client
// has seen is its position, whatever it has subscribed to meanwhile. What is visible is judged when it is
// pushed, so a change of rights holds for everything after it; what was gained is not replayed backward.
#pragma once

#include "core/wheel.hpp"
#include "hub/read_permits.hpp"
#include "hub/shard.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace corohub::hub {

// Which part of the log a replay wants to see, in one snapshot.
struct PageWish {
  Seq after = 0;                // exclusive
  std::optional<Identity> own;  // what he is in the audience of; nothing: only topics
  std::vector<TopicScope> topics;
  std::vector<std::string> types{};  // patterns; empty: events of any type
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
  // A page took more than page_time_max, or there is no memory: the member is to end.
  virtual void replay_failed() noexcept = 0;

 protected:
  ~ReplayOwner() = default;
};

class Replay final : public Timed, private ReadPermits::Waiter {
 public:
  // Without a page there is no progress. Waiting for a permit or for the client counts for nothing: others
  // are served meanwhile, and a client that reads nothing is its transport's to end.
  static constexpr std::chrono::seconds page_time_max{60};
  static constexpr std::size_t page_events_max = 256;
  static constexpr std::size_t page_bytes_max = 256 * 1024;

  // Holds all that the member gets, and brings its own events after `own_after` and those of its topics after
  // what it has had of them. `own_after` may be ahead of what this shard has applied, but not of what is
  // committed. Owner and member outlive the replay.
  Replay(Shard& shard, Member& member, ReplayOwner& owner, Seq own_after) noexcept;
  ~Replay() override = default;

  // Brings the events of this interest, a subscription or a feed of the member, after `after`, too, and goes
  // back as far as that needs. What the other interests have had by now does not come again.
  void hold(Interest& interest, Seq after) noexcept;

  // As far as the member's outbox allows. True: the present is reached, the member is live, and there is
  // nothing left to do. Call it at the beginning, after page_read() and hold(), and whenever the outbox has
  // drained.
  bool advance();
  void page_read(const LogPage& page);

  // What the member is to have up to here has been pushed, and nothing after it since the last hold().
  Seq position() const noexcept { return position_; }
  // It has yet to bring own events from up to `to`.
  bool owes_own(Seq to) const noexcept { return own_floor() < to; }

  void on_due(SteadyTime now) noexcept override;

 private:
  void permitted(ReadPermits::Permit permit) noexcept override;
  void push_from_tail();
  void push_from(const LogPage& page);
  void skip_what_nobody_wants() noexcept;
  void go_live() noexcept;
  bool push(const Event& event, const Form& form);
  bool push_for(Interest& interest, const Event& event, const Form& form);
  Seq own_floor() const noexcept;
  PageWish wish() const;
  std::vector<std::string> wanted_types(bool own) const;
  bool below_low_water() const noexcept;
  bool below_high_water() const noexcept;

  Shard& shard_;
  Member& member_;
  ReplayOwner& owner_;
  // Without feeds: own events up to here are not to be brought. With feeds, which say so themselves: none.
  Seq own_after_;
  Seq position_;                      // last looked at
  std::uint32_t rights_of_page_ = 0;  // the member's, when the page was asked for
  bool reading_ = false;              // a page is under way, or a permit for it
  bool own_in_page_ = false;
  bool page_outdated_ = false;  // it lacks what is held since
};

}  // namespace corohub::hub
