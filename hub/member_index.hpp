// A shard's members by role and by user. Used on the shard's thread only; once reserve() has made room, only
// enter() may allocate, for one that is no user and for a user who has no other connection.
#pragma once

#include "hub/member.hpp"

#include <array>
#include <cstddef>
#include <vector>

#include <boost/unordered/unordered_flat_map.hpp>

namespace corohub::hub {

class MemberIndex {
 public:
  void reserve(std::size_t members);

  // The member has its identity by now.
  void enter(Member& member);
  void leave(Member& member) noexcept;
  void change_role(Member& member, Role role) noexcept;

  std::size_t size() const noexcept;
  // Only users are among these. In no particular order; a member that leaves or changes its role moves
  // another one to its place.
  const std::vector<Member*>& of(Role role) const noexcept { return by_role_[index_of(role)]; }
  // Those that have the key of a client of feature flags.
  const std::vector<Member*>& with_client_keys() const noexcept { return with_client_keys_; }
  const std::vector<Member*>& in_no_audience() const noexcept { return in_no_audience_; }  // guests, services
  // The first of a user's members, then next_of_same_user(); null: there is none.
  Member* first_of(UserId user) const noexcept;
  static Member* next_of_same_user(const Member& member) noexcept { return member.same_user_next_; }

  // `visit` takes a Member& and must not change the index.
  template <class F>
  void for_each(F visit) const {
    for (const std::vector<Member*>& members : by_role_)
      for (Member* member : members) visit(*member);
    for (Member* member : with_client_keys_) visit(*member);
    for (Member* member : in_no_audience_) visit(*member);
  }

 private:
  static std::size_t index_of(Role role) noexcept { return static_cast<std::size_t>(role); }
  std::vector<Member*>& list_of(const Identity& who) noexcept {
    if (who.is_user()) return by_role_[index_of(who.role)];
    return who.has_audience() ? with_client_keys_ : in_no_audience_;
  }
  void enter_role(Member& member) noexcept;
  void leave_role(Member& member) noexcept;
  void enter_user(Member& member);
  void leave_user(Member& member) noexcept;

  std::array<std::vector<Member*>, role_count> by_role_;
  std::vector<Member*> with_client_keys_;
  std::vector<Member*> in_no_audience_;                 // guests and services
  boost::unordered_flat_map<UserId, Member*> by_user_;  // head of the list of the user's members
};

// Makes room for so many members; at least doubles the room when there is too little.
void reserve_for(std::vector<Member*>& members, std::size_t count);

}  // namespace corohub::hub
