#include "hub/member_index.hpp"

#include <algorithm>
#include <utility>

namespace corohub::hub {

void reserve_for(std::vector<Member*>& members, std::size_t count) {
  if (members.capacity() < count) members.reserve(std::max(count, 2 * members.capacity()));
}

void MemberIndex::reserve(std::size_t members) {
  for (std::vector<Member*>& of_role : by_role_) reserve_for(of_role, members);
}

void MemberIndex::enter(Member& member) {
  if (!member.identity_.is_user()) {
    std::vector<Member*>& others = list_of(member.identity_);
    reserve_for(others, others.size() + 1);
  }
  enter_user(member);
  enter_role(member);
}

void MemberIndex::leave(Member& member) noexcept {
  leave_role(member);
  leave_user(member);
}

void MemberIndex::change_role(Member& member, Role role) noexcept {
  leave_role(member);
  member.identity_.role = role;
  enter_role(member);
}

std::size_t MemberIndex::size() const noexcept {
  std::size_t members = with_client_keys_.size() + in_no_audience_.size();
  for (const std::vector<Member*>& of_role : by_role_) members += of_role.size();
  return members;
}

Member* MemberIndex::first_of(UserId user) const noexcept {
  if (user == 0) return nullptr;
  const auto found = by_user_.find(user);
  return found == by_user_.end() ? nullptr : found->second;
}

void MemberIndex::enter_role(Member& member) noexcept {
  std::vector<Member*>& members = list_of(member.identity_);
  member.slot_ = static_cast<std::uint32_t>(members.size());
  members.push_back(&member);
}

void MemberIndex::leave_role(Member& member) noexcept {
  std::vector<Member*>& members = list_of(member.identity_);
  members[member.slot_] = members.back();
  members[member.slot_]->slot_ = member.slot_;
  members.pop_back();
}

void MemberIndex::enter_user(Member& member) {
  if (member.identity_.user_id == 0) return;
  Member*& first = by_user_[member.identity_.user_id];
  member.same_user_next_ = first;
  if (first != nullptr) first->same_user_previous_ = &member;
  first = &member;
}

void MemberIndex::leave_user(Member& member) noexcept {
  if (member.identity_.user_id == 0) return;
  Member* const next = std::exchange(member.same_user_next_, nullptr);
  Member* const previous = std::exchange(member.same_user_previous_, nullptr);
  if (next != nullptr) next->same_user_previous_ = previous;
  if (previous != nullptr) {
    previous->same_user_next_ = next;
  } else if (next != nullptr) {
    by_user_[member.identity_.user_id] = next;
  } else {
    by_user_.erase(member.identity_.user_id);
  }
}

}  // namespace corohub::hub
