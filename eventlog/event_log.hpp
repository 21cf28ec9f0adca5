// The durable log of events: appended inside a unit, handed to the shards after its commit, read page by
// page.
#pragma once

#include "core/position.hpp"
#include "hub/control.hpp"
#include "hub/event.hpp"
#include "hub/hub.hpp"
#include "hub/topic.hpp"
#include "hub/topic_rules.hpp"
#include "hub/type_filter.hpp"
#include "storage/unit_of_work.hpp"
#include "storage/writer.hpp"

#include <atomic>
#include <cstddef>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace corohub::eventlog {

// Inserts the event into the log, in the unit's transaction, and lets the hub deliver the event once that is
// committed. The event's timestamp is the unit's time; its seq is returned and becomes the position of the
// unit's answer.
Seq append(storage::UnitOfWork& work, hub::EventDraft draft);

// Lets the hub deliver an event that is not logged, once the unit is committed. The event's timestamp is the
// unit's time.
void deliver(storage::UnitOfWork& work, hub::EventDraft draft);

// A change of another room, applied by every shard before the unit is answered.
void change_shards(storage::UnitOfWork& work, hub::ShardChangeRef change);

// Adds a change of rights at its place between the events: after the last event of the account itself, before
// everything later.
void change_account(storage::UnitOfWork& work, hub::AccountChanged change);

// Lets the shards forget the events up to here, which the unit has deleted.
void shorten(storage::UnitOfWork& work, Seq up_to);

// What the writer calls: makes hub batches of what was committed, and finishes the units when all shards have
// applied their batch.
class Publisher final : public storage::CommitSink {
 public:
  explicit Publisher(hub::Hub& hub, const Clock& clock = system_clock()) : hub_(hub), clock_(clock) {}
  std::unique_ptr<storage::Effects> begin_batch() override;
  void committed(std::unique_ptr<storage::Effects> effects,
                 std::vector<storage::UnitEffects> units) noexcept override;

 private:
  hub::Hub& hub_;
  const Clock& clock_;
};

// Part of the log as one principal may see it.
struct Page {
  // Those after `since` that may be visible, in order: whether an audience that is judged includes somebody
  // is for the shard to say.
  std::vector<hub::EventRef> events;
  Seq next = 0;       // the cursor for the next page: past what was filtered out
  bool more = false;  // there is something after `next`, up to `until`
  Seq floor = 0;      // events up to here are gone; since < floor is a gap
  Seq head = 0;       // newest in the log
};

struct PageRequest {
  Seq since = 0;                                // exclusive
  Seq until = std::numeric_limits<Seq>::max();  // inclusive; what comes after waits, as if it were not yet
  std::optional<hub::Identity> own{};           // whose audience to look at; nothing: topics only
  std::vector<hub::TopicScope> topics{};        // and the topics to look at
  std::size_t limit = 100;                      // visible events
  std::vector<std::string> types{};             // patterns "user.*", "system.alert"; empty: all
  std::size_t bytes = 1 << 20;                  // of Event::size(); the last event may exceed it
};

// Looks at a bounded number of rows per call, so a page can be short or empty although more follows.
Result<Page> read_page(storage::Snapshot& snapshot, const PageRequest& request);

using hub::matches_types;

// What the rule of a topic keeps readable: events of the topic up to here are no longer history, or gone.
Seq read_topic_floor(storage::Snapshot& snapshot, std::string_view topic, const hub::TopicRule& rule,
                     UnixMs now);

// What a shard begins with: the newest events, as many as fit, and the position after which they begin.
hub::LogState read_recent(storage::Snapshot& snapshot, std::string epoch, const hub::TailLimits& limits,
                          const hub::TopicRules& rules);

// Events up to this seq are gone.
template <class Source>
Seq read_floor(Source& source);  // a storage::Snapshot or a storage::UnitOfWork
// The newest seq there ever was.
Seq read_head(storage::Snapshot& snapshot);

}  // namespace corohub::eventlog
