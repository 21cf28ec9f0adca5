// From outboxes to sockets: what a turn has queued leaves at its end, at once or in steps, and a member whose
// outbox is full is closed. Used on the shard's thread only; once reserve() has made room for every member,
// nothing here allocates.
#pragma once

#include "core/fixed_post.hpp"
#include "core/task.hpp"
#include "hub/member_index.hpp"
#include "hub/send_lines.hpp"
#include "hub/send_times.hpp"

#include <cstddef>
#include <utility>
#include <vector>

namespace corohub::hub {

class Sending {
 public:
  // A turn that has something for at most so many members sends at its end. For more members it sends in
  // steps: the thread's other work goes on between two steps, and what is queued meanwhile leaves with what
  // waits.
  static constexpr std::size_t sends_at_once = SendLines::sends_per_step;

  Sending(asio::io_context& context, const Clock& clock) noexcept : context_(context), clock_(clock) {}

  void reserve(std::size_t members);
  // Nothing is sent to this member any more.
  void leave(Member& member) noexcept;

  // Within a turn: `frame`, behind `first` and joined to it unless that is null, waits for the end of the
  // turn. A member whose outbox is full, and whose socket takes nothing, is closed (slow_consumer) at the end
  // of the turn.
  // Inline, because every delivery comes this way.
  [[gnu::always_inline]] Push queue(Member& member, const FrameRef& first, const FrameRef& frame) noexcept {
    Push pushed = put_into_outbox(member, first, frame);
    if (pushed == Push::full) [[unlikely]]
      pushed = queue_in_full_outbox(member, first, frame);
    if (pushed == Push::queued && !std::exchange(member.touched_, true)) touched_.push_back(&member);
    return pushed;
  }
  // The same at any time: outside of a turn it leaves at once.
  Push push(Member& member, const FrameRef& first, const FrameRef& frame) noexcept;

  void begin_turn() noexcept { in_turn_ = true; }
  void end_turn() noexcept;
  // A batch that was committed then has been queued in the turn under way.
  void measure(SteadyTime committed) noexcept { times_.queued(committed); }
  // A turn for as long as it lives, unless there is one already.
  class Burst;

  // What waits for the member's turn in a line leaves now.
  void send_now(Member& member) noexcept;
  // All that waits for its step leaves now.
  void send_all() noexcept;
  // Closes those whose backlog is worst, one of 32 of those for whom something waits.
  void close_worst(const MemberIndex& members) noexcept;

 private:
  [[gnu::always_inline]] static Push put_into_outbox(Member& member, const FrameRef& first,
                                                     const FrameRef& frame) noexcept {
    return first == nullptr ? member.outbox_.push(frame) : member.outbox_.push(first, frame);
  }
  Push queue_in_full_outbox(Member& member, const FrameRef& first, const FrameRef& frame) noexcept;
  void give_up(Member& member) noexcept;
  void flush_turn() noexcept;
  void begin_steps() noexcept;
  void step() noexcept;

  asio::io_context& context_;
  const Clock& clock_;
  // These have room for every member, so that no delivery and no change of rights allocates.
  std::vector<Member*> touched_;     // in this turn
  std::vector<Member*> overflowed_;  // to be closed at the end of the turn
  SendLines lines_;
  SendTimes times_;
  FixedPost step_post_;
  bool stepping_ = false;  // a step is on its way
  bool in_turn_ = false;
};

class Sending::Burst {
 public:
  explicit Burst(Sending& sending) noexcept
      : sending_(sending), outermost_(!std::exchange(sending.in_turn_, true)) {}
  ~Burst() {
    if (!outermost_) return;
    sending_.in_turn_ = false;
    sending_.flush_turn();
  }
  Burst(const Burst&) = delete;
  Burst& operator=(const Burst&) = delete;

 private:
  Sending& sending_;
  const bool outermost_;
};

}  // namespace corohub::hub
