// A shard's members in the order of their client ids, to find one and to list them page by page. Client ids
// are random, so a place for each is known from its first bits; who finds it taken stands behind, and the
// order holds. A pointer for each member, and a third to twice as much room. Used on the shard's thread only.
#pragma once

#include "hub/member.hpp"

#include <cstddef>
#include <vector>

namespace corohub::hub {

class ClientIndex {
 public:
  // Makes room for so many, so that one more can enter().
  void reserve(std::size_t members);
  void enter(Member& member) noexcept;
  void leave(const Member& member) noexcept;

  Member* find(const ClientId& client) const noexcept;  // null: none

  // `visit` takes a Member& and says whether to go on: those after this id, in order. It must not change the
  // index.
  template <class F>
  void walk(const ClientId& after, F visit) const {
    for (std::size_t i = place_of(after); i < places_.size(); ++i) {
      Member* const member = places_[i];
      if (member != nullptr && member->client_id() > after && !visit(*member)) return;
    }
  }

 private:
  std::size_t place_of(const ClientId& client) const noexcept;

  std::vector<Member*> places_;  // sorted; nobody stands before his place, or behind an empty one after it
  unsigned bits_ = 0;            // 2^bits_ places; more at the end for those who are pushed beyond
};

}  // namespace corohub::hub
