// A shard's members in the order of their client ids, to find one and to list them page by page. Client ids
// are random, so the first bits of an id name its place; a member whose place is taken stands behind it, in
// order. The index takes a pointer for each member, and a third to twice as much room besides. Used on the
// shard's thread only.
#pragma once

#include "hub/member.hpp"

#include <cstddef>
#include <vector>

namespace corohub::hub {

class ClientIndex {
 public:
  // Makes room for so many members. Called before each enter().
  void reserve(std::size_t members);
  void enter(Member& member) noexcept;
  void leave(const Member& member) noexcept;

  Member* find(const ClientId& client) const noexcept;  // null: none

  // Visits the members after this id, in order. `visit` takes a Member&, says whether to go on, and must not
  // change the index.
  template <class F>
  void walk(const ClientId& after, F visit) const {
    for (std::size_t i = place_of(after); i < places_.size(); ++i) {
      Member* const member = places_[i];
      if (member != nullptr && member->client_id() > after && !visit(*member)) return;
    }
  }

 private:
  std::size_t place_of(const ClientId& client) const noexcept;

  std::vector<Member*> places_;  // sorted; no member stands before its place, or behind an empty one after it
  unsigned bits_ = 0;            // 2^bits_ places, and more at the end for members that do not fit
};

}  // namespace corohub::hub
