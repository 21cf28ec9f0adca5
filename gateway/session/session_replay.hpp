// What a session does about what it missed: the replay under way for it, and the pages of the log that asks
// for. Used on the session's shard only.
#pragma once

#include "core/task.hpp"
#include "gateway/session/command.hpp"
#include "hub/replay.hpp"

#include <memory>
#include <string_view>

namespace corohub::gateway {

class Session;

class SessionReplay final : private hub::ReplayOwner {
 public:
  explicit SessionReplay(Session& session) noexcept : session_(session) {}

  bool is_under_way() const noexcept { return replay_ != nullptr; }
  // What the session is to have up to here has been pushed, and nothing after it.
  Seq position() const noexcept;

  // The session's own events after `own_after` are to come; topics that it follows by now wait with them.
  void begin(Seq own_after);
  // The events of this interest after `after` are to come, beside what comes anyway. Then, as after begin(),
  // advance().
  void bring(hub::Interest& interest, Seq after);
  // Brings what it can at once, the rest as the client reads.
  void advance();
  void clear() noexcept { replay_.reset(); }
  void tell_gap(const Gap& gap);

 private:
  // ---- hub::ReplayOwner ----
  void read_page(const hub::Replay& replay, hub::ReadPermits::Permit permit,
                 hub::PageWish wish) noexcept override;
  void replay_gap(const hub::Replay& replay, Seq from, Seq to) override;
  void replay_failed() noexcept override;
  Task<> read_page_of(std::shared_ptr<Session> self, std::weak_ptr<hub::Replay> asking,
                      hub::ReadPermits::Permit permit, hub::PageWish wish);

  Session& session_;
  std::shared_ptr<hub::Replay> replay_;  // null: the session is live
};

}  // namespace corohub::gateway
