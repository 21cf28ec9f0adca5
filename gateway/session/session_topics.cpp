#include "gateway/session/session_topics.hpp"

#include "eventlog/event_log.hpp"
#include "gateway/session/session.hpp"

#include <algorithm>
#include <new>
#include <utility>

namespace corohub::gateway {

using native_json::Refusal;
using native_json::RequestId;

SessionTopics::SessionTopics(Session& session)
    : session_(session), changes_counted_(session.place().shard.clock().steady()) {}

// ---- subscribe ----

void SessionTopics::subscribe(const RequestId& id, const std::string& topic,
                              const std::optional<Position>& since) {
  const hub::TopicRule* found = session_.place().settings.rules.readable(topic, session_.identity().role);
  if (const std::optional<Refusal> refusal = refusal_of(topic, found)) return session_.refuse(id, *refusal);
  hub::Subscription* subscription = session_.subscription(topic);
  const bool is_new = subscription == nullptr;
  if (is_new) subscription = open(topic, *found);
  if (subscription == nullptr)
    return session_.refuse(id, {name(ErrorCode::overloaded), "There are too many topics."});
  using Phase = hub::Subscription::Phase;
  const bool asks_the_log =
      since || subscription->phase == Phase::pending || (is_new && session_.catches_up());
  if (!found->durable() || !asks_the_log) return answer(id, topic, session_.position(), false);
  // It holds its place from now on; what the topic's history still has is known a moment later. One that is
  // asked for again lives on until then.
  Pending pending(session_.shared_from_this(), topic, subscription->number);
  if (is_new) subscription->hold(Phase::pending);
  session_.answer_later(id, look_up(std::move(pending), id, since));
}

hub::Subscription* SessionTopics::open(const std::string& topic, const hub::TopicRule& rule) {
  const SessionPlace& place = session_.place();
  hub::Subscription* subscription = place.shard.subscribe(session_, topic, rule);
  if (subscription == nullptr) return nullptr;
  subscription->number = ++last_number_;
  if (!subscription->presence)
    subscription->presence = place.presence.presence().join(topic, rule, session_.identity().user_id);
  return subscription;
}

std::optional<Refusal> SessionTopics::refusal_of(std::string_view topic, const hub::TopicRule* rule) {
  if (too_fast()) return Refusal{name(ErrorCode::rate_limited), "You subscribe faster than you may."};
  if (rule == nullptr) return Refusal{name(ErrorCode::forbidden), "You may not subscribe to this topic."};
  const bool full = session_.subscription_count() >= topics_max && session_.subscription(topic) == nullptr;
  if (full) return Refusal{name(ErrorCode::rate_limited), "You have as many subscriptions as you may."};
  return std::nullopt;
}

bool SessionTopics::too_fast() {
  if (session_.exempt()) return false;
  const SteadyTime now = session_.place().shard.clock().steady();
  const std::chrono::duration<double> passed = now - changes_counted_;
  changes_counted_ = now;
  changes_left_ = std::min(changes_burst, changes_left_ + passed.count() * changes_per_second);
  if (changes_left_ < 1) return true;
  changes_left_ -= 1;
  return false;
}

void SessionTopics::answer(const RequestId& id, std::string_view topic, Seq seq, bool recovered) {
  session_.reply(
      id,
      {{"topic", topic}, {"epoch", session_.place().settings.epoch}, {"seq", seq}, {"recovered", recovered}});
}

Task<> SessionTopics::look_up(Pending pending, RequestId id, std::optional<Position> since) {
  const SessionPlace& place = session_.place();
  auto read = [topic = pending.topic(), rule = place.settings.rules.find(pending.topic()),
               now = place.shard.clock().unix_ms()](storage::Snapshot& snapshot) {
    const Seq floor = eventlog::read_topic_floor(snapshot, topic, *rule, now);
    return Result<Reach>(Reach{floor, eventlog::read_head(snapshot)});
  };
  const Result<Reach> reach = co_await place.readers.read(std::move(read));
  if (session_.ended()) co_return;
  hub::Subscription* subscription = pending.find();
  if (subscription == nullptr)
    co_return session_.refuse(id, {not_subscribed, "The subscription has ended meanwhile."});
  if (!reach) co_return session_.refuse(id, {name(reach.error().code), reach.error().detail});
  try {
    begin(id, *subscription, since, *reach);
  } catch (const std::bad_alloc&) {
    session_.end(CloseReason::overloaded);  // what it holds by now nobody would bring
  }
}

// Without a position it begins where the session is.
void SessionTopics::begin(const RequestId& id, hub::Subscription& subscription,
                          const std::optional<Position>& since, const Reach& reach) {
  const Seq here = session_.position();
  const Seq from = since ? since->seq : here;
  std::optional<SessionReplay::Gap> gap = since ? session_.gap_before(*since, reach.head) : std::nullopt;
  const bool begins_here = gap.has_value();
  if (!gap && from < reach.floor) gap = {from, reach.floor, "expired"};
  // What is left of an expired stretch comes all the same.
  session_.replay().bring(subscription, std::max(begins_here ? here : from, reach.floor));
  const std::string topic = subscription.topic->name;
  answer(id, topic, session_.position(), since && !gap);
  if (gap) session_.replay().push_gap(*gap, topic);
  session_.replay().advance();
}

hub::Subscription* SessionTopics::Pending::find() const noexcept {
  hub::Subscription* subscription = session_->subscription(topic_);
  return subscription != nullptr && subscription->number == number_ ? subscription : nullptr;
}

// Whose request has failed has no subscription, unless it had one before.
SessionTopics::Pending::~Pending() {
  if (!session_) return;
  hub::Subscription* subscription = find();
  if (subscription != nullptr && subscription->phase == hub::Subscription::Phase::pending)
    session_->place().shard.unsubscribe(*subscription);
}

// ---- the end of a subscription ----

void SessionTopics::unsubscribe(const RequestId& id, std::string_view topic) {
  if (too_fast())
    return session_.refuse(id, {name(ErrorCode::rate_limited), "You unsubscribe faster than you may."});
  hub::Subscription* subscription = session_.subscription(topic);
  if (subscription == nullptr)
    return session_.refuse(id, {not_subscribed, "You are not subscribed to this."});
  session_.stop_typing(topic);
  session_.place().shard.unsubscribe(*subscription);
  session_.reply(id, {{"topic", topic}});
}

hub::Subscription* SessionTopics::follow(const std::string& topic) {
  const hub::TopicRule* rule = session_.place().settings.rules.readable(topic, session_.identity().role);
  hub::Subscription* subscription = rule != nullptr ? open(topic, *rule) : nullptr;
  if (subscription == nullptr) session_.push_event("subscription.revoked", {{"topic", topic}});
  return subscription;
}

void SessionTopics::lost(const hub::Subscription& subscription) {
  session_.stop_typing(subscription.topic->name);
  session_.push_event("subscription.revoked", {{"topic", subscription.topic->name}});
}

}  // namespace corohub::gateway
