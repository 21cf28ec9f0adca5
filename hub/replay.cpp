#include "hub/replay.hpp"

#include <algorithm>
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

Replay::Replay(Shard& shard, Member& member, ReplayOwner& owner, Seq own_after) noexcept
    : shard_(shard), member_(member), owner_(owner), own_after_(own_after), position_(own_after) {
  shard_.hold_durable(member_);
  for (const std::unique_ptr<Subscription>& subscription : member_.subscriptions())
    if (subscription->phase == Subscription::Phase::live)
      hold(*subscription, std::max(subscription->skip, shard_.head()));
}

void Replay::hold(Subscription& subscription, Seq after) noexcept {
  own_after_ = std::max(own_after_, position_);
  for (const std::unique_ptr<Subscription>& other : member_.subscriptions())
    if (other->phase == Subscription::Phase::held) other->floor = std::max(other->floor, position_);
  subscription.hold(Subscription::Phase::held);
  subscription.floor = after;
  position_ = std::min(position_, after);
  page_outdated_ = true;
}

void Replay::go_live() noexcept {
  shard_.go_live(member_, std::max(position_, own_after_));
  for (const std::unique_ptr<Subscription>& subscription : member_.subscriptions())
    if (subscription->phase == Subscription::Phase::held)
      subscription->go_live(std::max(position_, subscription->floor));
}

// A subscription may have ended for which it had gone back.
void Replay::skip_what_nobody_wants() noexcept {
  Seq first = own_after_;
  for (const std::unique_ptr<Subscription>& subscription : member_.subscriptions())
    if (subscription->phase == Subscription::Phase::held) first = std::min(first, subscription->floor);
  position_ = std::max(position_, first);
}

bool Replay::advance() {
  shard_.send_now(member_);
  while (!reading_ && !member_.outbox().closed() && below_low_water()) {
    skip_what_nobody_wants();
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
    push_if_visible(*tail.at(i), member_.form());
  }
  position_ = std::max(position_, shard_.head());
}

void Replay::permitted(ReadPermits::Permit permit) noexcept {
  shard_.wheel().arm(*this, shard_.now() + page_time_max);
  skip_what_nobody_wants();
  rights_of_page_ = member_.rights_version();
  page_outdated_ = false;
  try {
    PageWish asked = wish();
    own_in_page_ = asked.own.has_value();
    owner_.read_page(*this, std::move(permit), std::move(asked));
  } catch (const std::bad_alloc&) {
    owner_.replay_failed();
  }
}

PageWish Replay::wish() const {
  const OutboxLimits& limits = member_.outbox().limits();
  PageWish wish{.after = position_,
                .own = {},
                .topics = {},
                .events_max = std::min<std::size_t>(page_events_max, limits.messages_max / 2),
                .bytes_max = std::min<std::size_t>(page_bytes_max, limits.bytes_max / 2)};
  if (position_ >= own_after_) wish.own = member_.identity();
  for (const std::unique_ptr<Subscription>& subscription : member_.subscriptions())
    if (subscription->phase == Subscription::Phase::held)
      wish.topics.push_back(
          {subscription->topic->name, subscription->topic->rule->subscribers, subscription->floor});
  return wish;
}

void Replay::page_read(const LogPage& page) {
  reading_ = false;
  shard_.wheel().disarm(*this);
  const bool outdated = page_outdated_ || rights_of_page_ != member_.rights_version();
  if (outdated || member_.outbox().closed()) return;
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
  Seq end = std::min(page.scanned_to, shard_.head());
  if (!own_in_page_) end = std::min(end, own_after_);
  // What was read for one member would be compressed for it alone.
  const Form& form = member_.form().unshared();
  for (const EventRef& event : page.events) {
    if (event->seq() > end) break;
    if (!below_high_water()) return;
    if (event->seq() <= position_) continue;
    position_ = event->seq();
    push_if_visible(*event, form);
  }
  position_ = std::max(position_, end);
}

void Replay::push_if_visible(const Event& event, const Form& form) {
  if (is_wanted(event)) shard_.push(member_, event.frame(form, shard_.epoch()));
}

bool Replay::is_wanted(const Event& event) const noexcept {
  if (event.topic().empty()) return event.seq() > own_after_ && member_.may_see(event);
  const Subscription* subscription = member_.subscription(event.topic());
  return subscription != nullptr && subscription->phase == Subscription::Phase::held &&
         event.seq() > subscription->floor && member_.wants(event);
}

bool Replay::below_low_water() const noexcept { return is_below(member_.outbox(), low_water); }
bool Replay::below_high_water() const noexcept { return is_below(member_.outbox(), high_water); }

void Replay::on_due(SteadyTime) noexcept { owner_.replay_failed(); }

}  // namespace corohub::hub
