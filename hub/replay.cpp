#include "hub/replay.hpp"

#include <algorithm>
#include <limits>
#include <new>
#include <utility>

namespace corohub::hub {
namespace {

// A replay fills an outbox up to three quarters, and not again before the outbox is down to one quarter. A
// page is at most half an outbox, so that one quarter is left for volatile events.
constexpr std::uint32_t low_water = 1;
constexpr std::uint32_t high_water = 3;

// A position that is never reached.
constexpr Seq never = std::numeric_limits<Seq>::max();

bool is_below(const Outbox& outbox, std::uint32_t quarters) noexcept {
  const OutboxLimits& limits = outbox.limits();
  return outbox.messages() <= std::uint64_t{limits.messages_max} * quarters / 4 &&
         outbox.bytes() <= std::uint64_t{limits.bytes_max} * quarters / 4;
}

}  // namespace

Replay::Replay(Shard& shard, Member& member, ReplayOwner& owner, Seq own_after) noexcept
    : shard_(shard),
      member_(member),
      owner_(owner),
      own_after_(member.hears_by_feeds() ? never : own_after),
      position_(own_after) {
  shard_.hold_durable(member_);
  const Seq head = shard_.head();
  for (const std::unique_ptr<Subscription>& subscription : member_.subscriptions())
    if (subscription->is_live()) hold(*subscription, std::max(subscription->skip, head));
  // A feed that is ahead of this shard stays there.
  member_.for_each_feed([&](Feed& feed) {
    if (feed.is_live()) hold(feed, feed.skip > head ? std::max(feed.skip, own_after) : own_after);
  });
}

void Replay::hold(Interest& interest, Seq after) noexcept {
  if (own_after_ != never) own_after_ = std::max(own_after_, position_);
  member_.for_each_interest([this](Interest& other) {
    if (other.is_held()) other.floor = std::max(other.floor, position_);
  });
  interest.hold(Interest::Phase::held);
  interest.floor = after;
  position_ = std::min(position_, after);
  page_outdated_ = true;
}

void Replay::go_live() noexcept {
  shard_.go_live(member_, std::max(position_, own_after_));
  member_.for_each_interest([this](Interest& interest) {
    if (interest.is_held()) interest.go_live(std::max(position_, interest.floor));
  });
}

// An interest may have ended for which the replay had gone back.
void Replay::skip_what_nobody_wants() noexcept {
  Seq first = own_floor();
  for (const std::unique_ptr<Subscription>& subscription : member_.subscriptions())
    if (subscription->is_held()) first = std::min(first, subscription->floor);
  if (first == never) first = shard_.head();
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
  const Sending::Burst burst = shard_.burst();
  const Tail& tail = shard_.tail();
  const Form& form = member_.form();
  for (std::size_t i = tail.after(position_); i < tail.size(); ++i) {
    if (!push(*tail.at(i), form)) return;
    position_ = tail.at(i)->seq();
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
  if (position_ >= own_floor()) wish.own = member_.identity();
  for (const std::unique_ptr<Subscription>& subscription : member_.subscriptions()) {
    if (!subscription->is_held()) continue;
    const auto known = std::ranges::find(wish.topics, subscription->topic->name, &TopicScope::topic);
    if (known != wish.topics.end())
      known->floor = std::min(known->floor, subscription->floor);
    else
      wish.topics.push_back(
          scope_of(subscription->topic->name, *subscription->topic->rule, subscription->floor));
  }
  wish.types = wanted_types(wish.own.has_value());
  return wish;
}

// Of all interests that the page is for.
std::vector<std::string> Replay::wanted_types(bool own) const {
  std::vector<std::string> all;
  bool any = own && !member_.hears_by_feeds();
  const auto add = [&](const Interest& interest) {
    if (any || !interest.is_held()) return;
    const std::vector<std::string> types =
        interest.filter ? interest.filter->types() : std::vector<std::string>();
    any = types.empty();
    for (const std::string& type : types)
      if (std::ranges::find(all, type) == all.end()) all.push_back(type);
  };
  for (const std::unique_ptr<Subscription>& subscription : member_.subscriptions()) add(*subscription);
  if (own)
    for (const Feed& feed : member_.feeds()) add(feed);
  if (any) all.clear();
  return all;
}

// What is no topic's is for audiences, and not everybody is in one.
Seq Replay::own_floor() const noexcept {
  if (!member_.identity().has_audience()) return never;
  Seq floor = own_after_;
  for (const Feed& feed : member_.feeds())
    if (feed.is_held()) floor = std::min(floor, feed.floor);
  return floor;
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

// Events beyond what this shard has applied wait: a change of rights may stand between there and the log's
// end.
void Replay::push_from(const LogPage& page) {
  const Sending::Burst burst = shard_.burst();
  Seq end = std::min(page.scanned_to, shard_.head());
  if (!own_in_page_) end = std::min(end, own_floor());
  // What was read for one member is encoded for it alone, so nothing is compressed.
  const Form& form = member_.form().unshared();
  for (const EventRef& event : page.events) {
    if (event->seq() > end) break;
    if (event->seq() <= position_) continue;
    if (!push(*event, form)) return;
    position_ = event->seq();
  }
  position_ = std::max(position_, end);
}

// False: the outbox is filled as far as it may be, maybe between two copies for two interests. Each interest
// remembers in its floor what it has had.
bool Replay::push(const Event& event, const Form& form) {
  if (!below_high_water()) return false;
  bool unlabelled = false;  // it has gone to the member by an interest without label
  if (event.topic().empty() && !push_own(event, form, unlabelled)) return false;
  if (event.topic().empty() && event.also().empty()) return true;
  return push_to_topics(event, form, unlabelled);
}

bool Replay::push_own(const Event& event, const Form& form, bool& unlabelled) {
  if (!shard_.is_for(event, member_.identity())) return true;
  bool all_pushed = true;
  if (event.seq() > own_after_) {
    shard_.push_event(member_, Interest{}, event, form);
    unlabelled = true;
  }
  member_.for_each_feed([&](Feed& feed) {
    const bool counts = feed.label == 0 && is_due(feed, event);
    if (all_pushed) all_pushed = push_for(feed, event, form);
    unlabelled = unlabelled || counts;
  });
  return all_pushed;
}

// Of two interests that bring the same event, each with a label has a copy; without labels there is but one.
bool Replay::push_to_topics(const Event& event, const Form& form, bool unlabelled) {
  for (const std::unique_ptr<Subscription>& subscription : member_.subscriptions()) {
    const bool hears = subscription->topic->hears(event.topic(), event.also());
    if (!hears || !is_due(*subscription, event)) continue;
    if (unlabelled && subscription->label == 0) {
      subscription->floor = event.seq();
      continue;
    }
    if (!push_for(*subscription, event, form)) return false;
    unlabelled = unlabelled || subscription->label == 0;
  }
  return true;
}

bool Replay::is_due(const Interest& interest, const Event& event) noexcept {
  return interest.is_held() && event.seq() > interest.floor && interest.wants(event);
}

bool Replay::push_for(Interest& interest, const Event& event, const Form& form) {
  if (!is_due(interest, event)) return true;
  if (!below_high_water()) return false;
  shard_.push_event(member_, interest, event, form);
  interest.floor = event.seq();
  return true;
}

bool Replay::below_low_water() const noexcept { return is_below(member_.outbox(), low_water); }
bool Replay::below_high_water() const noexcept { return is_below(member_.outbox(), high_water); }

void Replay::on_due(SteadyTime) noexcept { owner_.replay_failed(); }

}  // namespace corohub::hub
