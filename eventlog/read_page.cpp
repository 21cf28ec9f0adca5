#include "core/json.hpp"
#include "eventlog/event_log.hpp"
#include "eventlog/floors.hpp"

#include <algorithm>
#include <charconv>

#include <boost/json/serialize.hpp>

namespace corohub::eventlog {
namespace {

constexpr Seq rows_per_call = 5'000;  // looked at, visible or not

// Columns: seq, type, data, created_at, roles, user_id, topic, attributes, also. `subscribers`: the roles
// that the topic's rule lets read.
hub::EventRef event_of(const storage::Query& row, std::uint8_t subscribers) {
  hub::EventDraft draft{.type = row.text(1),
                        .data = row.text(2),
                        .audience = {},
                        .topic = row.text_or_null(6).value_or(std::string()),
                        .attributes = row.text_or_null(7).value_or(std::string()),
                        .also = row.text_or_null(8).value_or(std::string())};
  if (draft.topic.empty()) {
    draft.audience.roles = static_cast<std::uint8_t>(row.integer(4));
    draft.audience.user_id = row.integer_or_null(5).value_or(0);
  } else {
    const auto readers = static_cast<std::uint8_t>(row.integer(4));  // 0: the event itself says nothing of it
    draft.audience.roles = readers != 0 ? readers & subscribers : subscribers;
  }
  return hub::EventRef(new hub::Event(std::move(draft), row.integer(0), row.integer(3)));
}

// One that wants the event of this row; null: none does.
const hub::TopicScope* scope_of(const std::vector<hub::TopicScope>& topics, const storage::Query& row) {
  if (topics.empty()) return nullptr;
  const Seq seq = row.integer(0);
  const std::string topic = row.text_or_null(6).value_or(std::string());
  const std::string also = row.text_or_null(8).value_or(std::string());
  const auto found = std::ranges::find_if(
      topics, [&](const hub::TopicScope& scope) { return seq > scope.floor && scope.has(topic, also); });
  return found == topics.end() ? nullptr : &*found;
}

// What an event without a topic may be for, as far as the log can tell.
struct Own {
  explicit Own(const PageRequest& request) noexcept {
    if (!request.own || !request.own->has_audience()) return;
    const bool is_user = request.own->is_user();
    roles = hub::Audience::judged_bit | (is_user ? hub::role_bit(request.own->role) : 0);
    user = request.own->user_id;
  }
  bool is_nothing() const noexcept { return roles == 0 && user == 0; }
  bool has(const storage::Query& row) const {
    if (!row.is_null(6)) return false;
    return (row.integer(4) & roles) != 0 || (user != 0 && row.integer_or_null(5) == user);
  }

  int roles = 0;  // bits of Audience::roles
  UserId user = 0;
};

std::string names_of(const std::vector<hub::TopicScope>& topics) {
  json::array names;
  for (const hub::TopicScope& scope : topics) names.emplace_back(scope.topic);
  return json::serialize(names);
}

// The topics below those that gather stand between these two, and others may stand there, too.
struct Range {
  std::optional<std::string> begin{};  // null: nothing is between
  std::optional<std::string> end{};
};

Range range_of(const std::vector<hub::TopicScope>& topics, bool is_second) {
  Range range;
  for (const hub::TopicScope& scope : topics) {
    if (!scope.gathers || scope.is_second != is_second) continue;
    constexpr char behind_slash = '/' + 1;
    const std::string begin = scope.topic + '/';
    const std::string end = scope.topic + behind_slash;
    if (!range.begin || begin < *range.begin) range.begin = begin;
    if (!range.end || end > *range.end) range.end = end;
  }
  return range;
}

// An index has the topics in order, and the events of each, so that a log of other things is not read for
// what is looked for here.
std::optional<Seq> first_of(storage::Snapshot& snapshot, std::string_view topic, bool is_second, Seq after) {
  constexpr std::string_view of_first =
      "SELECT seq FROM events INDEXED BY events_by_topic WHERE topic = ? AND seq > ? ORDER BY seq LIMIT 1";
  constexpr std::string_view of_second =
      "SELECT seq FROM events INDEXED BY events_by_second_topic WHERE also = ? AND seq > ? ORDER BY seq "
      "LIMIT 1";
  storage::Query event = snapshot.query(is_second ? of_second : of_first);
  event.bind(topic, after);
  if (!event.next()) return std::nullopt;
  return event.integer(0);
}

// Behind all topics that begin with this one and a slash.
std::string behind_those_below(std::string_view topic) { return std::string(topic).append("/\x7f"); }

// Of the topics one level below.
std::optional<Seq> first_below(storage::Snapshot& snapshot, const hub::TopicScope& gathering, Seq after) {
  const Range range = range_of({gathering}, false);
  std::optional<Seq> first;
  std::string topic = *range.begin;
  while (true) {
    storage::Query next = snapshot.query(
        "SELECT topic FROM events INDEXED BY events_by_topic WHERE topic > ? AND topic < ? ORDER BY topic "
        "LIMIT 1");
    next.bind(topic, *range.end);
    if (!next.next()) return first;
    topic = next.text(0);
    if (gathering.has(topic)) {
      const std::optional<Seq> event = first_of(snapshot, topic, false, after);
      if (event) first = std::min(first.value_or(*event), *event);
    } else {
      const std::size_t level_ends = topic.find('/', range.begin->size());
      topic = behind_those_below(std::string_view(topic).substr(0, level_ends));
    }
  }
}

// Of second topics there may be as many as there are things, so that the next stretch of the log is looked at
// instead of each.
std::optional<Seq> first_of_gathered(storage::Snapshot& snapshot, const hub::TopicScope& gathering,
                                     Seq after) {
  if (gathering.is_second) return after + 1;
  return first_below(snapshot, gathering, after);
}

// Before this one there is no event after `start` that any of the topics may have; nothing if there is none
// at all.
std::optional<Seq> first_of_any(storage::Snapshot& snapshot, const std::vector<hub::TopicScope>& topics,
                                Seq start, Seq head) {
  std::optional<Seq> first;
  for (const hub::TopicScope& scope : topics) {
    const Seq after = std::max(start, scope.floor);
    if (after >= head) continue;
    for (const std::optional<Seq> event :
         {first_of(snapshot, scope.topic, scope.is_second, after),
          scope.gathers ? first_of_gathered(snapshot, scope, after) : std::nullopt})
      if (event) first = std::min(first.value_or(*event), *event);
  }
  return first;
}

bool is_one_topic(const PageRequest& request) noexcept {
  return !request.own && request.topics.size() == 1 && !request.topics.front().gathers;
}

// Of a second topic, too.
storage::Query rows_of_topic(storage::Snapshot& snapshot, const hub::TopicScope& scope, Seq start, Seq end) {
  constexpr std::string_view of_first =
      "SELECT seq, type, data, created_at, roles, user_id, topic, attributes, also FROM events INDEXED BY "
      "events_by_topic WHERE topic = ? AND seq > ? AND seq <= ? ORDER BY seq";
  constexpr std::string_view of_second =
      "SELECT seq, type, data, created_at, roles, user_id, topic, attributes, also FROM events INDEXED BY "
      "events_by_second_topic WHERE also = ? AND seq > ? AND seq <= ? ORDER BY seq";
  storage::Query rows = snapshot.query(scope.is_second ? of_second : of_first);
  rows.bind(scope.topic, start, end);
  return rows;
}

// The rows after `start` up to `end` that may belong to the page, in order.
storage::Query candidates(storage::Snapshot& snapshot, const PageRequest& request, Seq start, Seq end) {
  const Own own(request);
  // No user has id 0, and a null column equals nothing. Roles of an event of a topic are looked at later.
  if (request.own && request.topics.empty()) {
    storage::Query rows = snapshot.query(
        "SELECT seq, type, data, created_at, roles, user_id, topic, attributes, also FROM events "
        "WHERE seq > ? AND seq <= ? AND ((roles & ?) != 0 OR user_id = ?) ORDER BY seq");
    rows.bind(start, end, own.roles, own.user);
    return rows;
  }
  if (is_one_topic(request)) return rows_of_topic(snapshot, request.topics.front(), start, end);
  storage::Query rows = snapshot.query(
      "SELECT seq, type, data, created_at, roles, user_id, topic, attributes, also FROM events "
      "WHERE seq > ? AND seq <= ? AND ((roles & ?) != 0 OR user_id = ? "
      "OR topic IN (SELECT value FROM json_each(?)) OR (topic > ? AND topic < ?) "
      "OR also IN (SELECT value FROM json_each(?)) OR (also > ? AND also < ?)) ORDER BY seq");
  const Range below = range_of(request.topics, false);
  const Range second = range_of(request.topics, true);
  const std::string names = names_of(request.topics);
  rows.bind(start, end, own.roles, own.user, names, below.begin, below.end, names, second.begin, second.end);
  return rows;
}

}  // namespace

// AUTOINCREMENT remembers the newest seq even when retention has emptied the table.
Seq read_head(storage::Snapshot& snapshot) {
  storage::Query query = snapshot.query("SELECT seq FROM sqlite_sequence WHERE name = 'events'");
  return query.next() ? query.integer(0) : 0;
}

namespace {

template <class Source>
Seq read_number(Source& source, std::string_view key) {
  storage::Query query = source.query("SELECT value FROM meta WHERE key = ?");
  query.bind(key);
  if (!query.next()) return 0;
  const std::string text = query.text(0);
  Seq number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

}  // namespace

template <class Source>
Seq read_floor(Source& source) {
  return read_number(source, "log_floor");
}
template Seq read_floor(storage::Snapshot&);
template Seq read_floor(storage::UnitOfWork&);

template <class Source>
Seq read_topics_floor(Source& source) {
  return read_number(source, "topics_floor");
}
template Seq read_topics_floor(storage::Snapshot&);
template Seq read_topics_floor(storage::UnitOfWork&);

namespace {

// Adds to the page what of the rows after `start` belongs to it, up to `end`, or as far as one call looks.
void look_through(storage::Snapshot& snapshot, const PageRequest& request, Seq start, Seq end, Page& page) {
  // A single topic has an index of its own, so every row that is looked at is an event of it.
  const bool long_way = !is_one_topic(request) && end - start > rows_per_call;
  const Seq last_looked_at = long_way ? start + rows_per_call : end;
  page.next = std::max(start, last_looked_at);

  const Own own(request);
  storage::Query rows = candidates(snapshot, request, start, last_looked_at);
  const std::size_t limit = std::max<std::size_t>(request.limit, 1);
  std::size_t bytes = 0;
  while (page.events.size() < limit && bytes < request.bytes && rows.next()) {
    if (!matches_types(rows.text(1), request.types)) continue;
    const hub::TopicScope* const scope = scope_of(request.topics, rows);
    if (scope == nullptr && !own.has(rows)) continue;
    page.events.push_back(event_of(rows, scope != nullptr ? scope->subscribers : std::uint8_t{0}));
    bytes += page.events.back()->size();
  }
  const bool cut_short = page.events.size() >= limit || bytes >= request.bytes;
  if (cut_short) page.next = page.events.back()->seq();
  page.more = page.next < end;
}

}  // namespace

Result<Page> read_page(storage::Snapshot& snapshot, const PageRequest& request) {
  Page page;
  page.floor = read_floor(snapshot);
  page.head = read_head(snapshot);
  const Seq end = std::min(page.head, request.until);
  Seq start = std::max({request.since, page.floor, Seq{0}});
  if (!request.own && request.topics.size() == 1) start = std::max(start, request.topics.front().floor);
  look_through(snapshot, request, start, end, page);
  // Topics alone are looked for where they are before a second look, mostly not before the first: that would
  // cost more than it saves where they have many events.
  if (!Own(request).is_nothing() || !page.events.empty() || !page.more) return page;
  const std::optional<Seq> first = first_of_any(snapshot, request.topics, page.next, end);
  look_through(snapshot, request, std::min(first.value_or(end + 1) - 1, end), end, page);
  return page;
}

Seq read_topic_floor(storage::Snapshot& snapshot, std::string_view topic, const hub::TopicRule& rule,
                     UnixMs now) {
  // A topic without history never had an event that the budget of topics could have removed.
  Seq floor = rule.durable() ? read_topics_floor(snapshot) : read_floor(snapshot);
  // Events of either kind come to it, and its history is what the log has of them.
  if (rule.is_second) return std::max(floor, read_floor(snapshot));
  storage::Query too_many = snapshot.query(
      "SELECT seq FROM events INDEXED BY events_by_topic WHERE topic = ? ORDER BY seq DESC LIMIT 1 OFFSET ?");
  too_many.bind(topic, static_cast<std::int64_t>(rule.history_count));
  if (too_many.next()) floor = std::max(floor, too_many.integer(0));
  if (rule.history_age.count() == 0) return floor;
  const UnixMs oldest_kept = now - std::chrono::milliseconds(rule.history_age).count();
  storage::Query oldest = snapshot.query(
      "SELECT created_at FROM events INDEXED BY events_by_topic WHERE topic = ? AND seq > ? ORDER BY seq "
      "LIMIT 1");
  oldest.bind(topic, floor);
  // Mostly no event is too old, and this one row tells.
  if (!oldest.next() || oldest.integer(0) >= oldest_kept) return floor;
  storage::Query too_old = snapshot.query(
      "SELECT seq FROM events INDEXED BY events_by_topic WHERE topic = ? AND seq > ? AND created_at < ? "
      "ORDER BY seq DESC LIMIT 1");
  too_old.bind(topic, floor, oldest_kept);
  return too_old.next() ? too_old.integer(0) : floor;
}

hub::LogState read_recent(storage::Snapshot& snapshot, std::string epoch, const hub::TailLimits& limits,
                          const hub::TopicRules& rules) {
  hub::LogState log;
  log.epoch = std::move(epoch);
  log.head = read_head(snapshot);
  log.recent_after = read_floor(snapshot);
  storage::Query rows = snapshot.query(
      "SELECT seq, type, data, created_at, roles, user_id, topic, attributes, also FROM events WHERE seq > ? "
      "ORDER BY seq DESC LIMIT ?");
  rows.bind(log.recent_after, static_cast<std::int64_t>(limits.events) + 1);
  std::size_t bytes = 0;
  while (rows.next()) {
    const hub::TopicRule* rule = rows.is_null(6) ? nullptr : rules.find(rows.text(6));
    hub::EventRef event = event_of(rows, rule != nullptr ? rule->subscribers : 0);
    bytes += event->size();
    if (log.recent.size() == limits.events || bytes > limits.bytes) {
      log.recent_after = event->seq();
      break;
    }
    log.recent.push_back(std::move(event));
  }
  std::ranges::reverse(log.recent);
  return log;
}

}  // namespace corohub::eventlog
