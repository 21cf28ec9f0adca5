#include "hub/shard.hpp"

#include "core/metrics.hpp"

#include <algorithm>
#include <array>
#include <functional>
#include <limits>
#include <utility>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>

namespace corohub::hub {
namespace {

// After so many deliveries a turn ends and lets the rest of the thread run, about 10 ms. Fewer would part
// what can leave in one send.
constexpr std::size_t deliveries_per_turn = 1 << 18;

// So many frames may wait for their turn to be sent, and a member counts as idle.
constexpr std::uint32_t idle_messages_max = 16;
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

bool is_routed_to(const Member& member, const Event& event) noexcept {
  if (event.topic().empty()) return event.audience().includes(member.identity());
  return member.subscription(event.topic()) != nullptr;
}

void reserve_for(std::vector<Member*>& members, std::size_t count) {
  if (members.capacity() < count) members.reserve(std::max(count, 2 * members.capacity()));
}

}  // namespace

const FrameRef& Shard::Delivery::frame(WireFormat format) {
  const FrameRef*& known = frames[static_cast<std::size_t>(format)];
  if (known == nullptr) known = &event.frame(format, epoch);
  return *known;
}

Shard::Shard(asio::io_context& context, const Clock& clock, ShardLimits limits)
    : context_(context),
      clock_(clock),
      limits_(limits),
      inbox_({limits.inbox_entries, limits.inbox_bytes}),
      wheel_(clock.steady()),
      timer_(context.get_executor()),
      tail_(limits.tail),
      closing_(*this) {
  counters();
  unsent_.reserve(measured_batches_max);
}

Shard::~Shard() = default;

// ---- one turn ----

void Shard::put(BatchRef batch) {
  if (inbox_.put(std::move(batch))) wake();
}

void Shard::force_put(BatchRef batch) {
  if (inbox_.force_put(std::move(batch))) wake();
}

void Shard::wake() {
  asio::post(context_, [this] { drain_inbox(); });
}

void Shard::drain_inbox() noexcept {
  if (turn()) wake();
}

bool Shard::turn() noexcept {
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
  asio::post(context_, [this] {
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
  Delivery delivery{*event, event->seq(), epoch_, {}};
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
    const std::vector<Member*>& members = by_role_[role];
    for (std::size_t i = 0; i < members.size(); ++i) {
      if (i + prefetch_ahead < members.size()) members[i + prefetch_ahead]->prefetch();
      reached += offer(*members[i], delivery);
    }
  }
  for (Member* member = first_of(audience.user_id); member != nullptr; member = member->same_user_next_)
    if ((audience.roles & role_bit(member->identity_.role)) == 0) reached += offer(*member, delivery);
  return reached;
}

std::uint32_t Shard::deliver_to_topic(Delivery& delivery) noexcept {
  const Topic* topic = find_topic(delivery.event.topic());
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
  const Event& event = *notice.event;
  Delivery delivery{event, 0, epoch_, {}};
  std::uint32_t reached = 0;
  const auto notify = [&](Member& member) {
    if (std::ranges::binary_search(notice.except, member.identity_.user_id)) return;
    // A little that is about to leave is nothing to wait for. Of more, only who can't take it is not idle.
    const bool about_to_leave = member.touched_ || member.waiting_.is_linked();
    const bool idle =
        about_to_leave ? member.outbox_.messages() <= idle_messages_max : member.outbox_.empty();
    if (notice.if_idle && !idle) member.flush();
    if (notice.if_idle && !idle && !member.outbox_.empty()) return;
    reached += offer(member, delivery);
  };
  if (!notice.only.empty()) {
    for (const UserId user : notice.only)
      for (Member* member = first_of(user); member != nullptr; member = member->same_user_next_)
        if (is_routed_to(*member, event)) notify(*member);
  } else if (!event.topic().empty()) {
    if (const Topic* topic = find_topic(event.topic()))
      for (const Subscription* subscription : topic->subscriptions) notify(*subscription->member);
  } else {
    for (std::size_t role = 0; role < role_count; ++role)
      if ((event.audience().roles & role_bit(static_cast<Role>(role))) != 0)
        for (Member* member : by_role_[role]) notify(*member);
  }
  counters().deliveries.Increment(reached);
  return reached;
}

bool Shard::offer(const Subscription& subscription, Delivery& delivery) noexcept {
  if (delivery.seq != 0 && delivery.seq <= subscription.skip) return false;
  Member& member = *subscription.member;
  if (member.outbox_.closed() || !member.wants(delivery.event)) return false;
  return queue(member, delivery.frame(member.format_)) == Push::queued && member.is_client_;
}

bool Shard::offer(Member& member, Delivery& delivery) noexcept {
  if (delivery.seq != 0 && delivery.seq <= member.skip_) return false;
  if (member.outbox_.closed() || !member.wants(delivery.event)) return false;
  return queue(member, delivery.frame(member.format_)) == Push::queued && member.is_client_;
}

Push Shard::queue(Member& member, const FrameRef& frame) noexcept {
  Push pushed = member.outbox_.push(frame);
  if (pushed == Push::full) {
    // A long turn fills the outbox of a client that would have read it all: slow is whose socket is full too.
    member.flush();
    pushed = member.outbox_.push(frame);
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

Push Shard::push(Member& member, const FrameRef& frame) noexcept {
  const Push pushed = member.outbox_.closed() ? Push::closed : queue(member, frame);
  if (!in_turn_) end_turn();
  return pushed;
}

// ---- control entries ----

std::uint32_t Shard::apply(const AccountChanged& change) noexcept {
  if (listener_ != nullptr) listener_->account_changed(change);
  const Account* account = usable(change.account);
  // Who is gone has no rank left: what waits for an admin is not his last word.
  const Role role = account != nullptr ? account->role : Role::user;
  std::uint32_t ended = 0;
  for (Member* member = first_of(change.user_id); member != nullptr; member = member->same_user_next_) {
    if (member->identity_.role != role) move_to_role(*member, role);
    const bool stays = account != nullptr && account->has_session(member->identity_.session);
    if (stays) continue;
    member->outbox_.discard_all_but_personal(change.user_id);
    ended += end(*member, change.ending);
  }
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
  leave_role(member);
  member.identity_.role = role;
  ++member.rights_version_;
  enter_role(member);
  member.outbox_.discard_lost(member.identity_);
  member.role_changed();
  drop_lost_subscriptions(member);
}

// What waited of them is gone with the rest of what was lost: a topic's frames name the roles it is for.
void Shard::drop_lost_subscriptions(Member& member) noexcept {
  if (!member.subscriptions_) return;
  Member::Subscriptions& all = *member.subscriptions_;
  const auto lost = std::partition(all.begin(), all.end(), [&](const auto& subscription) {
    return subscription->topic->rule->may_subscribe(member.identity_.role);
  });
  // One by one, because the member looks at those it still has.
  for (auto left = all.end() - lost; left > 0; --left) {
    const std::unique_ptr<Subscription> subscription = std::move(all.back());
    all.pop_back();
    subscription->held_by = nullptr;
    member.subscription_lost(*subscription);
    leave_topic(*subscription);
  }
}

// ---- the indexes ----

void Shard::attach(Member& member) {
  reserve(size() + 1);
  if (member.identity_.user_id != 0) {
    Member*& first = by_user_[member.identity_.user_id];
    member.same_user_next_ = first;
    if (first != nullptr) first->same_user_previous_ = &member;
    first = &member;
  }
  by_client_.enter(member);
  enter_role(member);
  member.format_ = member.format();
  member.skip_ = head_;
  member.attached_ = true;
}

void Shard::begin_after(const LogState& log) {
  epoch_ = log.epoch;
  head_ = log.head;
  tail_.begin_at(log.recent_after);
  for (const EventRef& event : log.recent) tail_.push(event);
}

void Shard::hold_durable(Member& member) noexcept { member.skip_ = std::numeric_limits<Seq>::max(); }

void Shard::detach(Member& member) noexcept {
  if (!std::exchange(member.attached_, false)) return;
  by_client_.leave(member);
  leave_role(member);
  if (member.identity_.user_id != 0) leave_user(member);
  for (const std::unique_ptr<Subscription>& subscription : member.subscriptions()) leave_topic(*subscription);
  member.subscriptions_.reset();
  if (std::exchange(member.touched_, false)) std::erase(touched_, &member);
  if (member.waiting_.is_linked()) lines_.leave(member);
  std::erase(overflowed_, &member);
}

void Shard::reserve(std::size_t members) {
  by_client_.reserve(members);
  for (std::vector<Member*>& of_role : by_role_) reserve_for(of_role, members);
  reserve_for(touched_, members);
  reserve_for(overflowed_, members);
}

void Shard::enter_role(Member& member) noexcept {
  std::vector<Member*>& members = by_role_[static_cast<std::size_t>(member.identity_.role)];
  member.slot_ = static_cast<std::uint32_t>(members.size());
  members.push_back(&member);
}

void Shard::leave_role(Member& member) noexcept {
  std::vector<Member*>& members = by_role_[static_cast<std::size_t>(member.identity_.role)];
  members[member.slot_] = members.back();
  members[member.slot_]->slot_ = member.slot_;
  members.pop_back();
}

Member* Shard::first_of(UserId user) const noexcept {
  if (user == 0) return nullptr;
  const auto found = by_user_.find(user);
  return found == by_user_.end() ? nullptr : found->second;
}

void Shard::leave_user(Member& member) noexcept {
  Member* const next = std::exchange(member.same_user_next_, nullptr);
  Member* const previous = std::exchange(member.same_user_previous_, nullptr);
  if (next != nullptr) next->same_user_previous_ = previous;
  if (previous != nullptr) {
    previous->same_user_next_ = next;
  } else if (next != nullptr) {
    by_user_[member.identity_.user_id] = next;
  } else {
    by_user_.erase(member.identity_.user_id);
  }
}

// ---- topics ----

Subscription* Shard::subscribe(Member& member, std::string_view topic, const TopicRule& rule) {
  if (Subscription* known = member.subscription(topic)) return known;
  if (!member.subscriptions_) member.subscriptions_ = std::make_unique<Member::Subscriptions>();
  Topic* place = find_topic(topic);
  if (place == nullptr) {
    if (topics_.size() >= limits_.topics) return nullptr;
    auto made = std::make_unique<Topic>(Topic{std::string(topic), &rule, {}});
    place = made.get();
    topics_.emplace(place->name, std::move(made));
  }
  auto subscription = std::make_unique<Subscription>(Subscription{&member, place});
  subscription->slot = static_cast<std::uint32_t>(place->subscriptions.size());
  subscription->skip = head_;
  member.subscriptions_->reserve(member.subscriptions_->size() + 1);
  place->subscriptions.push_back(subscription.get());
  member.subscriptions_->push_back(std::move(subscription));
  return member.subscriptions_->back().get();
}

void Shard::unsubscribe(Subscription& subscription) noexcept {
  leave_topic(subscription);
  std::erase_if(*subscription.member->subscriptions_,
                [&](const std::unique_ptr<Subscription>& one) { return one.get() == &subscription; });
}

Topic* Shard::find_topic(std::string_view name) const noexcept {
  const auto found = topics_.find(name);
  return found == topics_.end() ? nullptr : found->second.get();
}

void Shard::leave_topic(Subscription& subscription) noexcept {
  Topic& topic = *subscription.topic;
  topic.subscriptions[subscription.slot] = topic.subscriptions.back();
  topic.subscriptions[subscription.slot]->slot = subscription.slot;
  topic.subscriptions.pop_back();
  if (topic.subscriptions.empty()) topics_.erase(topics_.find(topic.name));
}

std::size_t Shard::size() const noexcept {
  std::size_t members = 0;
  for (const std::vector<Member*>& of_role : by_role_) members += of_role.size();
  return members;
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
  wheel_.advance(clock_.steady());
  if (outbox_memory() > limits_.outbox_memory) drop_worst();
  heartbeat_.fetch_add(1, std::memory_order_relaxed);
}

// Frames are shared, so nobody can say what the end of one connection gives back: the worst of those who wait
// go, a part with every tick, until enough is free. Who waits in a line has not been asked yet.
void Shard::drop_worst() noexcept {
  for (const std::vector<Member*>& of_role : by_role_)
    for (Member* member : of_role)
      if (!member->outbox_.empty() && !member->outbox_.closed() && !member->waiting_.is_linked())
        overflowed_.push_back(member);
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
  closing_.begin = clock_.steady();
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
  for (const std::vector<Member*>& of_role : shard.by_role_)
    for (Member* member : of_role) {
      if (ended >= quota) break;
      ended += shard.end(*member, reason);
    }
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
