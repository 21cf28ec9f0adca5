#include "gateway/session/session_publishing.hpp"

#include "gateway/session/session.hpp"

#include <algorithm>
#include <utility>

namespace corohub::gateway {
namespace {

native_json::Refusal refusal_of(const Error& error) { return {name(error.code), error.detail}; }

Error too_many() {
  return Error(ErrorCode::overloaded, "Too many requests of this connection are under way.");
}

}  // namespace

// ---- publish ----

void SessionPublishing::publish(const native_json::RequestId& id, native_json::Publish&& asked) {
  const SessionPlace& place = session_.place();
  const hub::Identity& who = session_.identity();
  Result<PublishOrder> order = place.publishing.accept(
      {.user_id = who.user_id, .role = who.role, .exempt = session_.exempt()}, std::move(asked));
  if (!order) return session_.refuse(id, refusal_of(order.error()));
  session_.stop_typing(order->draft.topic);
  if (order->at_once()) {
    const std::string topic = order->draft.topic;
    return answer(id, place.publishing.publish_now(std::move(*order)), topic);
  }
  if (publishes_ >= publishes_max) return session_.refuse(id, refusal_of(too_many()));
  session_.answer_later(id, commit(UnderWay(session_.shared_from_this(), publishes_), id, std::move(*order)));
}

Task<> SessionPublishing::commit(UnderWay /*keeps this*/, native_json::RequestId id, PublishOrder order) {
  const std::string topic = order.draft.topic;
  const Result<Published> published = co_await session_.place().publishing.publish(std::move(order));
  answer(id, published, topic);
}

void SessionPublishing::answer(const native_json::RequestId& id, const Result<Published>& published,
                               const std::string& topic) {
  if (session_.ended()) return;
  if (!published) return session_.refuse(id, refusal_of(published.error()));
  session_.reply_raw(id, answer_text(*published, topic));
}

// ---- history ----

void SessionPublishing::history(const native_json::RequestId& id, native_json::HistoryQuery&& asked) {
  const hub::TopicRule* rule =
      session_.place().settings.rules.readable(asked.topic, session_.identity().role);
  if (rule == nullptr) return session_.refuse(id, refusal_of(may_not_read()));
  if (histories_ >= histories_max) return session_.refuse(id, refusal_of(too_many()));
  HistoryRequest request{std::move(asked.topic), *rule, std::move(asked.since), asked.limit};
  request.bytes = std::min<std::size_t>(request.bytes, session_.outbox().limits().bytes_max / 4);
  session_.answer_later(id, read(UnderWay(session_.shared_from_this(), histories_), id, std::move(request)));
}

Task<> SessionPublishing::read(UnderWay /*keeps this*/, native_json::RequestId id, HistoryRequest request) {
  const SessionPlace& place = session_.place();
  const std::uint8_t readers = request.rule.subscribers;
  const UnixMs now = place.shard.clock().unix_ms();
  const Result<HistoryPage> page =
      co_await read_history(place.readers, std::move(request), place.settings.epoch, now);
  if (session_.ended()) co_return;
  // He may have lost the right meanwhile.
  if ((readers & hub::role_bit(session_.identity().role)) == 0)
    co_return session_.refuse(id, refusal_of(may_not_read()));
  answer(id, page, {readers, 0});
}

void SessionPublishing::answer(const native_json::RequestId& id, const Result<HistoryPage>& page,
                               const hub::Audience& readers) {
  if (!page) return session_.refuse(id, refusal_of(page.error()));
  if (page->gap == "foreign_epoch" || page->gap == "ahead")
    return session_.refuse(id, refusal_of(gap_of(*page)));
  std::string text = R"({"events":[)" + page->events + R"(],"next":")";
  text.append(Position{session_.place().settings.epoch, page->next}.text());
  text.append(page->more ? R"(","more":true)" : R"(","more":false)");
  text.append(page->gap.empty() ? "}" : R"(,"gap":true})");
  session_.reply_raw(id, text, readers);
}

}  // namespace corohub::gateway
