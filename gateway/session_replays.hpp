// What a session does about what it missed: the replays under way for it, and the pages of the log they ask
// for. Used on the session's shard only.
#pragma once

#include "core/task.hpp"
#include "hub/replay.hpp"

#include <memory>
#include <string_view>
#include <vector>

namespace corohub::gateway {

class Session;

class SessionReplays final : private hub::ReplayOwner {
 public:
  // What the log cannot give: the events between two positions.
  struct Gap {
    Seq from;
    Seq to;
    std::string_view reason;
  };

  explicit SessionReplays(Session& session) noexcept : session_(session) {}

  // One that is still to be told what it holds, and then to be started.
  std::shared_ptr<hub::Replay> make(Seq since);
  // Brings what it can at once, the rest as the client reads.
  void start(std::shared_ptr<hub::Replay> replay);
  void advance();
  void clear() noexcept { replays_.clear(); }
  // Ends those whose last subscription is gone.
  void drop_idle() noexcept;
  // `topic` empty: of all the session missed.
  void push_gap(const Gap& gap, std::string_view topic = {});

 private:
  // ---- hub::ReplayOwner ----
  void read_page(const hub::Replay& replay, hub::ReadPermits::Permit permit,
                 hub::PageWish wish) noexcept override;
  void replay_gap(const hub::Replay& replay, Seq from, Seq to) override;
  void replay_too_long() noexcept override;
  Task<> read_page_of(std::shared_ptr<Session> self, std::weak_ptr<hub::Replay> asking,
                      hub::ReadPermits::Permit permit, hub::PageWish wish);

  Session& session_;
  std::vector<std::shared_ptr<hub::Replay>> replays_;
};

}  // namespace corohub::gateway
