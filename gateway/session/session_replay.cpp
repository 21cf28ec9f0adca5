#include "gateway/session/session_replay.hpp"

#include "core/log.hpp"
#include "eventlog/event_log.hpp"
#include "eventlog/floors.hpp"
#include "gateway/session/session.hpp"

#include <algorithm>
#include <new>
#include <utility>

#include <boost/asio/co_spawn.hpp>

namespace corohub::gateway {
namespace {

// Events of topics expire by a budget of their own, also while they are being read.
void tell_topics(SessionReplay& owner, Session& session, const hub::Replay& replay, Seq topics_floor) {
  for (const std::unique_ptr<hub::Subscription>& subscription : session.subscriptions()) {
    const bool held = subscription->phase == hub::Subscription::Phase::held;
    if (!held || !subscription->topic->rule->durable() || subscription->floor >= topics_floor) continue;
    const Seq from = std::max(replay.position(), subscription->floor);
    subscription->floor = topics_floor;
    if (from < topics_floor)
      owner.tell_gap({from, topics_floor, "expired", subscription->topic->name, subscription->label});
  }
}

}  // namespace

Seq SessionReplay::position() const noexcept {
  return replay_ ? replay_->position() : session_.desk().shard.had(session_);
}

void SessionReplay::begin(Seq own_after) {
  hub::ReplayOwner& owner = *this;
  replay_ = std::make_shared<hub::Replay>(session_.desk().shard, session_, owner, own_after);
}

void SessionReplay::bring(hub::Interest& interest, Seq after) {
  if (!replay_) begin(session_.desk().shard.had(session_));
  replay_->hold(interest, after);
}

void SessionReplay::advance() {
  if (!replay_ || !replay_->advance()) return;
  replay_.reset();
  session_.note_caught_up();
}

void SessionReplay::tell_gap(const Gap& gap) {
  session_.desk().settings.metrics.gaps.Increment();
  session_.tell(gap);
}

// The log lost events while they were being read. A client with one position for everything is told once, if
// its own events are among them; otherwise each interest that the replay was for is told.
void SessionReplay::replay_gap(const hub::Replay& replay, Seq from, Seq to) {
  if (session_.hears_unasked() && replay.owes_own(to)) return tell_gap({from, to, "expired"});
  for (const hub::Feed& feed : session_.feeds())
    if (feed.is_held() && feed.floor < to) tell_gap({from, to, "expired", {}, feed.label});
  for (const std::unique_ptr<hub::Subscription>& subscription : session_.subscriptions())
    if (subscription->is_held() && subscription->floor < to)
      tell_gap({from, to, "expired", subscription->topic->name, subscription->label});
}

void SessionReplay::replay_failed() noexcept { session_.close(CloseReason::overloaded); }

void SessionReplay::read_page(const hub::Replay& /*there is one*/, hub::ReadPermits::Permit permit,
                              hub::PageWish wish) noexcept {
  try {
    asio::co_spawn(session_.desk().shard.context(),
                   read_page_of(session_.shared_from_this(), replay_, std::move(permit), std::move(wish)),
                   [self = session_.shared_from_this()](const std::exception_ptr& failure) {
                     if (!failure) return;
                     log::error("session.replay_failed");
                     self->close(CloseReason::internal_error);
                   });
  } catch (const std::bad_alloc&) {
    session_.close(CloseReason::overloaded);
  }
}

Task<> SessionReplay::read_page_of(std::shared_ptr<Session> self, std::weak_ptr<hub::Replay> asking,
                                   hub::ReadPermits::Permit permit, hub::PageWish wish) {
  eventlog::PageRequest request{.since = wish.after,
                                .own = wish.own,
                                .topics = std::move(wish.topics),
                                .limit = wish.events_max,
                                .types = std::move(wish.types),
                                .bytes = wish.bytes_max};
  Seq topics_floor = 0;  // written by the reader before this goes on
  auto read = [request = std::move(request), &topics_floor](storage::Snapshot& snapshot) {
    topics_floor = eventlog::read_topics_floor(snapshot);
    return eventlog::read_page(snapshot, request);
  };
  Result<eventlog::Page> page = co_await self->desk().readers.read(std::move(read));
  permit.give_back();
  // If it is there, so is this: the session that has them both lives, by `self`.
  const std::shared_ptr<hub::Replay> replay = asking.lock();
  if (!replay) co_return;
  if (!page) {
    log::warn("session.page_not_read", {{"code", name(page.error().code)}});
    co_return self->close(CloseReason::overloaded);
  }
  tell_topics(*this, session_, *replay, topics_floor);
  const hub::LogPage found{std::move(page->events), page->next, page->floor};
  replay->page_read(found);
  advance();
}

}  // namespace corohub::gateway
