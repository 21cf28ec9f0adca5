// Which events somebody asked for, beside what its rights allow. Immutable, shared by reference count; safe
// from any thread.
#pragma once

#include <memory>
#include <string>
#include <vector>

namespace corohub::hub {

class Event;

class EventFilter {
 public:
  virtual ~EventFilter() = default;
  virtual bool wants(const Event& event) const noexcept = 0;
  // The types it wants, as patterns ("user.*"), so that a reader of the log can leave out the others; empty:
  // it may want any.
  virtual std::vector<std::string> types() const { return {}; }
};
using EventFilterRef = std::shared_ptr<const EventFilter>;  // null: all

// Events whose type one of the patterns names; null for an empty list.
EventFilterRef filter_of_types(std::vector<std::string> patterns);

}  // namespace corohub::hub
