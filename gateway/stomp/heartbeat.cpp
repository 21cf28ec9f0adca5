#include "gateway/stomp/heartbeat.hpp"

#include <algorithm>
#include <charconv>
#include <cstdint>

namespace corohub::gateway::stomp {
namespace {

using std::chrono::milliseconds;

std::string_view without_blanks(std::string_view text) noexcept {
  while (text.starts_with(' ')) text.remove_prefix(1);
  while (text.ends_with(' ')) text.remove_suffix(1);
  return text;
}

std::optional<milliseconds> to_interval(std::string_view text) noexcept {
  text = without_blanks(text);
  std::uint32_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  if (number == 0) return milliseconds(0);
  return std::clamp(milliseconds(number), Heartbeat::interval_min, Heartbeat::interval_max);
}

}  // namespace

std::optional<Heartbeat> Heartbeat::agree(std::string_view header, SteadyTime now) noexcept {
  const std::size_t comma = header.find(',');
  if (comma == std::string_view::npos) return std::nullopt;
  const std::optional<milliseconds> promised = to_interval(header.substr(0, comma));
  const std::optional<milliseconds> wanted = to_interval(header.substr(comma + 1));
  if (!promised || !wanted) return std::nullopt;
  Heartbeat heartbeat;
  heartbeat.hears_every_ = *promised;
  heartbeat.sends_every_ = *wanted;
  heartbeat.heard_ = heartbeat.sent_ = now;
  return heartbeat;
}

SteadyTime Heartbeat::lost_at() const noexcept {
  return hears_every_.count() == 0 ? SteadyTime::max() : heard_ + 2 * hears_every_;
}

// A little early: what is due on the way here and there must not be late.
SteadyTime Heartbeat::send_at() const noexcept {
  return sends_every_.count() == 0 ? SteadyTime::max() : sent_ + sends_every_ * 9 / 10;
}

std::optional<SteadyTime> Heartbeat::next() const noexcept {
  const SteadyTime next = std::min(lost_at(), send_at());
  if (next == SteadyTime::max()) return std::nullopt;
  return next;
}

}  // namespace corohub::gateway::stomp
