#include "hub/shard.hpp"

#include "core/log.hpp"
#include "core/metrics.hpp"

#include <algorithm>
#include <array>
#include <functional>
#include <limits>
#include <new>
#include <utility>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>

namespace corohub::hub {
namespace {

// After so many deliveries a turn ends and lets the rest of the thread run, about 10 ms. Fewer would part
// what can leave in one send.
constexpr std::size_t deliveries_per_turn = 1 << 18;
constexpr std::size_t measured_batches_max = 1024;

struct Counters {
  metrics::Counter& deliveries =
      metrics::counter("corohub_deliveries_total", "Events queued for a connection.");
  metrics::Counter& entries =
      metrics::counter("corohub_inbox_entries_total", "Events and control entries applied by a shard.");
  metrics::Counter& slow_consumers =
      metrics::counter("corohub_slow_consumers_total", "Connections closed because their outbox was full.");
  metrics::Counter& memory_closes =
      metrics::counter("corohub_outbox_memory_closes_total",
                       "Connections closed because all outboxes together held too much.");
  metrics::Histogram& commit_to_send = metrics::histogram(
      "corohub_commit_to_send_seconds",
      "From a commit to the return of a shard's last send of what it committed.",
      {0.00005, 0.0001, 0.0002, 0.0003, 0.0005, 0.00075, 0.001, 0.002, 0.005, 0.01, 0.05, 0.25, 1});
};

Counters& counters() {
  static Counters all;
  return all;
}

// Null when nobody may be connected as this user any more.
const Account* usable(const AccountRef& account) noexcept {
  return account && account->status == UserStatus::active ? account.get() : nullptr;
}

// Of a member that hears all its audience hears.
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
      tail_(limits.tail),
      closing_(*this) {
  counters();
  unsent_.reserve(measured_batches_max);
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
  in_turn_ = true;
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
    if (batch.committed() && unsent_.size() < unsent_.capacity()) unsent_.push_back({*batch.committed()});
    batch.applied_by_one_shard();
    ++next_batch_;
    next_entry_ = 0;
  }
  in_turn_ = false;
  const SendLines::Place sent = end_turn();
  for (auto unsent = unsent_.rbegin(); unsent != unsent_.rend() && !unsent->until; ++unsent)
    unsent->until = sent;
  note_sent();
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

SendLines::Place Shard::end_turn() noexcept {
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
  if (!at_once) send_some();
  return place;
}

// ---- sending ----

void Shard::send_now(Member& member) noexcept {
  if (!member.waiting_.is_linked()) return;
  lines_.leave(member);
  member.flush();
}

void Shard::send_some() noexcept {
  if (std::exchange(sending_, true)) return;
  step_post_.post(context_, [this]() noexcept {
    sending_ = false;
    send_step();
    if (!lines_.empty()) send_some();
  });
}

void Shard::send_step() noexcept {
  lines_.step();
  note_sent();
}

void Shard::note_sent() noexcept {
  const auto left = std::ranges::find_if(
      unsent_, [this](const Unsent& batch) { return !batch.until || !lines_.has_passed(*batch.until); });
  if (left == unsent_.begin()) return;
  const SteadyTime now = clock_.steady();
  for (auto sent = unsent_.begin(); sent != left; ++sent)
    counters().commit_to_send.Observe(std::chrono::duration<double>(now - sent->committed).count());
  unsent_.erase(unsent_.begin(), left);
}

// ---- delivery ----

std::uint32_t Shard::apply(const EventRef& event) noexcept {
  Delivery delivery{*event, event->seq(), epoch_};
  const std::uint32_t reached =
      event->topic().empty() ? deliver_by_audience(delivery) : deliver_to_topic(delivery);
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
    if ((audience.roles & role_bit(member.identity_->role)) == 0) reached += offer(member, delivery);
  });
  return reached;
}

std::uint32_t Shard::deliver_to_topic(Delivery& delivery) noexcept {
  const Topic* topic = topics_.find(delivery.event.topic());
  if (topic == nullptr) return 0;
  std::uint32_t reached = 0;
  const std::vector<Subscription*>& all = topic->subscriptions;
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (i + 2 * prefetch_ahead < all.size()) __builtin_prefetch(all[i + 2 * prefetch_ahead]);
    if (i + prefetch_ahead < all.size()) all[i + prefetch_ahead]->member->prefetch();
    reached += offer(*all[i], delivery);
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
  if (std::ranges::binary_search(notice.except, member.identity_->user_id)) return false;
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

// Each subscription of a member has its copy.
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

// Whoever there is no memory for cannot be told what it misses, so it is closed, and comes back for that.
bool Shard::queue_event(Member& member, const Interest& interest, Delivery& delivery) noexcept {
  try {
    const FrameRef& shared = delivery.frame(*member.form_);
    if (shared) return queue(member, interest.prefix.get(), shared) == Push::queued && member.is_client_;
    const FrameRef own = member.own_frame(delivery.event, interest);
    return own && queue(member, nullptr, own) == Push::queued && member.is_client_;
  } catch (const std::bad_alloc&) {
    end(member, CloseReason::overloaded);
    return false;
  }
}

Push Shard::queue(Member& member, const Frame* first, const FrameRef& frame) noexcept {
  const auto push_into_outbox = [&] {
    return first == nullptr ? member.outbox_.push(frame) : member.outbox_.push(FrameRef(first), frame);
  };
  Push pushed = push_into_outbox();
  if (pushed == Push::full) {
    // A long turn fills the outbox of a client that would have read it all: slow is whose socket is full too.
    member.flush();
    pushed = push_into_outbox();
  }
  if (pushed == Push::queued && !std::exchange(member.touched_, true)) touched_.push_back(&member);
  if (pushed == Push::full) drop_slow(member);
  return pushed;
}

void Shard::drop_slow(Member& member) noexcept {
  member.outbox_.close_and_clear();
  overflowed_.push_back(&member);
  counters().slow_consumers.Increment();
}

Push Shard::push(Member& member, const FrameRef& frame) noexcept { return push(member, nullptr, frame); }

Push Shard::push(Member& member, const Frame* first, const FrameRef& frame) noexcept {
  const Push pushed = member.outbox_.closed() ? Push::closed : queue(member, first, frame);
  if (!in_turn_) end_turn();
  return pushed;
}

void Shard::push_event(Member& member, const Interest& interest, const Event& event, const Form& form) {
  if (const FrameRef& shared = event.frame(form, epoch_))
    push(member, interest.prefix.get(), shared);
  else if (const FrameRef own = member.own_frame(event, interest))
    push(member, own);
}

// ---- control entries ----

std::uint32_t Shard::apply(const AccountChanged& change) noexcept {
  if (listener_ != nullptr) listener_->account_changed(change);
  const Account* account = usable(change.account);
  // Who is gone has no rank left: what waits for an admin is not his last word.
  const Role role = account != nullptr ? account->role : Role::user;
  std::uint32_t ended = 0;
  for_each_of(change.user_id, [&](Member& member) {
    if (member.identity_->role != role) move_to_role(member, role);
    const bool stays = account != nullptr && account->has_session(member.identity_->session);
    if (stays) return;
    member.outbox_.discard_all_but_personal(change.user_id);
    ended += end(member, change.ending);
  });
  return ended;
}

std::uint32_t Shard::apply(const Kick& kick) noexcept {
  Member* const member = by_client_.find(kick.client);
  return member != nullptr && end(*member, CloseReason::kicked) ? 1 : 0;
}

bool Shard::end(Member& member, CloseReason reason) noexcept {
  if (member.outbox_.closed()) return false;
  member.outbox_.close();
  member.close(reason);
  return true;
}

void Shard::move_to_role(Member& member, Role role) noexcept {
  members_.change_role(member, role);
  ++member.rights_version_;
  member.outbox_.discard_lost(*member.identity_);
  member.role_changed();
  drop_lost_subscriptions(member);
}

// What waited of them is gone with the rest of what was lost: a topic's frames name the roles it is for.
void Shard::drop_lost_subscriptions(Member& member) noexcept {
  if (!member.subscriptions_) return;
  Member::Subscriptions& all = *member.subscriptions_;
  const auto lost = std::partition(all.begin(), all.end(), [&](const auto& subscription) {
    return subscription->topic->rule->may_subscribe(member.identity_->role);
  });
  // One by one, because the member looks at those it still has.
  for (auto left = all.end() - lost; left > 0; --left) {
    const std::unique_ptr<Subscription> subscription = std::move(all.back());
    all.pop_back();
    member.subscription_lost(*subscription);
    topics_.remove(*subscription);
  }
}

// ---- coming and going ----

void Shard::attach(Member& member, const Identity& who) {
  const std::size_t members = members_.size() + 1;
  members_.reserve(members);
  by_client_.reserve(members);
  reserve_for(touched_, members);
  reserve_for(overflowed_, members);
  member.identity_ = who;
  members_.enter(member);  // may throw, and then it has entered nothing
  by_client_.enter(member);
  member.form_ = &member.form();
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
  if (std::exchange(member.touched_, false)) std::erase(touched_, &member);
  if (member.waiting_.is_linked()) lines_.leave(member);
  std::erase(overflowed_, &member);
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

// Of several feeds the one that has had least counts: a client that comes back with this position misses
// nothing.
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
  if (outbox_memory() > limits_.outbox_memory) drop_worst();
  // The turn was posted before this tick was armed, so it has had its turn unless it was lost.
  const bool lost = std::exchange(turn_due_, inbox_.is_awake()) && turn_due_;
  if (!lost) heartbeat_.fetch_add(1, std::memory_order_relaxed);
}

// Tokens first: whose time is over hears no more of it from a wheel that has stood still.
void Shard::turn_wheels() noexcept {
  const SteadyTime now = clock_.steady();
  const SteadyTime::duration paused_before = wheel_.paused();
  expiries_.advance(now);
  wheel_.advance(now);
  const SteadyTime::duration paused = wheel_.paused() - paused_before;
  if (paused > SteadyTime::duration())
    log::warn("shard.stood_still", {{"ms", paused / std::chrono::milliseconds(1)}});
}

// Frames are shared, so nobody can say what the end of one connection gives back: the worst of those who wait
// go, a part with every tick, until enough is free. Who waits in a line has not been asked yet.
void Shard::drop_worst() noexcept {
  members_.for_each([this](Member& member) {
    if (!member.outbox_.empty() && !member.outbox_.closed() && !member.waiting_.is_linked())
      overflowed_.push_back(&member);
  });
  const auto backlog = [](Member* member) {
    return member->outbox_.bytes() + member->outbox_.messages() * sizeof(FrameRef);
  };
  const std::size_t victims = (overflowed_.size() + 31) / 32;
  std::ranges::nth_element(overflowed_, overflowed_.begin() + static_cast<std::ptrdiff_t>(victims),
                           std::ranges::greater(), backlog);
  overflowed_.resize(victims);
  for (Member* member : overflowed_) member->outbox_.close_and_clear();
  counters().memory_closes.Increment(static_cast<double>(victims));
  end_turn();
}

void Shard::close_all(CloseReason reason, std::chrono::milliseconds spread) {
  closing_.reason = reason;
  closing_.begin = now();
  closing_.spread = spread;
  closing_.total = size();
  closing_.ended = 0;
  closing_.on_due(closing_.begin);
}

void Shard::Closing::on_due(SteadyTime now) noexcept {
  const auto elapsed = std::chrono::duration_cast<std::chrono::milliseconds>(now - begin);
  const bool last = elapsed >= spread;
  const std::size_t quota =
      last ? std::numeric_limits<std::size_t>::max()
           : total * static_cast<std::size_t>(elapsed.count()) / static_cast<std::size_t>(spread.count());
  shard.members_.for_each([&](Member& member) {
    if (ended < quota) ended += shard.end(member, reason);
  });
  if (!last) shard.wheel_.arm(*this, now + Wheel::tick);
}

void Shard::stop() {
  ticking_ = false;
  timer_.cancel();
  wheel_.disarm(closing_);
  inbox_.close();
  while (turn()) {
  }
  while (!lines_.empty()) send_step();
}

}  // namespace corohub::hub
