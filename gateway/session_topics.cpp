#include "gateway/session_topics.hpp"

#include "core/log.hpp"
#include "eventlog/event_log.hpp"
#include "gateway/session.hpp"

#include <algorithm>
#include <utility>

#include <boost/asio/co_spawn.hpp>

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
  const hub::TopicRule& rule = *found;
  // Asked again, it begins again.
  if (hub::Subscription* known = session_.subscription(topic)) {
    if (!since) return answer(id, topic, session_.place().shard.head(), false);
    session_.place().shard.unsubscribe(*known);
    session_.replays().drop_idle();
  }
  hub::Shard& shard = session_.place().shard;
  hub::Subscription* subscription = open(topic, rule);
  if (subscription == nullptr)
    return session_.refuse(id, {name(ErrorCode::overloaded), "There are too many topics."});
  if (!since || !rule.durable()) return answer(id, topic, shard.head(), false);
  // It holds its place from now on; what the topic's history still has is known a moment later.
  std::shared_ptr<hub::Replay> held = session_.replays().make(since->seq);
  held->hold(*subscription);
  asio::co_spawn(shard.context(), replay(session_.shared_from_this(), id, topic, *since, std::move(held)),
                 [self = session_.shared_from_this()](const std::exception_ptr& failure) {
                   if (!failure) return;
                   log::error("session.subscribe_failed");
                   self->end(CloseReason::internal_error);
                 });
}

hub::Subscription* SessionTopics::open(const std::string& topic, const hub::TopicRule& rule) {
  const SessionPlace& place = session_.place();
  hub::Subscription* subscription = place.shard.subscribe(session_, topic, rule);
  if (subscription != nullptr && !subscription->presence)
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

Task<> SessionTopics::replay(std::shared_ptr<Session> self, RequestId id, std::string topic, Position since,
                             std::shared_ptr<hub::Replay> held) {
  const SessionPlace& place = self->place();
  auto read = [topic, rule = place.settings.rules.find(topic),
               now = place.shard.clock().unix_ms()](storage::Snapshot& snapshot) {
    const Seq floor = eventlog::read_topic_floor(snapshot, topic, *rule, now);
    return Result<Reach>(Reach{floor, eventlog::read_head(snapshot)});
  };
  const Result<Reach> reach = co_await place.readers.read(std::move(read));
  if (self->ended()) co_return;
  hub::Subscription* subscription = self->subscription(topic);
  const bool given_up = subscription == nullptr || subscription->held_by != held.get();
  if (given_up) co_return self->refuse(id, {not_subscribed, "The subscription has ended meanwhile."});
  if (reach) co_return begin_replay(id, *subscription, since, *reach, std::move(held));
  place.shard.unsubscribe(*subscription);
  self->refuse(id, {name(reach.error().code), reach.error().detail});
}

void SessionTopics::begin_replay(const RequestId& id, hub::Subscription& subscription, const Position& since,
                                 const Reach& reach, std::shared_ptr<hub::Replay> held) {
  const Seq head = session_.place().shard.head();
  const std::string topic = subscription.topic->name;
  std::optional<SessionReplays::Gap> gap = session_.gap_before(since, reach.head);
  const bool expired = !gap && since.seq < reach.floor;
  if (expired) gap = {since.seq, reach.floor, "expired"};
  answer(id, topic, gap ? head : since.seq, !gap);
  if (gap) session_.replays().push_gap(*gap, topic);
  subscription.floor = reach.floor;
  // What is left of an expired stretch comes all the same.
  if (expired) held->begin_at(reach.floor);
  if (!gap || expired) return session_.replays().start(std::move(held));
  subscription.skip = head;
  subscription.held_by = nullptr;
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
  session_.replays().drop_idle();
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
  session_.replays().drop_idle();
  session_.push_event("subscription.revoked", {{"topic", subscription.topic->name}});
}

}  // namespace corohub::gateway
