// The frames that seats make of the newest events and of what their shard knows of a namespace, so that those
// who are told the same share one. An entry keeps the event and the namespace that it was made of, which
// nobody changes: whoever has the same two has the same frame. Used on one thread.
#pragma once

#include "flags/evaluation/environment.hpp"
#include "gateway/socketio/seat.hpp"
#include "hub/event.hpp"
#include "hub/frame.hpp"

#include <array>
#include <cstddef>
#include <utility>

namespace corohub::gateway::socketio {

class FrameCache {
 public:
  // `make` is called unless the frame is there. Throws for memory.
  template <class Make>
  hub::FrameRef frame(const Seat& seat, const hub::Event& event, const flags::NamespaceRef& name_space,
                      Make make) {
    const Wrap* const wrap = &seat.wrap();
    for (const Entry& one : entries_)
      if (one.event.get() == &event && one.wrap == wrap && one.with_position == seat.with_position() &&
          one.name_space == name_space)
        return one.frame;
    Entry made{hub::EventRef(&event), name_space, wrap, seat.with_position(), make()};
    return (entries_[next_++ % entries_.size()] = std::move(made)).frame;
  }

 private:
  struct Entry {
    hub::EventRef event{};
    flags::NamespaceRef name_space{};
    const Wrap* wrap = nullptr;
    bool with_position = true;
    hub::FrameRef frame{};
  };
  std::array<Entry, 4> entries_{};  // as many as there are carriers, twice
  std::size_t next_ = 0;
};

}  // namespace corohub::gateway::socketio
