// What a topic's rule lets its readers read again, page by page: the same over the WebSocket and over HTTP.
#pragma once

#include "core/task.hpp"
#include "eventlog/event_log.hpp"
#include "gateway/session/topic_rights.hpp"
#include "storage/reader_pool.hpp"

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace corohub::gateway {

struct HistoryRequest {
  std::string topic;
  hub::TopicRule rule;
  Seq applied;  // by the reader's shard: it may not judge by its rights what comes after, which waits
  std::optional<Position> since;  // nothing: the oldest kept
  std::size_t limit = 100;
  std::size_t bytes = 256 << 10;  // of texts; the last may exceed it
};

struct HistoryPage {
  // Why the log does not reach back to the position: "expired" (what is left is in the page all the same),
  // "foreign_epoch", "ahead"; empty: it does.
  std::string_view gap;
  std::vector<hub::EventRef> events;
  Seq next = 0;       // the cursor for the following page
  bool more = false;  // the following page has something
  Seq head = 0;
};

// The texts of those of its events that this somebody may see, with commas between.
std::string visible_texts(const HistoryPage& page, const TopicRights& rights, const hub::Identity& who);

Task<Result<HistoryPage>> read_history(storage::ReaderPool& readers, HistoryRequest request,
                                       const std::string& epoch, UnixMs now);

// What is said when the log cannot answer at all, and to whom the rule gives nothing to read.
Error gap_of(const HistoryPage& page);
Error may_not_read();

}  // namespace corohub::gateway
