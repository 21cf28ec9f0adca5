#include "hub/replay.hpp"

#include <algorithm>
#include <limits>
#include <new>
#include <utility>

namespace corohub::hub {
namespace {

// Of an outbox, in quarters: it is filled up to three, and not again before it is down to one. A page is at
// most half, so that one quarter is left for volatile events.
constexpr std::uint32_t low_water = 1;
constexpr std::uint32_t high_water = 3;

bool is_below(const Outbox& outbox, std::uint32_t quarters) noexcept {
  const OutboxLimits& limits = outbox.limits();
  return outbox.messages() <= std::uint64_t{limits.messages_max} * quarters / 4 &&
         outbox.bytes() <= std::uint64_t{limits.bytes_max} * quarters / 4;
}

}  // namespace

Replay::Replay(Shard& shard, Member& member, ReplayOwner& owner, Seq since) noexcept
    : shard_(shard), member_(member), owner_(owner), position_(since) {
  shard_.wheel().arm(*this, shard_.now() + time_max);
}

void Replay::hold_own() noexcept {
  own_ = true;
  shard_.hold_durable(member_);
}

void Replay::hold(Subscription& subscription) noexcept {
  subscription.skip = std::numeric_limits<Seq>::max();
  subscription.held_by = this;
}

void Replay::go_live() noexcept {
  if (own_) shard_.go_live(member_, position_);
  for (const std::unique_ptr<Subscription>& subscription : member_.subscriptions()) {
    if (subscription->held_by != this) continue;
    subscription->skip = position_;
    subscription->held_by = nullptr;
  }
}

bool Replay::is_idle() const noexcept {
  return !own_ && std::ranges::none_of(member_.subscriptions(), [this](const auto& subscription) {
    return subscription->held_by == this;
  });
}

bool Replay::advance() {
  shard_.send_now(member_);
  while (!reading_ && !member_.outbox().closed() && below_low_water()) {
    if (position_ < shard_.tail().base()) {
      reading_ = true;
      shard_.permits().ask(*this);
      return false;
    }
    push_from_tail();
    if (position_ < shard_.head()) continue;
    go_live();
    return true;
  }
  return false;
}

void Replay::push_from_tail() {
  const Shard::Burst burst(shard_);
  const Tail& tail = shard_.tail();
  for (std::size_t i = tail.after(position_); i < tail.size(); ++i) {
    if (!below_high_water()) return;
    position_ = tail.at(i)->seq();
    push_if_visible(*tail.at(i), member_.format());
  }
  position_ = std::max(position_, shard_.head());
}

void Replay::permitted(ReadPermits::Permit permit) noexcept {
  rights_of_page_ = member_.rights_version();
  try {
    owner_.read_page(*this, std::move(permit), wish());
  } catch (const std::bad_alloc&) {
    owner_.replay_too_long();
  }
}

PageWish Replay::wish() const {
  const OutboxLimits& limits = member_.outbox().limits();
  PageWish wish{position_,
                member_.identity(),
                own_,
                {},
                std::min<std::size_t>(page_events_max, limits.messages_max / 2),
                std::min<std::size_t>(page_bytes_max, limits.bytes_max / 2)};
  for (const std::unique_ptr<Subscription>& subscription : member_.subscriptions())
    if (subscription->held_by == this)
      wish.topics.push_back(
          {subscription->topic->name, subscription->topic->rule->subscribers, subscription->floor});
  return wish;
}

void Replay::page_read(const LogPage& page) {
  reading_ = false;
  if (rights_of_page_ != member_.rights_version() || member_.outbox().closed()) return;
  if (page.floor > position_) {
    owner_.replay_gap(*this, position_, page.floor);
    position_ = page.floor;
  }
  shard_.send_now(member_);
  push_from(page);
}

// Not beyond what this shard has applied: a change of rights may stand between there and the log's end.
void Replay::push_from(const LogPage& page) {
  const Shard::Burst burst(shard_);
  const Seq end = std::min(page.scanned_to, shard_.head());
  // What was read for one member would be compressed for it alone.
  WireFormat format = member_.format();
  if (format == WireFormat::websocket_deflate) format = WireFormat::websocket_text;
  for (const EventRef& event : page.events) {
    if (event->seq() > end) break;
    if (!below_high_water()) return;
    if (event->seq() <= position_) continue;
    position_ = event->seq();
    push_if_visible(*event, format);
  }
  position_ = std::max(position_, end);
}

void Replay::push_if_visible(const Event& event, WireFormat format) {
  if (is_wanted(event)) shard_.push(member_, event.frame(format, shard_.epoch()));
}

bool Replay::is_wanted(const Event& event) const noexcept {
  if (event.topic().empty()) return own_ && member_.may_see(event);
  const Subscription* subscription = member_.subscription(event.topic());
  return subscription != nullptr && subscription->held_by == this && event.seq() > subscription->floor &&
         member_.wants(event);
}

bool Replay::below_low_water() const noexcept { return is_below(member_.outbox(), low_water); }
bool Replay::below_high_water() const noexcept { return is_below(member_.outbox(), high_water); }

void Replay::on_due(SteadyTime) noexcept { owner_.replay_too_long(); }

}  // namespace corohub::hub
