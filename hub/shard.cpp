#include "hub/shard.hpp"

#include "core/log.hpp"
#include "core/metrics.hpp"

#include <algorithm>
#include <limits>
#include <new>
#include <utility>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>

namespace corohub::hub {
namespace {

// After so many deliveries, about 10 ms, a turn ends and lets the rest of the thread run. With fewer, more of
// what could leave in one send would leave in two.
constexpr std::size_t deliveries_per_turn = 1 << 18;

struct Counters {
  metrics::Counter& deliveries =
      metrics::counter("corohub_deliveries_total", "Events queued for a connection.");
  metrics::Counter& entries =
      metrics::counter("corohub_inbox_entries_total", "Events and control entries applied by a shard.");
};

Counters& counters() {
  static Counters all;
  return all;
}

// Null when nobody may be connected as this account any more.
const Account* usable(const AccountRef& account) noexcept {
  return account && account->status == UserStatus::active ? account.get() : nullptr;
}

// The interest of a member that hears all that its audience hears.
const Interest all_of_its_own;

}  // namespace

const FrameRef& Shard::Delivery::frame(const Form& form) {
  if (&form != last_form) {
    last_frame = &event.frame(form, epoch);
    last_form = &form;
  }
  return *last_frame;
}

Shard::Shard(asio::io_context& context, const Clock& clock, ShardLimits limits)
    : context_(context),
      clock_(clock),
      limits_(limits),
      inbox_({limits.inbox_entries, limits.inbox_bytes}),
      wheel_(clock.steady()),
      expiries_(clock.steady(), Wheel::Pauses::counted),
      timer_(context.get_executor()),
      topics_(limits.topics),
      sending_(context, clock),
      tail_(limits.tail) {
  counters();
  taken_.reserve(inbox_.batches_max());
}

Shard::~Shard() = default;

// ---- one turn ----

void Shard::put(BatchRef batch) noexcept {
  if (inbox_.put(std::move(batch))) wake();
}

void Shard::put_reserved(BatchRef batch) noexcept {
  if (inbox_.put_reserved(std::move(batch))) wake();
}

void Shard::wake() noexcept {
  turn_post_.post(context_, [this]() noexcept { drain_inbox(); });
}

void Shard::drain_inbox() noexcept {
  if (turn()) wake();
}

bool Shard::turn() noexcept {
  turn_due_ = false;
  if (taken_.empty()) inbox_.take(taken_);
  sending_.begin_turn();
  std::size_t reached = 0;
  std::size_t applied_entries = 0;
  std::size_t applied_bytes = 0;
  while (next_batch_ < taken_.size() && reached < deliveries_per_turn) {
    Batch& batch = *taken_[next_batch_];
    if (next_entry_ < batch.entries().size()) {
      reached += apply_entry(batch, next_entry_++);
      continue;
    }
    applied_entries += batch.entries().size();
    applied_bytes += batch.bytes();
    if (batch.committed()) sending_.measure(*batch.committed());
    batch.applied_by_one_shard();
    ++next_batch_;
    next_entry_ = 0;
  }
  sending_.end_turn();
  counters().entries.Increment(static_cast<double>(applied_entries));
  if (next_batch_ == taken_.size()) {
    taken_.clear();
    next_batch_ = 0;
  }
  return inbox_.give_back(applied_entries, applied_bytes, !taken_.empty());
}

std::uint32_t Shard::apply_entry(Batch& batch, std::size_t i) noexcept {
  const Entry& entry = batch.entries()[i];
  const std::uint32_t reached = std::visit([this](const auto& what) { return apply(what); }, entry);
  if (reached > 0) batch.add_reached(i, reached);
  return reached;
}

// ---- delivery ----

std::uint32_t Shard::apply(const EventRef& event) noexcept {
  Delivery delivery{*event, event->seq(), epoch_};
  std::uint32_t reached = event->topic().empty() ? deliver_by_audience(delivery) : deliver_to_topic(delivery);
  if (!event->also().empty()) reached += deliver_to_second_topic(delivery);
  if (event->seq() > head_) {
    tail_.push(event);
    head_ = event->seq();
  }
  counters().deliveries.Increment(reached);
  return reached;
}

std::uint32_t Shard::deliver_by_audience(Delivery& delivery) noexcept {
  const Audience& audience = delivery.event.audience();
  std::uint32_t reached = 0;
  for (std::size_t role = 0; role < role_count; ++role) {
    if ((audience.roles & role_bit(static_cast<Role>(role))) == 0) continue;
    const std::vector<Member*>& members = members_.of(static_cast<Role>(role));
    for (std::size_t i = 0; i < members.size(); ++i) {
      if (i + prefetch_ahead < members.size()) members[i + prefetch_ahead]->prefetch();
      reached += offer(*members[i], delivery);
    }
  }
  for_each_of(audience.user_id, [&](Member& member) {
    if ((audience.roles & role_bit(member.identity_.role)) == 0) reached += offer(member, delivery);
  });
  return audience.is_judged() ? reached + deliver_judged(delivery) : reached;
}

// To those whom the rest of the audience has not reached.
std::uint32_t Shard::deliver_judged(Delivery& delivery) noexcept {
  const Audience& audience = delivery.event.audience();
  std::uint32_t reached = 0;
  const auto look_at = [&](Member& member) {
    if (audience.includes(member.identity_) || !is_judged_for(delivery.event, member.identity_)) return;
    reached += offer(member, delivery);
  };
  for (std::size_t role = 0; role < role_count; ++role) {
    if ((audience.roles & role_bit(static_cast<Role>(role))) != 0) continue;
    for (Member* member : members_.of(static_cast<Role>(role))) look_at(*member);
  }
  for (Member* member : members_.with_client_keys()) look_at(*member);
  return reached;
}

std::uint32_t Shard::deliver_to_topic(Delivery& delivery) noexcept {
  const std::string_view name = delivery.event.topic();
  const Topic* const topic = topics_.find(name);
  const std::uint32_t reached = topic != nullptr ? deliver_to_subscribers(*topic, delivery) : 0;
  const Topic* const gathering = topics_.find_gathering(name);
  return gathering == nullptr ? reached : reached + roll_up(*gathering, topic, delivery);
}

// A member without labels has each event once, and `of_event`, if it follows that too, has brought it.
std::uint32_t Shard::roll_up(const Topic& gathering, const Topic* of_event, Delivery& delivery) noexcept {
  if (of_event == nullptr) return deliver_to_subscribers(gathering, delivery);
  return deliver_to(gathering, [&](const Subscription& one) {
    const bool by_the_other = one.label == 0 && takes(*one.member, *of_event, delivery);
    return !by_the_other && offer(one, delivery);
  });
}

bool Shard::takes(const Member& member, const Topic& topic, const Delivery& delivery) noexcept {
  return std::ranges::any_of(member.subscriptions(), [&](const std::unique_ptr<Subscription>& one) {
    return one->topic == &topic && one->label == 0 && takes(*one, delivery);
  });
}

bool Shard::takes(const Interest& interest, const Delivery& delivery) noexcept {
  return (delivery.seq == 0 || delivery.seq > interest.skip) && interest.wants(delivery.event);
}

// A member without labels has each event once, here too.
std::uint32_t Shard::deliver_to_second_topic(Delivery& delivery) noexcept {
  const std::string_view name = delivery.event.also();
  const Topic* const topic = topics_.find(name);
  const Topic* const gathering = topics_.find_gathering(name);
  const auto deliver = [&](const Topic& to, const Topic* before) {
    return deliver_to(to, [&](const Subscription& one) {
      const bool by_another =
          one.label == 0 && (has_otherwise(*one.member, delivery) ||
                             (before != nullptr && takes(*one.member, *before, delivery)));
      return !by_another && offer(one, delivery) && is_first(one, before, delivery);
    });
  };
  const std::uint32_t reached = topic != nullptr ? deliver(*topic, nullptr) : 0;
  return gathering != nullptr ? reached + deliver(*gathering, topic) : reached;
}

// Of the member's subscriptions to this topic and the one before: who has several copies is reached once.
bool Shard::is_first(const Subscription& subscription, const Topic* before,
                     const Delivery& delivery) noexcept {
  bool is_earlier = true;
  for (const std::unique_ptr<Subscription>& one : subscription.member->subscriptions()) {
    is_earlier = is_earlier && one.get() != &subscription;
    const bool counts = one->topic == before || (is_earlier && one->topic == subscription.topic);
    if (counts && takes(*one, delivery)) return false;
  }
  return true;
}

// By its audience, or by another topic than the second.
bool Shard::has_otherwise(const Member& member, const Delivery& delivery) const noexcept {
  const std::string_view name = delivery.event.topic();
  if (name.empty()) return is_for(delivery.event, member.identity_) && takes_as_own(member, delivery);
  return std::ranges::any_of(member.subscriptions(), [&](const std::unique_ptr<Subscription>& one) {
    return one->label == 0 && one->topic->hears(name) && takes(*one, delivery);
  });
}

bool Shard::takes_as_own(const Member& member, const Delivery& delivery) noexcept {
  if (member.feeds_ == nullptr) return delivery.seq == 0 || delivery.seq > member.skip_;
  return std::ranges::any_of(*member.feeds_,
                             [&](const Feed& feed) { return feed.label == 0 && takes(feed, delivery); });
}

std::uint32_t Shard::deliver_to_subscribers(const Topic& topic, Delivery& delivery) noexcept {
  return deliver_to(topic, [&](const Subscription& one) { return offer(one, delivery); });
}

// Inline, as every delivery in a topic comes this way. `deliver` takes a const Subscription& and says whether
// it has reached somebody.
template <class F>
[[gnu::always_inline]] inline std::uint32_t Shard::deliver_to(const Topic& topic, F deliver) noexcept {
  std::uint32_t reached = 0;
  const std::vector<Subscription*>& all = topic.subscriptions;
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (i + 2 * prefetch_ahead < all.size()) __builtin_prefetch(all[i + 2 * prefetch_ahead]);
    if (i + prefetch_ahead < all.size()) all[i + prefetch_ahead]->member->prefetch();
    reached += deliver(*all[i]);
  }
  return reached;
}

std::uint32_t Shard::apply(const Notice& notice) noexcept {
  Delivery delivery{*notice.event, 0, epoch_};
  const std::uint32_t reached =
      notice.event->topic().empty() ? notify_by_audience(notice, delivery) : notify_topic(notice, delivery);
  counters().deliveries.Increment(reached);
  return reached;
}

bool Shard::is_for(const Notice& notice, const Member& member) noexcept {
  if (std::ranges::binary_search(notice.except, member.identity_.user_id)) return false;
  return !notice.if_idle || member.is_idle();
}

std::uint32_t Shard::notify_by_audience(const Notice& notice, Delivery& delivery) noexcept {
  const Audience& audience = notice.event->audience();
  std::uint32_t reached = 0;
  const auto notify = [&](Member& member) {
    if (is_for(notice, member)) reached += offer(member, delivery);
  };
  for (const UserId user : notice.only)
    for_each_of(user, [&](Member& member) {
      if (audience.includes(member.identity())) notify(member);
    });
  if (!notice.only.empty()) return reached;
  for (std::size_t role = 0; role < role_count; ++role)
    if ((audience.roles & role_bit(static_cast<Role>(role))) != 0)
      for (Member* member : members_.of(static_cast<Role>(role))) notify(*member);
  return reached;
}

// A member with several subscriptions gets a copy for each.
std::uint32_t Shard::notify_topic(const Notice& notice, Delivery& delivery) noexcept {
  const Topic* const topic = topics_.find(notice.event->topic());
  if (topic == nullptr) return 0;
  std::uint32_t reached = 0;
  const auto notify = [&](const Subscription& subscription) {
    if (is_for(notice, *subscription.member)) reached += offer(subscription, delivery);
  };
  for (const UserId user : notice.only)
    for_each_of(user, [&](const Member& member) {
      for (const std::unique_ptr<Subscription>& subscription : member.subscriptions())
        if (subscription->topic == topic) notify(*subscription);
    });
  if (!notice.only.empty()) return reached;
  for (const Subscription* subscription : topic->subscriptions) notify(*subscription);
  return reached;
}

FrameRef Shard::own_frame(Member& member, const Interest& interest, const Event& event) {
  FrameRef own = member.own_frame(event, interest);
  if (own && event.is_restricted()) own->set_about(&event);
  return own;
}

bool Shard::queue_own_frame(Member& member, const Interest& interest, const Event& event) {
  const FrameRef own = own_frame(member, interest, event);
  return own && sending_.queue(member, {}, own) == Push::queued && member.is_client_;
}

// Inline, because every delivery comes this way. A member for whose bytes there is no memory is closed: its
// client comes back and resumes where it was.
[[gnu::always_inline]] inline bool Shard::queue_event(Member& member, const Interest& interest,
                                                      Delivery& delivery) noexcept {
  try {
    const FrameRef& shared = delivery.frame(*member.form_);
    if (shared) return sending_.queue(member, interest.prefix, shared) == Push::queued && member.is_client_;
    return queue_own_frame(member, interest, delivery.event);
  } catch (const std::bad_alloc&) {
    member.dismiss(CloseReason::overloaded);
    return false;
  }
}

bool Shard::offer(const Subscription& subscription, Delivery& delivery) noexcept {
  return offer(*subscription.member, subscription, delivery);
}

bool Shard::offer(Member& member, const Interest& interest, Delivery& delivery) noexcept {
  if (delivery.seq != 0 && delivery.seq <= interest.skip) return false;
  if (member.outbox_.closed() || !interest.wants(delivery.event)) return false;
  return queue_event(member, interest, delivery);
}

bool Shard::offer(Member& member, Delivery& delivery) noexcept {
  if (member.feeds_ == nullptr) {
    if (delivery.seq != 0 && delivery.seq <= member.skip_) return false;
    return !member.outbox_.closed() && queue_event(member, all_of_its_own, delivery);
  }
  bool reached = false;
  for (const Feed& feed : *member.feeds_)
    if (offer(member, feed, delivery)) reached = true;
  return reached;
}

void Shard::push_event(Member& member, const Interest& interest, const Event& event, const Form& form) {
  if (const FrameRef& shared = event.frame(form, epoch_))
    sending_.push(member, interest.prefix, shared);
  else if (const FrameRef own = own_frame(member, interest, event))
    sending_.push(member, {}, own);
}

// ---- control entries ----

std::uint32_t Shard::apply(const AccountChanged& change) noexcept {
  if (listener_ != nullptr) listener_->account_changed(change);
  const Account* account = usable(change.account);
  // An account that is gone has no rank left: what waits for an admin is no last word to that account.
  const Role role = account != nullptr ? account->role : Role::user;
  std::uint32_t ended = 0;
  for_each_of(change.user_id, [&](Member& member) {
    if (member.identity_.role != role) move_to_role(member, role);
    const bool stays = account != nullptr && account->has_session(member.identity_.session);
    if (stays) return;
    // What it had before its login ended leaves first, if its client reads.
    member.flush();
    member.outbox_.discard_from_first_impersonal(change.user_id);
    if (member.dismiss(change.ending)) ++ended;
  });
  return ended;
}

std::uint32_t Shard::apply(const Kick& kick) noexcept {
  Member* const member = by_client_.find(kick.client);
  return member != nullptr && member->dismiss(CloseReason::kicked) ? 1 : 0;
}

std::uint32_t Shard::apply(const ShardChangeRef& change) noexcept {
  if (listener_ != nullptr) listener_->apply(*change);
  return 0;
}

void Shard::move_to_role(Member& member, Role role) noexcept {
  members_.change_role(member, role);
  ++member.rights_version_;
  member.outbox_.discard_lost(member.identity_);
  member.role_changed();
  // Events of these topics that waited are gone by now: a topic's frames name the roles that may read it, and
  // the outbox has discarded what the new role may not read.
  revoke(member, [role](const Topic& topic) { return topic.rule->may_subscribe(role); });
}

// The member may look at the subscriptions that are left.
void Shard::revoke(Subscription& subscription) noexcept {
  Member& member = *subscription.member;
  Member::Subscriptions& all = *member.subscriptions_;
  const auto place = std::ranges::find(all, &subscription, &std::unique_ptr<Subscription>::get);
  const std::unique_ptr<Subscription> ended = std::move(*place);
  all.erase(place);
  member.subscription_lost(*ended);
  topics_.remove(*ended);
}

// ---- coming and going ----

void Shard::attach(Member& member, const Identity& who) {
  const std::size_t members = members_.size() + 1;
  members_.reserve(members);
  by_client_.reserve(members);
  sending_.reserve(members);
  member.identity_ = who;
  member.is_identified_ = true;
  member.form_ = &member.form();
  members_.enter(member);  // may throw, and then it has entered nothing
  by_client_.enter(member);
  member.skip_ = head_;
  if (member.feeds_)
    for (Feed& feed : *member.feeds_) feed.skip = head_;
  member.attached_ = true;
}

void Shard::detach(Member& member) noexcept {
  if (!std::exchange(member.attached_, false)) return;
  by_client_.leave(member);
  members_.leave(member);
  for (const std::unique_ptr<Subscription>& subscription : member.subscriptions())
    topics_.remove(*subscription);
  member.subscriptions_.reset();
  sending_.leave(member);
}

void Shard::begin_after(const LogState& log) {
  epoch_ = log.epoch;
  head_ = log.head;
  tail_.begin_at(log.recent_after);
  for (const EventRef& event : log.recent) tail_.push(event);
}

Subscription* Shard::subscribe(Member& member, std::string_view topic, const TopicRule& rule,
                               InterestTerms terms) {
  if (Subscription* known = member.subscription(topic, terms.label)) return known;
  return topics_.add(member, topic, rule, std::move(terms), head_);
}

void Shard::unsubscribe(Subscription& subscription) noexcept {
  topics_.remove(subscription);
  std::erase_if(*subscription.member->subscriptions_,
                [&](const std::unique_ptr<Subscription>& one) { return one.get() == &subscription; });
}

Feed& Shard::add_feed(Member& member, InterestTerms terms) {
  if (Feed* known = member.feed(terms.label)) return *known;
  Feed& feed = member.feeds_->emplace_back();
  static_cast<InterestTerms&>(feed) = std::move(terms);
  feed.skip = head_;
  return feed;
}

void Shard::remove(Member& member, Interest& interest) noexcept {
  if (Feed* const feed = member.feed(interest.label); feed == &interest)
    member.feeds_->erase(member.feeds_->begin() + (feed - member.feeds_->data()));
  else
    unsubscribe(static_cast<Subscription&>(interest));
}

// Of several feeds the one that has had least counts, so that a client that comes back with this position
// misses nothing.
Seq Shard::had(const Member& member) const noexcept {
  if (!member.feeds_) return std::max(head_, member.skip_);
  Seq least = std::numeric_limits<Seq>::max();
  for (const Feed& feed : *member.feeds_)
    if (feed.is_live()) least = std::min(least, feed.skip);
  return least == std::numeric_limits<Seq>::max() ? head_ : std::max(head_, least);
}

std::vector<MemberInfo> Shard::list(std::size_t most, const ClientId& after) const {
  std::vector<MemberInfo> infos;
  by_client_.walk(after, [&](const Member& member) {
    if (infos.size() == most) return false;
    infos.push_back(member.info());
    return true;
  });
  return infos;
}

std::optional<MemberInfo> Shard::find(const ClientId& client) const {
  const Member* const member = by_client_.find(client);
  if (member == nullptr) return std::nullopt;
  return member->info();
}

// ---- time and the end ----

void Shard::start() {
  ticking_ = true;
  wheel_.advance(clock_.steady());  // what was before the start is no pause
  asio::co_spawn(context_, tick_loop(), asio::detached);
}

Task<> Shard::tick_loop() {
  while (ticking_) {
    timer_.expires_after(Wheel::tick);
    const auto [error] = co_await timer_.async_wait(asio::as_tuple(use_task));
    if (error) co_return;
    tick();
  }
}

void Shard::tick() noexcept {
  turn_wheels();
  if (outbox_memory() > limits_.outbox_memory) sending_.close_worst(members_);
  // A turn that was due at the last tick was posted before this tick was armed, so the loop has run it by
  // now, unless the loop has lost it.
  const bool lost = std::exchange(turn_due_, inbox_.is_awake()) && turn_due_;
  if (!lost) heartbeat_.fetch_add(1, std::memory_order_relaxed);
}

// Tokens end first: a client whose token is over gets nothing more from what the other wheel wakes.
void Shard::turn_wheels() noexcept {
  const SteadyTime now = clock_.steady();
  const SteadyTime::duration paused_before = wheel_.paused();
  expiries_.advance(now);
  wheel_.advance(now);
  const SteadyTime::duration paused = wheel_.paused() - paused_before;
  if (paused > SteadyTime::duration())
    log::warn("shard.stood_still", {{"ms", paused / std::chrono::milliseconds(1)}});
}

void Shard::stop() {
  ticking_ = false;
  timer_.cancel();
  farewells_.stop();
  inbox_.close();
  while (turn()) {
  }
  sending_.send_all();
}

}  // namespace corohub::hub
