#include "hub/send_lines.hpp"

#include <algorithm>

namespace corohub::hub {

SendLines::Place SendLines::join(std::span<Member* const> members) noexcept {
  const bool in_long = members.size() > short_line_members;
  Line& line = in_long ? long_ : short_;
  for (std::size_t i = 0; i < members.size(); ++i) {
    if (i + prefetch_ahead < members.size()) members[i + prefetch_ahead]->prefetch();
    Member& member = *members[i];
    const bool waits = member.waiting_.is_linked();
    if (waits && (in_long || !member.in_long_line_)) continue;
    if (waits) leave(member);
    member.in_long_line_ = in_long;
    line.members.push_back(member);
    ++line.came;
  }
  return {in_long, line.came};
}

void SendLines::leave(Member& member) noexcept { leave(member.in_long_line_ ? long_ : short_, member); }

void SendLines::leave(Line& line, Member& member) noexcept {
  line.members.erase(line.members.iterator_to(member));
  ++line.left;
}

void SendLines::step() noexcept {
  const std::size_t unused = send(short_, sends_per_step);
  send(long_, std::max(unused, long_share));
}

// While the system sends to one member, the processor's cache is filled with what the send to the next member
// reads, and with the place where the member after that keeps the same.
std::size_t SendLines::send(Line& line, std::size_t sends) noexcept {
  for (; sends > 0 && !line.members.empty(); --sends) {
    Member& member = line.members.front();
    leave(line, member);
    if (auto next = line.members.begin(); next != line.members.end()) {
      next->prefetch_send();
      if (++next != line.members.end()) next->prefetch();
    }
    member.flush();
  }
  return sends;
}

}  // namespace corohub::hub
