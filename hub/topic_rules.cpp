#include "hub/topic_rules.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace corohub::hub {
namespace {

constexpr std::size_t event_type_bytes_max = 64;

bool is_word_character(char c) noexcept {
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '_' ||
         c == ':' || c == '-';
}

bool is_segment(std::string_view text) noexcept {
  return !text.empty() && text != "." && text != ".." && std::ranges::all_of(text, is_word_character);
}

// Takes the first segment off; `last` says that nothing stands behind it.
std::string_view next_segment(std::string_view& rest, bool& last) noexcept {
  const std::size_t slash = rest.find('/');
  last = slash == std::string_view::npos;
  const std::string_view segment = rest.substr(0, slash);
  rest.remove_prefix(last ? rest.size() : slash + 1);
  return segment;
}

template <class Good>
bool all_segments(std::string_view text, Good good) noexcept {
  if (text.size() > topic_bytes_max) return false;
  for (bool last = false; !last;) {
    const std::string_view segment = next_segment(text, last);
    if (!good(segment, last)) return false;
  }
  return true;
}

}  // namespace

bool is_topic(std::string_view text) noexcept {
  return all_segments(text, [](std::string_view segment, bool) { return is_segment(segment); });
}

bool is_topic_pattern(std::string_view text) noexcept {
  return all_segments(text, [](std::string_view segment, bool last) {
    return segment == "*" || (segment == "**" && last) || is_segment(segment);
  });
}

bool matches_topic(std::string_view pattern, std::string_view topic) noexcept {
  bool pattern_ends = false;
  bool topic_ends = false;
  while (!pattern_ends && !topic_ends) {
    const std::string_view wanted = next_segment(pattern, pattern_ends);
    const std::string_view segment = next_segment(topic, topic_ends);
    if (wanted == "**" && pattern_ends) return true;
    if (wanted != "*" && wanted != segment) return false;
  }
  return pattern_ends && topic_ends;
}

std::vector<TopicRule> TopicRules::defaults() {
  constexpr std::uint8_t everyone = Audience::everyone_bits;
  constexpr std::uint8_t admins = Audience::admin_bits;
  constexpr std::chrono::seconds week = std::chrono::hours(7 * 24);
  return {
      {"rooms/*", everyone, everyone, 1000, week, PresenceMode::list, true},
      {"public/*", everyone, admins, 0, {}, PresenceMode::off, false},
      {"admin/**", admins, admins, 0, {}, PresenceMode::off, false},
  };
}

namespace {

// What gateways of APIs follow. No table of the configuration can say anything else of it.
const TopicRule& rule_of_proxy_config() {
  static const TopicRule rule{.pattern = "proxy_config_events",
                              .subscribers = Audience::admin_bits,
                              .publishers = Audience::admin_bits,
                              .history_count = 1'000'000};
  return rule;
}

}  // namespace

const TopicRule* TopicRules::find(std::string_view topic) const noexcept {
  const TopicRule& built_in = rule_of_proxy_config();
  if (topic == built_in.pattern) return &built_in;
  if (is_reserved_topic(topic)) return nullptr;
  const auto found = std::ranges::find_if(
      rules_, [topic](const TopicRule& rule) { return matches_topic(rule.pattern, topic); });
  return found == rules_.end() ? nullptr : &*found;
}

bool is_reserved_topic(std::string_view topic) noexcept {
  constexpr std::array whole = {"flags", "system", "proxy_config_events"};
  constexpr std::array roots = {"flags/", "platform/", "feature/", "package/", "user/"};
  return std::ranges::find(whole, topic) != whole.end() ||
         std::ranges::any_of(roots, [topic](std::string_view root) { return topic.starts_with(root); });
}

bool is_reserved_type(std::string_view type) noexcept {
  constexpr std::array whole = {"typing", "reply", "error"};
  constexpr std::array roots = {"connection.", "user.",     "profile.", "password.",     "system.", "health.",
                                "auth.",       "presence.", "stream.",  "subscription.", "server.", "flag."};
  return std::ranges::find(whole, type) != whole.end() ||
         std::ranges::any_of(roots, [type](std::string_view root) { return type.starts_with(root); });
}

bool is_event_type(std::string_view text) noexcept {
  return !text.empty() && text.size() <= event_type_bytes_max && std::ranges::all_of(text, is_word_character);
}

}  // namespace corohub::hub
