#include "gateway/session/beginning.hpp"

#include "eventlog/event_log.hpp"

#include <string>
#include <utility>
#include <vector>

namespace corohub::gateway {
namespace {

// Where what is kept begins: of the log, and of each topic.
struct Floors {
  Seq log = 0;
  std::vector<Seq> topics;
};

Floors read_floors(storage::Snapshot& snapshot, const hub::TopicRules& rules,
                   const std::vector<std::string>& topics, UnixMs now) {
  Floors floors{eventlog::read_floor(snapshot), {}};
  for (const std::string& topic : topics)
    floors.topics.push_back(eventlog::read_topic_floor(snapshot, topic, rule_of(rules, topic), now));
  return floors;
}

}  // namespace

Task<Result<Beginning>> look_up(const Desk& desk, Seq committed, EventQuery events) {
  Beginning beginning;
  beginning.committed = committed;
  const bool ours =
      events.since && (events.since->epoch.empty() || events.since->epoch == desk.settings.epoch);
  const bool beyond_tail = ours && events.since->seq < desk.shard.tail().base();
  // What the tail has needs no floor, but each topic has its own.
  if (beyond_tail || (ours && !events.topics.empty())) {
    auto read = [&rules = desk.settings.rules, topics = events.topics,
                 now = desk.shard.clock().unix_ms()](storage::Snapshot& snapshot) {
      return Result<Floors>(read_floors(snapshot, rules, topics, now));
    };
    Result<Floors> floors = co_await desk.readers.read(std::move(read));
    if (!floors) co_return floors.error();
    if (beyond_tail) beginning.floor = floors->log;
    beginning.topic_floors = std::move(floors->topics);
  }
  beginning.events = std::move(events);
  co_return beginning;
}

std::shared_ptr<Session> make_session(const Desk& desk, Dialect& dialect, Arrival arrival) {
  if (arrival.entrant) {
    Result<Entrant> live = judge_again(desk, *arrival.entrant);
    if (live)
      arrival.entrant = std::move(*live);
    else
      arrival.entrant.reset();
  }
  return std::make_shared<Session>(desk, dialect, std::move(arrival));
}

}  // namespace corohub::gateway
