#include "gateway/session/session_publishing.hpp"

#include "gateway/session/session.hpp"

#include <algorithm>
#include <utility>

namespace corohub::gateway {
namespace {

Error too_many() {
  return Error(ErrorCode::overloaded, "Too many requests of this connection are under way.");
}

}  // namespace

// ---- publish ----

Result<PublishOrder> SessionPublishing::accept(Publication&& publication) {
  const hub::Identity& who = session_.identity();
  return session_.desk().publishing.accept(
      {.user_id = who.user_id, .role = who.role, .exempt = session_.exempt()}, std::move(publication));
}

void SessionPublishing::publish(const RequestId& id, Publish&& asked) {
  Result<PublishOrder> order = accept(std::move(asked));
  if (!order) return session_.answer(id, refusal_of(order.error()));
  session_.stop_typing(order->draft.topic);
  if (order->at_once()) {
    const std::string topic = order->draft.topic;
    return answer(id, session_.desk().publishing.publish_now(std::move(*order)), topic);
  }
  if (publishes_ >= publishes_max) {
    session_.desk().publishing.give_back(*order);
    return session_.answer(id, refusal_of(too_many()));
  }
  session_.answer_later(id, commit(UnderWay(session_.shared_from_this(), publishes_), id, std::move(*order)));
}

Task<> SessionPublishing::commit(UnderWay /*keeps this*/, RequestId id, PublishOrder order) {
  const std::string topic = order.draft.topic;
  const Result<Published> published = co_await session_.desk().publishing.publish(std::move(order));
  answer(id, published, topic);
}

void SessionPublishing::answer(const RequestId& id, const Result<Published>& published,
                               const std::string& topic) {
  if (session_.is_closing()) return;
  if (!published) return session_.answer(id, refusal_of(published.error()));
  session_.answer(id, PublishedOne{topic, published->seq, published->time});
}

// One refusal refuses them all, and gives back what the others were charged.
void SessionPublishing::publish_all(const RequestId& id, PublishAll&& asked) {
  if (asked.publications.empty()) return session_.answer(id, PublishedAll{});
  if (publishes_ >= publishes_max) return session_.answer(id, refusal_of(too_many()));
  std::vector<PublishOrder> orders;
  for (Publication& publication : asked.publications) {
    Result<PublishOrder> order = accept(std::move(publication));
    if (!order) {
      for (const PublishOrder& accepted : orders) session_.desk().publishing.give_back(accepted);
      return session_.answer(id, refusal_of(order.error()));
    }
    session_.stop_typing(order->draft.topic);
    orders.push_back(std::move(*order));
  }
  session_.answer_later(id,
                        commit_all(UnderWay(session_.shared_from_this(), publishes_), id, std::move(orders)));
}

Task<> SessionPublishing::commit_all(UnderWay /*keeps this*/, RequestId id,
                                     std::vector<PublishOrder> orders) {
  const Result<> published = co_await session_.desk().publishing.publish_all(std::move(orders));
  if (session_.is_closing()) co_return;
  if (!published) co_return session_.answer(id, refusal_of(published.error()));
  session_.answer(id, PublishedAll{});
}

// ---- history ----

void SessionPublishing::history(const RequestId& id, HistoryQuery&& asked) {
  const hub::TopicRule* rule = session_.desk().topics.readable(asked.topic, session_.identity());
  if (rule == nullptr) return session_.answer(id, refusal_of(may_not_read()));
  if (histories_ >= histories_max) return session_.answer(id, refusal_of(too_many()));
  HistoryRequest request{std::move(asked.topic), *rule, session_.desk().shard.head(), std::move(asked.since),
                         asked.limit};
  request.bytes = std::min<std::size_t>(request.bytes, session_.outbox().limits().bytes_max / 4);
  session_.answer_later(id, read(UnderWay(session_.shared_from_this(), histories_), id, std::move(request)));
}

Task<> SessionPublishing::read(UnderWay /*keeps this*/, RequestId id, HistoryRequest request) {
  const Desk& desk = session_.desk();
  const std::uint8_t readers = request.rule.subscribers;
  const UnixMs now = desk.shard.clock().unix_ms();
  const std::string topic = request.topic;
  const Result<HistoryPage> page =
      co_await read_history(desk.readers, std::move(request), desk.settings.epoch, now);
  if (session_.is_closing()) co_return;
  // The user may have lost the right meanwhile.
  if (desk.topics.readable(topic, session_.identity()) == nullptr)
    co_return session_.answer(id, refusal_of(may_not_read()));
  answer(id, page, {desk.topics.readers_of(topic, readers, session_.identity()), 0});
}

void SessionPublishing::answer(const RequestId& id, const Result<HistoryPage>& page,
                               const hub::Audience& readers) {
  if (!page) return session_.answer(id, refusal_of(page.error()));
  if (page->gap == "foreign_epoch" || page->gap == "ahead")
    return session_.answer(id, refusal_of(gap_of(*page)));
  std::string text =
      R"({"events":[)" + visible_texts(*page, session_.desk().topics, session_.identity()) + R"(],"next":")";
  text.append(Position{session_.desk().settings.epoch, page->next}.text());
  text.append(page->more ? R"(","more":true)" : R"(","more":false)");
  text.append(page->gap.empty() ? "}" : R"(,"gap":true})");
  session_.answer(id, JsonText{std::move(text), readers});
}

}  // namespace corohub::gateway
