// How one member comes from a position in the log to the present, without a gap and without a duplicate,
// while nothing is held back for it in memory: events come out of the shard's tail as far as that reaches,
// and out of pages of the log before that. A replay knows no socket and no database; its owner reads pages
// for it.
//
// While a replay lives, durable events that are applied are not queued for its member, volatile events are.
// The replay brings the events of all interests of the member in one order, so that the last seq a client has
// seen is its position, whatever the client has subscribed to meanwhile. Whether an event is visible is
// judged when the event is pushed: a change of rights holds for everything after it, and rights that were
// gained bring nothing from before.
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
  std::optional<Identity> own;  // and what this identity is in the audience of; nothing: only topics
  std::vector<TopicScope> topics;
  std::vector<std::string> types{};  // patterns; empty: events of any type
  std::size_t events_max = 0;
  std::size_t bytes_max = 0;
};

struct LogPage {
  std::vector<EventRef> events;  // those that may be visible after the wish's position, in order
  Seq scanned_to = 0;            // nothing visible was left out up to here
  Seq floor = 0;                 // events up to here are gone
};

class Replay;

class ReplayOwner {
 public:
  // Reads a page, keeping the permit for as long as that takes, and hands the page to replay.page_read() if
  // the replay still exists; or ends the member. Does neither inside this call.
  virtual void read_page(const Replay& replay, ReadPermits::Permit permit, PageWish wish) noexcept = 0;
  // The events between `from` and `to` have expired meanwhile. May throw for memory.
  virtual void replay_gap(const Replay& replay, Seq from, Seq to) = 0;
  // A page took more than page_time_max, or there is no memory: the member is to end.
  virtual void replay_failed() noexcept = 0;

 protected:
  ~ReplayOwner() = default;
};

class Replay final : public Timed, private ReadPermits::Waiter {
 public:
  // For one page, from its permit on. The time a replay waits for a permit or for its client is not counted:
  // others are served meanwhile, and a client that reads nothing is ended by its transport.
  static constexpr std::chrono::seconds page_time_max{60};
  static constexpr std::size_t page_events_max = 256;
  static constexpr std::size_t page_bytes_max = 256 * 1024;

  // Holds every live interest of the member. The replay brings the events of its own audience after
  // `own_after`, and the events of each topic after those that the member has had. `own_after` may be ahead
  // of what this shard has applied, but not of what is committed. Owner and member outlive the replay.
  Replay(Shard& shard, Member& member, ReplayOwner& owner, Seq own_after) noexcept;
  ~Replay() override = default;

  // Brings the events of this interest, a subscription or a feed of the member, after `after`, too, and goes
  // back as far as that needs. What the other interests have had by now does not come again.
  void hold(Interest& interest, Seq after) noexcept;

  // Brings as much as the member's outbox allows. True: the present is reached, the member is live, and the
  // replay has nothing left to do. Call advance() at the beginning, after page_read() and hold(), and
  // whenever the outbox has drained.
  bool advance();
  void page_read(const LogPage& page);

  // All that the member is to have up to here has been pushed, and nothing after it since the last hold(),
  // but for copies of the event under way.
  Seq position() const noexcept { return position_; }
  // The replay has yet to bring events of the member's own audience from before `to`.
  bool owes_own(Seq to) const noexcept { return own_floor() < to; }

  void on_due(SteadyTime now) noexcept override;

 private:
  void permitted(ReadPermits::Permit permit) noexcept override;
  void push_from_tail();
  void push_from(const LogPage& page);
  void skip_what_nobody_wants() noexcept;
  void go_live() noexcept;
  bool push(const Event& event, const Form& form);
  bool push_own(const Event& event, const Form& form, bool& unlabelled);
  bool push_to_topics(const Event& event, const Form& form, bool unlabelled);
  bool push_for(Interest& interest, const Event& event, const Form& form);
  static bool is_due(const Interest& interest, const Event& event) noexcept;
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
  Seq position_;                      // the last event that was looked at
  std::uint32_t rights_of_page_ = 0;  // of the member, when the page was asked for
  bool reading_ = false;              // a page is under way, or a permit for it
  bool own_in_page_ = false;
  bool page_outdated_ = false;  // an interest was held since the page was asked for, which lacks it
};

}  // namespace corohub::hub
