// One shape in which events leave: a front end's text, as its carrier's bytes. A Form lives as long as the
// process, because events keep what it made under its address. Safe from any thread.
#pragma once

#include "hub/frame.hpp"

#include <string_view>

namespace corohub::hub {

class Event;

class Form {
 public:
  // The event's bytes, made once and shared by every connection of this form. Null: they cannot be shared,
  // and each connection makes a frame of its own (Member::own_frame). `epoch` is the log's. Throws for
  // memory.
  virtual FrameRef encode(const Event& event, std::string_view epoch) const = 0;
  // For what was read for one connection alone: a form that compresses answers its plain sibling.
  virtual const Form& unshared() const noexcept { return *this; }

 protected:
  ~Form() = default;
};

}  // namespace corohub::hub
