#include "eventlog/event_log.hpp"

#include <algorithm>
#include <charconv>

namespace corohub::eventlog {
namespace {

constexpr Seq rows_per_call = 5'000;  // looked at, visible or not

// AUTOINCREMENT remembers the newest seq even when retention has emptied the table.
Seq head_of(storage::Snapshot& snapshot) {
  storage::Query query = snapshot.query("SELECT seq FROM sqlite_sequence WHERE name = 'events'");
  return query.next() ? query.integer(0) : 0;
}

hub::EventRef event_of(const storage::Query& row, std::string type) {
  hub::EventDraft draft{std::move(type), row.text(2), {}};
  draft.audience.roles = static_cast<std::uint8_t>(row.integer(4));
  draft.audience.user_id = row.integer_or_null(5).value_or(0);
  return hub::EventRef(new hub::Event(std::move(draft), row.integer(0), row.integer(3)));
}

}  // namespace

Seq read_floor(storage::Snapshot& snapshot) {
  storage::Query query = snapshot.query("SELECT value FROM meta WHERE key = 'log_floor'");
  if (!query.next()) return 0;
  const std::string text = query.text(0);
  Seq floor = 0;
  std::from_chars(text.data(), text.data() + text.size(), floor);
  return floor;
}

Result<Page> read_page(storage::Snapshot& snapshot, const PageRequest& request) {
  Page page;
  page.floor = read_floor(snapshot);
  page.head = head_of(snapshot);
  const Seq start = std::max({request.since, page.floor, Seq{0}});
  const Seq last_looked_at = page.head - start > rows_per_call ? start + rows_per_call : page.head;
  page.next = std::max(start, last_looked_at);

  storage::Query rows = snapshot.query(
      "SELECT seq, type, data, created_at, roles, user_id FROM events "
      "WHERE seq > ? AND seq <= ? AND ((roles & ?) != 0 OR user_id = ?) ORDER BY seq");
  // Nobody has id 0, and a null column equals nothing.
  rows.bind(start, last_looked_at, static_cast<int>(hub::role_bit(request.who.role)), request.who.user_id);
  const std::size_t limit = std::max<std::size_t>(request.limit, 1);
  std::size_t bytes = 0;
  while (page.events.size() < limit && bytes < request.bytes && rows.next()) {
    std::string type = rows.text(1);
    if (!matches_types(type, request.types)) continue;
    page.events.push_back(event_of(rows, std::move(type)));
    bytes += page.events.back()->text().size();
  }
  const bool cut_short = page.events.size() >= limit || bytes >= request.bytes;
  if (cut_short) page.next = page.events.back()->seq();
  page.more = page.next < page.head;
  return page;
}

hub::LogState read_recent(storage::Snapshot& snapshot, std::string epoch, const hub::TailLimits& limits) {
  hub::LogState log;
  log.epoch = std::move(epoch);
  log.head = head_of(snapshot);
  log.recent_after = read_floor(snapshot);
  storage::Query rows = snapshot.query(
      "SELECT seq, type, data, created_at, roles, user_id FROM events WHERE seq > ? ORDER BY seq DESC LIMIT "
      "?");
  rows.bind(log.recent_after, static_cast<std::int64_t>(limits.events) + 1);
  std::size_t bytes = 0;
  while (rows.next()) {
    hub::EventRef event = event_of(rows, rows.text(1));
    bytes += event->text().size();
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
