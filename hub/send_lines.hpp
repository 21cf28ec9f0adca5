// Members that wait for their send. When a turn has queued something for many members, their sends are made
// in steps, out of two lines, so that a few members do not wait behind many. A member stands in one line at a
// time, once. Used on the shard's thread only; allocates nothing.
#pragma once

#include "hub/member.hpp"

#include <cstddef>
#include <cstdint>
#include <span>

#include <boost/intrusive/list.hpp>

namespace corohub::hub {

class SendLines {
 public:
  // The sends of one step: to members of the short line, then to those of the long line. The long line has a
  // small share of its own besides, so that it moves on however much the short line brings.
  static constexpr std::size_t sends_per_step = 32;
  static constexpr std::size_t long_share = 4;
  // Up to so many members that join together stand in the short line, more of them in the long line.
  static constexpr std::size_t short_line_members = 1024;

  // A place behind all members that stand in a line now; by default a place ahead of all.
  struct Place {
    bool in_long = false;
    std::uint64_t behind = 0;
  };

  bool empty() const noexcept { return short_.members.empty() && long_.members.empty(); }

  // These members wait from now on. A member that waits already keeps its place, or changes from the long
  // line to the short line. The place behind them.
  Place join(std::span<Member* const> members) noexcept;
  // Takes a member that waits out of its line.
  void leave(Member& member) noexcept;
  // Sends to some of the members that wait.
  void step() noexcept;

  // Every member ahead of that place has been sent to. This is nearly exact: a member that left by leave() or
  // changed lines counts as sent to.
  bool has_passed(const Place& place) const noexcept {
    return (place.in_long ? long_ : short_).left >= place.behind;
  }

 private:
  struct Line {
    boost::intrusive::list<
        Member,
        boost::intrusive::member_hook<Member, boost::intrusive::list_member_hook<>, &Member::waiting_>,
        boost::intrusive::constant_time_size<false>>
        members;
    std::uint64_t came = 0;
    std::uint64_t left = 0;
  };

  // How many of these sends were not needed.
  static std::size_t send(Line& line, std::size_t sends) noexcept;
  static void leave(Line& line, Member& member) noexcept;

  Line short_;
  Line long_;
};

}  // namespace corohub::hub
