#include "gateway/session/topic_history.hpp"

#include <algorithm>
#include <utility>

namespace corohub::gateway {
namespace {

// A topic that gathers others has no index of its own: it is looked for in so many stretches of the log.
constexpr int stretches_max = 4;

// On a reader's thread.
class ReadHistory {
 public:
  ReadHistory(HistoryRequest request, std::string epoch, UnixMs now)
      : asked_(std::move(request)), epoch_(std::move(epoch)), now_(now) {}

  Result<HistoryPage> operator()(storage::Snapshot& snapshot) const {
    const Seq floor = eventlog::read_topic_floor(snapshot, asked_.topic, asked_.rule, now_);
    Result<eventlog::Page> page = read_stretches(snapshot, page_request(floor));
    if (!page) return page.error();
    HistoryPage found;
    found.head = page->head;
    found.gap = gap_before(floor, page->head);
    if (found.gap == "foreign_epoch" || found.gap == "ahead") return found;
    fill(found, std::move(*page));
    return found;
  }

 private:
  static Result<eventlog::Page> read_stretches(storage::Snapshot& snapshot, eventlog::PageRequest request) {
    std::vector<hub::EventRef> before;
    for (int left = stretches_max;; --left) {
      Result<eventlog::Page> page = eventlog::read_page(snapshot, request);
      if (!page) return page;
      std::size_t bytes = 0;
      for (const hub::EventRef& event : page->events) bytes += event->size();
      const bool is_full = page->events.size() >= request.limit || bytes >= request.bytes;
      request.limit -= page->events.size();
      request.bytes -= std::min(bytes, request.bytes);
      request.since = page->next;
      before.insert(before.end(), page->events.begin(), page->events.end());
      if (page->more && !is_full && left > 1 && request.topics.front().gathers) continue;
      page->events = std::move(before);
      return page;
    }
  }

  // Asks for one event more than wanted, which tells whether there is more.
  eventlog::PageRequest page_request(Seq floor) const {
    eventlog::PageRequest request;
    request.since = std::max(asked_.since ? asked_.since->seq : 0, floor);
    request.until = asked_.applied;
    request.topics = {hub::scope_of(asked_.topic, asked_.rule, floor)};
    request.limit = asked_.limit + 1;
    request.bytes = asked_.bytes;
    return request;
  }

  std::string_view gap_before(Seq floor, Seq head) const {
    if (!asked_.since) return {};
    if (!asked_.since->epoch.empty() && asked_.since->epoch != epoch_) return "foreign_epoch";
    if (asked_.since->seq > head) return "ahead";
    return asked_.since->seq < floor ? "expired" : "";
  }

  void fill(HistoryPage& found, eventlog::Page page) const {
    found.next = page.next;
    found.more = page.more;
    if (page.events.size() > asked_.limit) {
      page.events.pop_back();
      found.next = page.events.back()->seq();
      found.more = true;
    }
    found.events = std::move(page.events);
  }

  HistoryRequest asked_;
  std::string epoch_;
  UnixMs now_;
};

}  // namespace

std::string visible_texts(const HistoryPage& page, const TopicRights& rights, const hub::Identity& who) {
  std::string texts;
  for (const hub::EventRef& event : page.events) {
    if (!rights.shows(*event, who)) continue;
    if (!texts.empty()) texts += ',';
    texts += event->text();
  }
  return texts;
}

Task<Result<HistoryPage>> read_history(storage::ReaderPool& readers, HistoryRequest request,
                                       const std::string& epoch, UnixMs now) {
  ReadHistory read(std::move(request), epoch, now);
  co_return co_await readers.read(std::move(read));
}

Error gap_of(const HistoryPage& page) {
  if (page.gap == "foreign_epoch") return Error(ErrorCode::gap, "The position is of another log.");
  if (page.gap == "ahead") return Error(ErrorCode::gap, "The position is ahead of the log.");
  return Error(ErrorCode::gap, "Messages after this position have expired.");
}

Error may_not_read() { return Error(ErrorCode::forbidden, "You may not read this topic."); }

}  // namespace corohub::gateway
