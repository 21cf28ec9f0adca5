#include "hub/topic_rules.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace corohub::hub {
namespace {

constexpr std::size_t event_type_bytes_max = 64;

constexpr std::string_view editing_root = "editing/flags/";

bool is_word_character(char c) noexcept {
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '_' ||
         c == ':' || c == '-';
}

bool is_segment(std::string_view text, bool may_be_a_flag = false) noexcept {
  return !text.empty() && text != "." && text != ".." && std::ranges::all_of(text, [=](char c) {
    return is_word_character(c) || (may_be_a_flag && c == '@');
  });
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
  const bool of_editing = text.starts_with(editing_root);
  return all_segments(text, [=](std::string_view segment, bool) { return is_segment(segment, of_editing); });
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

bool is_one_level_below(std::string_view root, std::string_view topic) noexcept {
  return topic.size() > root.size() + 1 && topic.starts_with(root) && topic[root.size()] == '/' &&
         topic.find('/', root.size() + 1) == std::string_view::npos;
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

constexpr std::uint32_t as_long_as_the_log = 1'000'000;

TopicRule rule_of_flags(std::string pattern, bool gathers) {
  return {.pattern = std::move(pattern),
          .subscribers = Audience::everyone_bits,
          .history_count = as_long_as_the_log,
          .by_server_only = true,
          .gathers = gathers};
}

// Of the events of one thing, or of all of its kind, which have an audience or a topic besides.
TopicRule rule_of_second(std::string pattern, bool gathers) {
  return {.pattern = std::move(pattern),
          .subscribers = Audience::admin_bits,
          .history_count = as_long_as_the_log,
          .by_server_only = true,
          .gathers = gathers,
          .is_second = true};
}

// What gateways of APIs follow, and what happens to feature flags. No table of the configuration can say
// anything else of these topics.
std::vector<TopicRule> reserved_rules(std::uint8_t gateway_readers) {
  return {{.pattern = std::string(gateway_topic),
           .subscribers = gateway_readers,
           .publishers = Audience::admin_bits,
           .history_count = as_long_as_the_log},
          rule_of_flags("flags", true),
          rule_of_flags("flags/*", false),
          rule_of_flags("flags/*/*", false),
          rule_of_second("platform", true),
          rule_of_second("platform/*", false),
          rule_of_second("feature", true),
          rule_of_second("feature/*", false),
          rule_of_second("package", true),
          rule_of_second("package/*", false),
          {.pattern = "activity", .subscribers = Audience::admin_bits, .by_server_only = true},
          {.pattern = "editing/flags/*/*",
           .subscribers = Audience::admin_bits,
           .presence = PresenceMode::list,
           .by_server_only = true}};
}

const TopicRule* find_in(const std::vector<TopicRule>& rules, std::string_view topic) noexcept {
  const auto found = std::ranges::find_if(
      rules, [topic](const TopicRule& rule) { return matches_topic(rule.pattern, topic); });
  return found == rules.end() ? nullptr : &*found;
}

}  // namespace

TopicRules::TopicRules(std::vector<TopicRule> rules, std::uint8_t gateway_readers)
    : rules_(std::move(rules)), reserved_(reserved_rules(gateway_readers)) {}

const TopicRule* TopicRules::find(std::string_view topic) const noexcept {
  return find_in(is_reserved_topic(topic) ? reserved_ : rules_, topic);
}

const TopicRule& rule_of_server_status() {
  static const TopicRule rule{.pattern = std::string(server_status_topic),
                              .subscribers = Audience::everyone_bits,
                              .by_server_only = true,
                              .is_second = true};
  return rule;
}

const TopicRule& rule_of(const TopicRules& rules, std::string_view readable_topic) noexcept {
  const TopicRule* const rule = rules.find(readable_topic);
  return rule != nullptr ? *rule : rule_of_server_status();
}

bool is_reserved_topic(std::string_view topic) noexcept {
  constexpr std::array<std::string_view, 7> whole = {
      "flags", server_status_topic, gateway_topic, "activity", "platform", "feature", "package"};
  constexpr std::array<std::string_view, 6> roots = {"flags/",   "platform/", "feature/",
                                                     "package/", "user/",     editing_root};
  return std::ranges::find(whole, topic) != whole.end() ||
         std::ranges::any_of(roots, [topic](std::string_view root) { return topic.starts_with(root); });
}

bool is_reserved_type(std::string_view type) noexcept {
  constexpr std::array whole = {"typing", "reply", "error"};
  constexpr std::array roots = {"connection.", "user.",     "profile.",   "password.", "system.",
                                "health.",     "auth.",     "presence.",  "stream.",   "subscription.",
                                "server.",     "flag.",     "namespace.", "segment.",  "route.",
                                "schedule.",   "platform.", "package.",   "client.",   "config."};
  return std::ranges::find(whole, type) != whole.end() ||
         std::ranges::any_of(roots, [type](std::string_view root) { return type.starts_with(root); });
}

bool is_event_type(std::string_view text) noexcept {
  return !text.empty() && text.size() <= event_type_bytes_max && std::ranges::all_of(text, is_word_character);
}

}  // namespace corohub::hub
