// A request that waits for an event: as a member of its shard it hears of what is applied for it, and when
// its rights end. What has happened is for the log to say. Used on its shard's thread only.
#pragma once

#include "core/task.hpp"
#include "gateway/session/topic_rights.hpp"
#include "hub/member.hpp"
#include "hub/shard.hpp"

#include <optional>
#include <string>
#include <vector>

#include <boost/asio/basic_waitable_timer.hpp>
#include <boost/asio/ip/address.hpp>

namespace corohub::gateway {

class Poller final : public hub::Member, private hub::Outlet {
 public:
  // `who` has been judged in this same turn.
  Poller(hub::Shard& shard, const hub::Identity& who, const boost::asio::ip::address& address,
         std::vector<std::string> types);
  ~Poller() override;

  // Hears of these topics, too: of those that it may read.
  void follow(const TopicRights& rights, const std::vector<std::string>& topics);

  // True as soon as the log may have something new, or the poll was ended; false when the time is up or
  // nobody waits any more. It may also be true for what came before the call.
  Task<bool> wait_until(SteadyTime end);
  // Nobody waits any more.
  void leave() noexcept;
  // Why nothing more is to be waited for.
  const std::optional<CloseReason>& ended() const noexcept { return ended_; }

  // ---- hub::Member ----
  const hub::Form& form() const noexcept override;
  void close(CloseReason reason) noexcept override;
  void role_changed() noexcept override {}
  void subscription_lost(const hub::Subscription&) noexcept override {}
  hub::MemberInfo info() const override;

 private:
  void flush() noexcept override;
  bool is_full() const noexcept override { return false; }
  void wake() noexcept;

  hub::Shard& shard_;
  const boost::asio::ip::address address_;
  const UnixMs began_;
  asio::basic_waitable_timer<std::chrono::steady_clock, asio::wait_traits<std::chrono::steady_clock>,
                             Executor>
      timer_;
  Seq heard_;  // the shard's head when it heard last
  bool woken_ = false;
  bool left_ = false;
  std::optional<CloseReason> ended_;
};

}  // namespace corohub::gateway
