// What a session does about what it missed: the replay under way for it, and the pages of the log that asks
// for. Used on the session's shard only.
#pragma once

#include "core/task.hpp"
#include "hub/replay.hpp"

#include <memory>
#include <string_view>

namespace corohub::gateway {

class Session;

class SessionReplay final : private hub::ReplayOwner {
 public:
  // What the log cannot give: the events between two positions.
  struct Gap {
    Seq from;
    Seq to;
    std::string_view reason;
  };

  explicit SessionReplay(Session& session) noexcept : session_(session) {}

  bool is_under_way() const noexcept { return replay_ != nullptr; }
  // What the session is to have up to here has been pushed, and nothing after it.
  Seq position() const noexcept;

  // The session's own events after `own_after` are to come; topics that it follows by now wait with them.
  void begin(Seq own_after);
  // This subscription's events after `after` are to come, beside what comes anyway. Then, as after begin(),
  // advance().
  void bring(hub::Subscription& subscription, Seq after);
  // Brings what it can at once, the rest as the client reads.
  void advance();
  void clear() noexcept { replay_.reset(); }
  // `topic` empty: of all the session missed.
  void push_gap(const Gap& gap, std::string_view topic = {});

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
