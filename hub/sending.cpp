#include "hub/sending.hpp"

#include "core/metrics.hpp"

#include <algorithm>
#include <functional>

namespace corohub::hub {
namespace {

constexpr std::size_t closed_at_once = 32;  // one of so many

struct Counters {
  metrics::Counter& slow_consumers =
      metrics::counter("corohub_slow_consumers_total", "Connections closed because their outbox was full.");
  metrics::Counter& memory_closes =
      metrics::counter("corohub_outbox_memory_closes_total",
                       "Connections closed because all outboxes together held too much.");
};

Counters& counters() {
  static Counters all;
  return all;
}

}  // namespace

void Sending::reserve(std::size_t members) {
  reserve_for(touched_, members);
  reserve_for(overflowed_, members);
}

void Sending::leave(Member& member) noexcept {
  if (std::exchange(member.touched_, false)) std::erase(touched_, &member);
  if (member.waiting_.is_linked()) lines_.leave(member);
  std::erase(overflowed_, &member);
}

// ---- a turn ----

Push Sending::push(Member& member, const FrameRef& first, const FrameRef& frame) noexcept {
  const Push pushed = member.outbox_.closed() ? Push::closed : queue(member, first, frame);
  if (!in_turn_) flush_turn();
  return pushed;
}

void Sending::end_turn() noexcept {
  in_turn_ = false;
  flush_turn();
}

void Sending::flush_turn() noexcept {
  for (Member* member : overflowed_) member->close(CloseReason::slow_consumer);
  overflowed_.clear();
  const bool at_once = touched_.size() <= sends_at_once;
  SendLines::Place place;
  if (!at_once) place = lines_.join(touched_);
  for (Member* member : touched_) {
    member->touched_ = false;
    if (at_once) member->flush();
  }
  touched_.clear();
  if (!at_once) begin_steps();
  times_.turn_ended(place);
  times_.look(lines_, clock_);
}

// A long turn fills the outbox of a client that would have read it all. A client is slow when its socket
// takes nothing either.
Push Sending::queue_in_full_outbox(Member& member, const FrameRef& first, const FrameRef& frame) noexcept {
  member.flush();
  const Push pushed = put_into_outbox(member, first, frame);
  if (pushed == Push::full) give_up(member);
  return pushed;
}

void Sending::give_up(Member& member) noexcept {
  member.outbox_.close_and_clear();
  overflowed_.push_back(&member);
  counters().slow_consumers.Increment();
}

// Frames are shared, so nobody can say what the end of one connection gives back: with every call a part of
// the worst goes, until enough is free. A member that stands in a line is not slow, it has not been sent to
// yet.
void Sending::close_worst(const MemberIndex& members) noexcept {
  members.for_each([this](Member& member) {
    if (member.backlog() > 0 && !member.outbox_.closed() && !member.waiting_.is_linked())
      overflowed_.push_back(&member);
  });
  const std::size_t victims = (overflowed_.size() + closed_at_once - 1) / closed_at_once;
  std::ranges::nth_element(overflowed_, overflowed_.begin() + static_cast<std::ptrdiff_t>(victims),
                           std::ranges::greater(), [](const Member* member) { return member->backlog(); });
  overflowed_.resize(victims);
  for (Member* member : overflowed_) member->outbox_.close_and_clear();
  counters().memory_closes.Increment(static_cast<double>(victims));
  flush_turn();
}

// ---- in steps ----

void Sending::begin_steps() noexcept {
  if (std::exchange(stepping_, true)) return;
  step_post_.post(context_, [this]() noexcept {
    stepping_ = false;
    step();
    if (!lines_.empty()) begin_steps();
  });
}

void Sending::step() noexcept {
  lines_.step();
  times_.look(lines_, clock_);
}

void Sending::send_now(Member& member) noexcept {
  if (!member.waiting_.is_linked()) return;
  lines_.leave(member);
  member.flush();
}

void Sending::send_all() noexcept {
  while (!lines_.empty()) step();
}

}  // namespace corohub::hub
