#include "gateway/session/typing.hpp"

#include <algorithm>
#include <utility>

namespace corohub::gateway {

Typing::Changes Typing::start(std::string_view topic, SteadyTime now) {
  Changes changes;
  if (topic != topic_) {
    changes = stop();
    topic_ = topic;
  }
  ends_ = now + lifetime;
  tell_start(now, changes);
  return changes;
}

Typing::Changes Typing::stop() {
  std::string topic = std::exchange(topic_, {});
  if (!std::exchange(told_, false)) return {};
  return {{std::move(topic), false}};
}

Typing::Changes Typing::pass(SteadyTime now) {
  if (topic_.empty()) return {};
  if (now >= ends_) return stop();
  Changes changes;
  if (!told_) tell_start(now, changes);
  return changes;
}

void Typing::tell_start(SteadyTime now, Changes& changes) {
  if (now < silence_) return;
  silence_ = now + start_interval;
  told_ = true;
  changes.push_back({topic_, true});
}

std::optional<SteadyTime> Typing::next() const {
  if (topic_.empty()) return std::nullopt;
  return told_ ? ends_ : std::min(ends_, silence_);
}

}  // namespace corohub::gateway
