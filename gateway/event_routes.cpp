// GET /api/v1/events and /poll: the log as the caller may see it, page by page, at once or when there is one.
#include "gateway/entrance.hpp"
#include "gateway/poller.hpp"
#include "gateway/session/event_query.hpp"

#include <algorithm>
#include <utility>

#include <boost/json/serialize.hpp>

namespace corohub::gateway {
namespace {

using http::Context;
using http::Response;

// One request looks at so many pages of the log, and answers about so much text.
constexpr int pages_per_request = 4;  // of 5,000 rows looked at each, visible or not
constexpr std::size_t answer_bytes = 1 << 20;
constexpr Seq unknown = -1;  // a topic's floor that was not looked up yet

struct Asked {
  EventQuery events;
  std::size_t limit = page_limit_default;
  std::vector<hub::TopicScope> topics{};  // with the floors of the first look; a request keeps them
};

Result<Asked> read_query(const http::Request& request) {
  Result<EventQuery> events = read_event_query(request);
  if (!events) return events.error();
  const Result<std::size_t> limit = read_limit(request);
  if (!limit) return limit.error();
  return Asked{std::move(*events), *limit};
}

// A page, and where what was asked for begins: the log, or the topic that has the least left.
struct LogPart {
  eventlog::Page page;
  Seq floor = 0;
  std::vector<hub::TopicScope> topics{};
};

std::optional<std::string> gap_before(const EventQuery& asked, const LogPart& first,
                                      const std::string& epoch) {
  if (!asked.since) return std::nullopt;
  if (!asked.since->epoch.empty() && asked.since->epoch != epoch) return "The position is of another log.";
  if (asked.since->seq > first.page.head) return "The position is ahead of the log.";
  if (asked.since->seq < first.floor) return "Events after this position have expired.";
  return std::nullopt;
}

// Whether this somebody, who may read the topics that it asks for, may see the event now.
bool shows(const Desk& desk, const EventQuery& asked, const hub::Event& event, const hub::Identity& who) {
  if (!event.topic().empty()) return desk.topics.shows(event, who);
  const bool by_second_topic = std::ranges::find(asked.topics, event.also()) != asked.topics.end();
  return by_second_topic || desk.shard.is_for(event, who);
}

// The list is made of the events' own text: exactly what a WebSocket was sent.
class EventList {
 public:
  void add(const eventlog::Page& page, const Desk& desk, const EventQuery& asked, const hub::Identity& who) {
    for (const hub::EventRef& event : page.events) {
      if (!shows(desk, asked, *event, who)) continue;
      if (count_++ > 0) text_ += ',';
      text_ += event->text();
    }
  }
  std::size_t count() const noexcept { return count_; }
  std::size_t bytes() const noexcept { return text_.size(); }

  std::string body(const Position& next, bool more) const {
    json::object meta;
    meta["epoch"] = next.epoch;
    meta["next"] = next.text();
    meta["more"] = more;
    return R"({"success":true,"data":[)" + text_ + R"(],"meta":)" + json::serialize(meta) + "}";
  }

 private:
  std::string text_;
  std::size_t count_ = 0;
};

Result<LogPart> read_part(storage::Snapshot& snapshot, eventlog::PageRequest request,
                          const hub::TopicRules& rules, UnixMs now) {
  Seq floor = 0;
  for (hub::TopicScope& scope : request.topics) {
    if (scope.floor == unknown)
      scope.floor = eventlog::read_topic_floor(snapshot, scope.topic, hub::rule_of(rules, scope.topic), now);
    floor = std::max(floor, scope.floor);
  }
  Result<eventlog::Page> page = eventlog::read_page(snapshot, request);
  if (!page) return page.error();
  floor = std::max(floor, page->floor);
  return LogPart{std::move(*page), floor, std::move(request.topics)};
}

Task<Result<LogPart>> read_one(GatewayState& state, eventlog::PageRequest request) {
  auto read = [request = std::move(request), &rules = state.parts.topic_rules,
               now = state.parts.clock.unix_ms()](storage::Snapshot& snapshot) {
    return read_part(snapshot, request, rules, now);
  };
  co_return co_await state.parts.readers.read(std::move(read));
}

// What one look at the log found.
struct Found {
  EventList list;
  Seq next = 0;
  bool more = false;
  Seq head = 0;
  std::optional<std::string> gap;  // why the log does not reach there
};

void scope_topics(const hub::TopicRules& rules, Asked& asked) {
  if (!asked.topics.empty()) return;
  for (const std::string& topic : asked.events.topics) {
    const hub::TopicRule& rule = hub::rule_of(rules, topic);
    asked.topics.push_back(hub::scope_of(topic, rule, unknown));
  }
}

// As it is now, if it may hear what it asks for. In a wait the shard may forget a key that is good.
Task<Result<Entrant>> judge_now(const Desk& desk, const Entrant& entrant, const EventQuery& events) {
  Result<Entrant> live = judge_again(desk, entrant);
  if (!live) live = co_await know(desk, entrant);
  if (!live) co_return live;
  const Result<> may = may_follow(desk.topics, live->identity(), events.topics);
  if (!may) co_return may.error();
  co_return live;
}

Task<Result<Found>> look(GatewayState& state, Context& context, const Entrant& entrant, Asked& asked) {
  Found found;
  const EventQuery& events = asked.events;
  const Desk& desk = state.desk(context.shard);
  found.next = events.since ? events.since->seq : 0;
  for (int pages = 0; pages < pages_per_request; ++pages) {
    Result<Entrant> reader = co_await judge_now(desk, entrant, events);
    if (!reader) co_return reader.error();
    scope_topics(state.parts.topic_rules, asked);
    // What this shard has not applied waits: it may change the rights by which it is to be judged.
    eventlog::PageRequest request{.since = found.next,
                                  .until = desk.shard.head(),
                                  .own = reader->identity(),
                                  .topics = asked.topics,
                                  .limit = asked.limit - found.list.count(),
                                  .types = events.types};
    Result<LogPart> part = co_await read_one(state, std::move(request));
    if (!part) co_return part.error();
    asked.topics = std::move(part->topics);
    found.head = part->page.head;
    if (pages == 0) found.gap = gap_before(events, *part, state.parts.epoch);
    if (found.gap) co_return found;
    // Audience is judged after every page: rights may have been lost while it was read.
    reader = co_await judge_now(desk, entrant, events);
    if (!reader) co_return reader.error();
    found.list.add(part->page, desk, events, reader->identity());
    found.next = part->page.next;
    found.more = part->page.more;
    if (!found.more || found.list.count() >= asked.limit || found.list.bytes() >= answer_bytes) break;
  }
  co_return found;
}

Response answer(const GatewayState& state, const Context& context, const Found& found) {
  if (found.gap) return gap_response(context, {state.parts.epoch, found.head}, *found.gap);
  const Position next{state.parts.epoch, found.next};
  Response response;
  response.body = found.list.body(next, found.more);
  return std::move(response).at(next);
}

Task<Response> get_events(GatewayState& state, Context& context) {
  Result<Asked> asked = read_query(context.request);
  if (!asked) co_return http::fail(asked.error(), context);
  const Result<Entrant> entrant = co_await authenticate(state, context, false);
  if (!entrant) co_return http::fail(entrant.error(), context);
  const Result<Found> found = co_await look(state, context, *entrant, *asked);
  if (!found) co_return http::fail(found.error(), context);
  co_return answer(state, context, *found);
}

// ---- the long poll ----

Error why_ended(CloseReason reason) {
  if (reason == CloseReason::draining) return Error(ErrorCode::draining, "The server is shutting down.");
  return Error(ErrorCode::invalid_token, "This poll was ended: " + std::string(name(reason)) + ".");
}

Response nothing_new(const Position& next) { return http::no_content().with("Corohub-Next", next.text()); }

// HEAD: what is there now.
Task<Response> look_once(GatewayState& state, Context& context, const Entrant& entrant, Asked& asked) {
  const Result<Found> found = co_await look(state, context, entrant, asked);
  if (!found) co_return http::fail(found.error(), context);
  if (found->gap || found->list.count() > 0) co_return answer(state, context, *found);
  const Position next{state.parts.epoch, found->next};
  co_return nothing_new(next);
}

Task<Response> poll_events(GatewayState& state, Context& context) {
  Result<Asked> asked = read_query(context.request);
  if (!asked) co_return http::fail(asked.error(), context);
  const Result<std::chrono::seconds> timeout = read_timeout(context.request);
  if (!timeout) co_return http::fail(timeout.error(), context);
  if (state.draining.load(std::memory_order_relaxed))
    co_return http::fail(why_ended(CloseReason::draining), context);
  const Result<Entrant> entrant = co_await authenticate(state, context, false);
  if (!entrant) co_return http::fail(entrant.error(), context);
  if (context.request.method == http::Method::head)
    co_return co_await look_once(state, context, *entrant, *asked);
  const Result<hub::Roster::Admission> place =
      state.parts.hub.roster().admit(entrant->user_id(), context.request.peer, context.exempt);
  if (!place) co_return http::fail(place.error(), context);

  // From here on it hears of what is applied; what was applied before is in the log.
  const Desk& desk = state.desk(context.shard);
  const Result<Entrant> live = judge_again(desk, *entrant);
  if (!live) co_return http::fail(live.error(), context);
  Poller poller(desk.shard, live->identity(), context.request.peer, asked->events.types);
  poller.follow(desk.topics, asked->events.topics);
  context.on_peer_end([&poller] { poller.leave(); });
  const SteadyTime end = SteadyTime::clock::now() + *timeout;
  bool is_over = false;
  for (;;) {
    const Result<Found> found = co_await look(state, context, *entrant, *asked);
    if (!found) co_return http::fail(found.error(), context);
    if (found->gap || found->list.count() > 0) co_return answer(state, context, *found);
    asked->events.since = Position{state.parts.epoch, found->next};
    if (poller.ended()) co_return http::fail(why_ended(*poller.ended()), context);
    if (found->more || is_over) break;  // much was looked at, or all; the client goes on from there
    is_over = !co_await poller.wait_until(end);
    // What came meanwhile and is not for this client is looked at before the client is told where to go on.
    // Else a quiet client would fall behind a log that grows, until its position has expired.
    if (is_over && desk.shard.head() <= asked->events.since->seq) break;
  }
  co_return nothing_new(*asked->events.since);
}

}  // namespace

void add_event_routes(Routes& routes) {
  routes.add(http::Method::get, "/api/v1/events", http::Access::holder, get_events);
  routes.add(http::Method::get, "/api/v1/events/poll", http::Access::holder, poll_events);
}

}  // namespace corohub::gateway
