#include "gateway/session/session_topics.hpp"

#include "eventlog/event_log.hpp"
#include "gateway/session/session.hpp"

#include <algorithm>
#include <new>
#include <utility>

namespace corohub::gateway {

using Phase = hub::Interest::Phase;

class SessionTopics::Pending {
 public:
  Pending(std::shared_ptr<Session> session, std::uint32_t number) noexcept
      : session_(std::move(session)), number_(number) {}
  // An interest whose request has failed is none, unless it was there before.
  ~Pending() {
    hub::Interest* interest = find();
    if (interest != nullptr && interest->phase == Phase::pending)
      session_->desk().shard.remove(*session_, *interest);
  }
  Pending(const Pending&) = delete;
  Pending& operator=(const Pending&) = delete;

  hub::Interest* find() const noexcept {
    return session_->interest(number_);
  }  // null: it has ended meanwhile

 private:
  std::shared_ptr<Session> session_;
  std::uint32_t number_;
};

SessionTopics::SessionTopics(Session& session)
    : session_(session), changes_left_(changes, session.desk().shard.clock().steady()) {}

// ---- subscribe ----

void SessionTopics::subscribe(const RequestId& id, Subscribe&& asked) {
  if (asked.topic.empty()) return subscribe_to_own(id, std::move(asked));
  subscribe_to_topic(id, std::move(asked));
}

void SessionTopics::subscribe_to_topic(const RequestId& id, Subscribe&& asked) {
  const hub::TopicRule* rule = asked.server_status
                                   ? &hub::rule_of_server_status()
                                   : session_.desk().topics.readable(asked.topic, session_.identity());
  if (std::optional<Refusal> refusal = refusal_of(asked, rule))
    return session_.answer(id, std::move(*refusal));
  hub::Subscription* subscription = session_.subscription(asked.topic, asked.label);
  const bool is_new = subscription == nullptr;
  if (is_new) subscription = open(asked, *rule);
  if (subscription == nullptr)
    return session_.answer(id, Refusal{name(ErrorCode::overloaded), "There are too many topics."});
  const bool asks_the_log =
      asked.since || subscription->phase == Phase::pending || (is_new && session_.catches_up());
  if (!rule->can_resume() || !asks_the_log) return answer(id, asked, session_.position(), false);
  if (begins_now(asked)) return join(id, *subscription, asked);
  // It holds its place from now on; what the topic's history still has is known a moment later. One that is
  // asked for again lives on until then.
  auto pending = std::make_shared<Pending>(session_.shared_from_this(), subscription->number);
  if (is_new) subscription->hold(Phase::pending);
  session_.answer_later(id, look_up(std::move(pending), id, std::move(asked)));
}

// What is the session's own, by its audience, for a dialect whose clients ask for it.
void SessionTopics::subscribe_to_own(const RequestId& id, Subscribe&& asked) {
  if (too_fast(asked.label))
    return session_.answer(id, Refusal{name(ErrorCode::rate_limited), "You subscribe faster than you may."});
  if (session_.feed_count() >= topics_max)
    return session_.answer(
        id, Refusal{name(ErrorCode::rate_limited), "You have as many subscriptions as you may."});
  hub::Interest& feed = session_.desk().shard.add_feed(session_, {asked.label, asked.prefix, asked.filter});
  feed.number = ++last_number_;
  if (!asked.since && !session_.catches_up()) return answer(id, asked, session_.position(), false);
  if (begins_now(asked)) return join(id, feed, asked);
  auto pending = std::make_shared<Pending>(session_.shared_from_this(), feed.number);
  feed.hold(Phase::pending);
  session_.answer_later(id, look_up(std::move(pending), id, std::move(asked)));
}

hub::Subscription* SessionTopics::open(const Subscribe& asked, const hub::TopicRule& rule) {
  const Desk& desk = session_.desk();
  // What the client wants to hear of at all, it said when it connected, or says with each subscription.
  hub::EventFilterRef filter =
      desk.topics.filter(asked.topic, session_, asked.filter ? asked.filter : session_.filter());
  hub::Subscription* subscription =
      desk.shard.subscribe(session_, asked.topic, rule, {asked.label, asked.prefix, std::move(filter)});
  if (subscription == nullptr) return nullptr;
  subscription->number = ++last_number_;
  if (!subscription->presence)
    subscription->presence = desk.presence.presence().join(asked.topic, rule, session_.identity().user_id);
  return subscription;
}

std::optional<Refusal> SessionTopics::refusal_of(const Subscribe& asked, const hub::TopicRule* rule) {
  if (too_fast(asked.label))
    return Refusal{name(ErrorCode::rate_limited), "You subscribe faster than you may."};
  if (rule == nullptr) return Refusal{name(ErrorCode::forbidden), "You may not subscribe to this topic."};
  const bool full = session_.subscription_count() >= topics_max &&
                    session_.subscription(asked.topic, asked.label) == nullptr;
  if (full) return Refusal{name(ErrorCode::rate_limited), "You have as many subscriptions as you may."};
  return std::nullopt;
}

bool SessionTopics::may_change() {
  return session_.exempt() || changes_left_.take(changes, session_.desk().shard.clock().steady());
}

// A client with one position for everything goes on from there, also in a topic it joins while it catches up.
// One whose subscriptions have labels has a position in each of them.
bool SessionTopics::begins_now(const Subscribe& asked) noexcept { return asked.label != 0 && !asked.since; }

// While other interests catch up, this one gets what comes after this moment.
void SessionTopics::join(const RequestId& id, hub::Interest& interest, const Subscribe& asked) {
  const Seq head = session_.desk().shard.head();
  session_.replay().bring(interest, head);
  answer(id, asked, head, false);
  session_.replay().advance();
}

void SessionTopics::answer(const RequestId& id, const Subscribe& asked, Seq seq, bool recovered) {
  session_.answer(id, Subscribed{asked.topic, asked.label, seq, recovered});
}

Task<> SessionTopics::look_up(std::shared_ptr<Pending> pending, RequestId id, Subscribe asked) {
  const Result<Reach> reach = co_await read_reach(asked);
  if (session_.is_closing()) co_return;
  hub::Interest* interest = pending->find();
  if (interest == nullptr)
    co_return session_.answer(id, Refusal{not_subscribed, "The subscription has ended meanwhile."});
  if (!reach) {
    // A client that names its subscriptions is told that this one is none, and asks again under another name.
    if (asked.label != 0) session_.desk().shard.remove(session_, *interest);
    co_return session_.answer(id, gateway::refusal_of(reach.error()));
  }
  try {
    begin(id, *interest, asked, *reach);
  } catch (const std::bad_alloc&) {
    session_.close(CloseReason::overloaded);  // what it holds by now nobody would bring
  }
}

Task<Result<SessionTopics::Reach>> SessionTopics::read_reach(const Subscribe& asked) {
  const Desk& desk = session_.desk();
  auto read = [topic = asked.topic, rule = &hub::rule_of(desk.settings.rules, asked.topic),
               now = desk.shard.clock().unix_ms()](storage::Snapshot& snapshot) {
    const Seq floor = topic.empty() ? eventlog::read_floor(snapshot)
                                    : eventlog::read_topic_floor(snapshot, topic, *rule, now);
    return Result<Reach>(Reach{floor, eventlog::read_head(snapshot)});
  };
  co_return co_await desk.readers.read(std::move(read));
}

// Without a position, or with one that is not of this log, it begins where the session is; one with a label
// at the present.
void SessionTopics::begin(const RequestId& id, hub::Interest& interest, const Subscribe& asked,
                          const Reach& reach) {
  const Seq here = asked.label == 0 ? session_.position() : session_.desk().shard.head();
  const Seq from = asked.since ? asked.since->seq : here;
  std::optional<Gap> gap = asked.since ? session_.gap_before(*asked.since, reach.head) : std::nullopt;
  const bool begins_here = gap.has_value();
  if (gap) gap->to = here;
  if (!gap && from < reach.floor) gap = Gap{from, reach.floor, "expired"};
  // What is left of an expired stretch comes all the same.
  const Seq after = std::max(begins_here ? here : from, reach.floor);
  session_.replay().bring(interest, after);
  answer(id, asked, asked.label == 0 ? session_.position() : after, asked.since && !gap);
  if (gap) {
    gap->topic = asked.topic;
    gap->label = asked.label;
    session_.replay().tell_gap(*gap);
  }
  session_.replay().advance();
}

// ---- the end of a subscription ----

void SessionTopics::unsubscribe(const RequestId& id, const Unsubscribe& asked) {
  if (too_fast(asked.label))
    return session_.answer(id,
                           Refusal{name(ErrorCode::rate_limited), "You unsubscribe faster than you may."});
  hub::Interest* interest =
      asked.topic.empty() ? session_.feed(asked.label) : session_.subscription(asked.topic, asked.label);
  if (interest == nullptr)
    return session_.answer(id, Refusal{not_subscribed, "You are not subscribed to this."});
  const bool leaves_topic =
      !asked.topic.empty() && session_.subscription_to(asked.topic, interest) == nullptr;
  if (leaves_topic) session_.stop_typing(asked.topic);
  session_.desk().shard.remove(session_, *interest);
  session_.answer(id, Unsubscribed{asked.topic, asked.label});
}

hub::Subscription* SessionTopics::follow(const std::string& topic) {
  const hub::TopicRule* rule = session_.desk().topics.readable(topic, session_.identity());
  hub::Subscription* subscription = rule != nullptr ? open({.topic = topic}, *rule) : nullptr;
  if (subscription == nullptr) session_.tell(Revoked{topic});
  return subscription;
}

void SessionTopics::lost(const hub::Subscription& subscription) {
  session_.stop_typing(subscription.topic->name);
  session_.tell(Revoked{subscription.topic->name, subscription.label});
}

}  // namespace corohub::gateway
