// Where one client is typing, and when the others are told: at once, but at most one beginning in three
// seconds; the end when the client says so, does something else, or has not said for six seconds that it goes
// on. A client types in one topic at a time. Pure: the caller says what time it is.
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

  // The client begins to type, or goes on.
  Changes start(std::string_view topic, SteadyTime now);
  // The client stops; no change if it types in another topic or in none.
  Changes stop(std::string_view topic) { return topic == topic_ ? stop() : Changes(); }
  Changes stop();
  // Time has passed: typing that was not renewed ends.
  Changes pass(SteadyTime now);
  // When to call pass() next; nothing: the client does not type.
  std::optional<SteadyTime> next() const;

 private:
  void tell_start(SteadyTime now, Changes& changes);

  std::string topic_;     // empty: none
  bool told_ = false;     // the others know that the client types
  SteadyTime ends_{};     // unless the client goes on
  SteadyTime silence_{};  // until then no beginning is told
};

}  // namespace corohub::gateway
