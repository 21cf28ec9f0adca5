// Where one client is typing, and when the others are told: at once, but at most one beginning in three
// seconds; the end when he says so, does something else, or has not said for six seconds that he goes on. He
// types in one topic at a time. Pure: it is told the time.
#pragma once

#include "core/clock.hpp"

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace corohub::gateway {

struct TypingChange {
  std::string topic;
  bool typing = false;
  bool operator==(const TypingChange&) const = default;
};

class Typing {
 public:
  static constexpr std::chrono::seconds start_interval{3};
  static constexpr std::chrono::seconds lifetime{6};

  // What the others are to be told, in order.
  using Changes = std::vector<TypingChange>;

  // He begins, or goes on.
  Changes start(std::string_view topic, SteadyTime now);
  // Nothing if it is not there that he types.
  Changes stop(std::string_view topic) { return topic == topic_ ? stop() : Changes(); }
  Changes stop();
  // Time has passed.
  Changes pass(SteadyTime now);
  // When to call pass() next; nothing: he does not type.
  std::optional<SteadyTime> next() const;

 private:
  void tell_start(SteadyTime now, Changes& changes);

  std::string topic_;     // empty: none
  bool told_ = false;     // the others know that he types
  SteadyTime ends_{};     // unless he goes on
  SteadyTime silence_{};  // until then no beginning is told
};

}  // namespace corohub::gateway
