// Members that wait to be sent to. What a turn has for many leaves in steps, in two lines: few do not wait
// behind many. Each member waits once, in its own order. Used on the shard's thread only; allocates nothing.
#pragma once

#include "hub/member.hpp"

#include <cstddef>
#include <cstdint>
#include <span>

#include <boost/intrusive/list.hpp>

namespace corohub::hub {

class SendLines {
 public:
  // What one step sends: to the short line, then to the long one, which has a small share besides, so that it
  // moves on whatever the short one brings.
  static constexpr std::size_t sends_per_step = 32;
  static constexpr std::size_t long_share = 4;
  // So many members together wait in the short line, more in the long one.
  static constexpr std::size_t short_line_members = 1024;

  // A place behind all who stand in a line now; by default: ahead of all.
  struct Place {
    bool in_long = false;
    std::uint64_t behind = 0;
  };

  bool empty() const noexcept { return short_.members.empty() && long_.members.empty(); }

  // They wait from now on. One who waits already keeps its place, or leaves the long line for the short one.
  // Answers the place behind them.
  Place join(std::span<Member* const> members) noexcept;
  // Who waits does not wait any more.
  void leave(Member& member) noexcept;
  // Sends to some of those who wait.
  void step() noexcept;

  // Everyone ahead of that place has left. Nearly: one who went by leave(), or changed lines, counts as well.
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

  // Answers how many of these sends were not needed.
  static std::size_t send(Line& line, std::size_t sends) noexcept;
  static void leave(Line& line, Member& member) noexcept;

  Line short_;
  Line long_;
};

}  // namespace corohub::hub
