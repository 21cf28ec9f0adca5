#include "core/position.hpp"

#include <algorithm>
#include <charconv>

namespace corohub {
namespace {

bool is_epoch_char(char c) noexcept {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
}

Error invalid() {
  return Error(ErrorCode::invalid_since, "since must be <epoch>:<seq> or a sequence number.");
}

}  // namespace

Result<Position> parse_position(std::string_view text) {
  Position position;
  if (const std::size_t colon = text.find(':'); colon != std::string_view::npos) {
    const std::string_view epoch = text.substr(0, colon);
    if (epoch.empty() || epoch.size() > 64 || !std::ranges::all_of(epoch, is_epoch_char)) return invalid();
    position.epoch = epoch;
    text.remove_prefix(colon + 1);
  }
  const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  if (text.empty() || !std::ranges::all_of(text, is_digit)) return invalid();
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), position.seq);
  if (error != std::errc() || end != text.data() + text.size()) return invalid();
  return position;
}

}  // namespace corohub
