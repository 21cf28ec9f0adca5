#include "server/topic_tables.hpp"

#include "server/settings.hpp"

#include <algorithm>
#include <array>
#include <optional>

#include <fmt/format.h>

namespace corohub::server {
namespace {

constexpr std::size_t tables_max = 1000;  // a topic is matched against one after the other
constexpr std::int64_t history_count_max = 1'000'000;
constexpr std::int64_t history_age_max_s = 366LL * 86'400;

constexpr std::uint8_t user_bit = hub::role_bit(Role::user);
constexpr std::uint8_t admin_bit = hub::role_bit(Role::admin);
constexpr std::uint8_t superadmin_bit = hub::role_bit(Role::superadmin);

template <class T, std::size_t count>
using Words = std::array<std::pair<std::string_view, T>, count>;

// A rank and those above it. The first of two words for one set is the one that is printed.
constexpr Words<std::uint8_t, 5> ranks{{
    {"user", user_bit | admin_bit | superadmin_bit},
    {"all", user_bit | admin_bit | superadmin_bit},
    {"admin", admin_bit | superadmin_bit},
    {"superadmin", superadmin_bit},
    {"nobody", 0},
}};
constexpr Words<std::uint8_t, 3> roles{{
    {"user", user_bit},
    {"admin", admin_bit},
    {"superadmin", superadmin_bit},
}};
constexpr Words<hub::PresenceMode, 3> presence_modes{{
    {"off", hub::PresenceMode::off},
    {"count", hub::PresenceMode::count},
    {"list", hub::PresenceMode::list},
}};

template <class T, std::size_t count>
std::vector<std::string> names_of(const Words<T, count>& words) {
  std::vector<std::string> names;
  for (const auto& [name, value] : words) names.emplace_back(name);
  return names;
}

// One table on its way to a rule; every refusal names it.
class TableReader {
 public:
  TableReader(std::string_view file_name, std::size_t number, const toml::table& table)
      : table_(table), where_(fmt::format("{}: [[topic]] {}", file_name, number)) {}

  hub::TopicRule read() {
    hub::TopicRule rule;
    rule.pattern = pattern();
    where_ += fmt::format(" ({})", rule.pattern);
    refuse_unknown_keys();
    rule.subscribers = who("subscribe", "user");
    rule.publishers = who("publish", "admin");
    rule.history_count = static_cast<std::uint32_t>(number("history_count", history_count_max));
    rule.history_age = std::chrono::seconds(number("history_age_s", history_age_max_s));
    if (rule.history_count == 0 && rule.history_age.count() > 0)
      refuse("history_age_s without history_count keeps nothing");
    rule.presence = presence();
    rule.typing = typing();
    rule.bytes_max = static_cast<std::uint32_t>(number("max_bytes", gateway::large_message_bytes_max));
    return rule;
  }

  [[noreturn]] void refuse(std::string_view why) const {
    throw ConfigError(fmt::format("{}: {}", where_, why));
  }

 private:
  std::string pattern() const {
    const toml::node* node = table_.get("pattern");
    if (node == nullptr) refuse("pattern is missing");
    if (!node->is_string()) refuse("pattern must be a text");
    const std::string& text = node->as_string()->get();
    if (!hub::is_topic_pattern(text))
      refuse(
          fmt::format("pattern \"{}\" must be segments of A-Z a-z 0-9 . _ : - joined by /, with * for one "
                      "segment and ** for any rest, at most {} bytes",
                      text.substr(0, hub::topic_bytes_max), hub::topic_bytes_max));
    // A pattern with a wildcard at the front also matches topics that are not reserved; a pattern below a
    // reserved root does not.
    if (hub::is_reserved_topic(text))
      refuse(fmt::format("pattern \"{}\" matches only topics that are reserved for the server", text));
    return text;
  }

  void refuse_unknown_keys() const {
    static const std::vector<std::string> known{"pattern",       "subscribe", "publish", "history_count",
                                                "history_age_s", "presence",  "typing",  "max_bytes"};
    for (const auto& [key, node] : table_)
      if (std::ranges::find(known, key.str()) == known.end())
        refuse(fmt::format("unknown key {} (did you mean {}?)", key.str(), nearest(key.str(), known)));
  }

  std::uint8_t who(std::string_view key, std::string_view otherwise) const {
    const toml::node* node = table_.get(key);
    if (node == nullptr) return word(key, otherwise, ranks);
    if (const auto* text = node->as_string()) return word(key, text->get(), ranks);
    const toml::array* list = node->as_array();
    if (list == nullptr) refuse(fmt::format("{} must be a text or a list of roles", key));
    std::uint8_t bits = 0;
    for (const toml::node& item : *list) {
      if (!item.is_string()) refuse(fmt::format("{} must be a list of roles", key));
      bits |= word(key, item.as_string()->get(), roles);
    }
    return bits;
  }

  std::int64_t number(std::string_view key, std::int64_t max) const {
    const toml::node* node = table_.get(key);
    if (node == nullptr) return 0;
    const auto* value = node->as_integer();
    if (value == nullptr || value->get() < 0 || value->get() > max)
      refuse(fmt::format("{} must be an integer from 0 to {}", key, max));
    return value->get();
  }

  hub::PresenceMode presence() const {
    const toml::node* node = table_.get("presence");
    if (node == nullptr) return hub::PresenceMode::off;
    if (!node->is_string()) refuse("presence must be one of off, count, list");
    return word("presence", node->as_string()->get(), presence_modes);
  }

  bool typing() const {
    const toml::node* node = table_.get("typing");
    if (node == nullptr) return false;
    if (!node->is_boolean()) refuse("typing must be true or false");
    return node->as_boolean()->get();
  }

  template <class T, std::size_t count>
  T word(std::string_view key, std::string_view text, const Words<T, count>& words) const {
    const auto found = std::ranges::find(words, text, [](const auto& entry) { return entry.first; });
    if (found != words.end()) return found->second;
    const std::vector<std::string> known = names_of(words);
    refuse(fmt::format("{} must be one of {}, not \"{}\" (did you mean {}?)", key, fmt::join(known, ", "),
                       text, nearest(text, known)));
  }

  const toml::table& table_;
  std::string where_;
};

// Whether each topic that `narrow` matches is matched by `wide`.
bool covers(std::string_view wide, std::string_view narrow) noexcept {
  for (;;) {
    const std::string_view of_wide = wide.substr(0, wide.find('/'));
    const std::string_view of_narrow = narrow.substr(0, narrow.find('/'));
    if (of_wide == "**") return true;
    if (of_narrow == "**" || (of_wide != "*" && of_wide != of_narrow)) return false;
    const bool last = of_wide.size() == wide.size() || of_narrow.size() == narrow.size();
    if (last) return of_wide.size() == wide.size() && of_narrow.size() == narrow.size();
    wide.remove_prefix(of_wide.size() + 1);
    narrow.remove_prefix(of_narrow.size() + 1);
  }
}

auto find_wider(const std::vector<hub::TopicRule>& rules, std::string_view pattern) {
  return std::ranges::find_if(
      rules, [&](const hub::TopicRule& earlier) { return covers(earlier.pattern, pattern); });
}

std::string who_text(std::uint8_t bits) {
  for (const auto& [word, of_word] : ranks)
    if (bits == of_word) return fmt::format("\"{}\"", word);
  std::vector<std::string> items;
  for (const auto& [word, bit] : roles)
    if ((bits & bit) != 0) items.push_back(fmt::format("\"{}\"", word));
  return fmt::format("[{}]", fmt::join(items, ", "));
}

std::string_view name_of(hub::PresenceMode mode) {
  return std::ranges::find(presence_modes, mode, [](const auto& entry) { return entry.second; })->first;
}

}  // namespace

std::vector<hub::TopicRule> read_topic_tables(std::string_view file_name, const toml::node& topic) {
  const toml::array* tables = topic.as_array();
  if (tables == nullptr || !tables->is_homogeneous(toml::node_type::table))
    throw ConfigError(fmt::format("{}: topic must be written as [[topic]] tables", file_name));
  if (tables->size() > tables_max)
    throw ConfigError(fmt::format("{}: more than {} [[topic]] tables", file_name, tables_max));

  std::vector<hub::TopicRule> rules;
  for (const toml::node& node : *tables) {
    TableReader reader(file_name, rules.size() + 1, *node.as_table());
    hub::TopicRule rule = reader.read();
    const auto same = std::ranges::find(rules, rule.pattern, &hub::TopicRule::pattern);
    if (same != rules.end())
      reader.refuse(fmt::format("[[topic]] {} has this pattern already", same - rules.begin() + 1));
    const auto wider = find_wider(rules, rule.pattern);
    if (wider != rules.end())
      reader.refuse(fmt::format("[[topic]] {} ({}) comes first and matches all that this one would",
                                wider - rules.begin() + 1, wider->pattern));
    rules.push_back(std::move(rule));
  }
  for (hub::TopicRule& rule : hub::TopicRules::defaults())
    if (find_wider(rules, rule.pattern) == rules.end()) rules.push_back(std::move(rule));
  return rules;
}

std::string topic_tables_text(const std::vector<hub::TopicRule>& rules) {
  std::string out;
  for (const hub::TopicRule& rule : rules)
    out += fmt::format(
        "\n[[topic]]\npattern = \"{}\"\nsubscribe = {}\npublish = {}\nhistory_count = {}\n"
        "history_age_s = {}\npresence = \"{}\"\ntyping = {}\nmax_bytes = {}\n",
        rule.pattern, who_text(rule.subscribers), who_text(rule.publishers), rule.history_count,
        rule.history_age.count(), name_of(rule.presence), rule.typing, rule.bytes_max);
  return out;
}

std::string topic_tables_manual() {
  return fmt::format(
      R"(
## `[[topic]]`

Rules of topics, in the file only: one table per rule. A topic belongs to the first rule whose pattern matches it; what
matches none is refused. The rules of the file come first, then the built-in ones below whose patterns the file does not
have.

| key | default | values | meaning |
|---|---|---|---|
| `pattern` | – | segments joined by `/` | `*` is one segment, `**` at the end any rest. |
| `subscribe` | `"user"` | see below | Who may subscribe, and read history and presence. |
| `publish` | `"admin"` | see below | Who may publish. |
| `history_count` | `0` | 0 to {} | Newest events that can be read again; with 0 none is kept, and events carry no `seq`. |
| `history_age_s` | `0` | 0 to {} | Events older than this cannot be read again; 0 is any age. `events.retention_*` holds for all. |
| `presence` | `"off"` | off, count, list | What subscribers hear of who is there: nothing, how many, or who. |
| `typing` | `false` | true, false | Whether subscribers may say that they are typing. |
| `max_bytes` | `0` | 0 to {} | Largest message that may be published there, be it more or less than `events.max_bytes`, which holds with 0. |

Who: `"user"` (or `"all"`) is every user, `"admin"` admins and superadmins, `"superadmin"` superadmins, `"nobody"`
nobody; a list such as `["user"]` is exactly these roles. The built-in rules:

```toml{}```
)",
      history_count_max, history_age_max_s, gateway::large_message_bytes_max,
      topic_tables_text(hub::TopicRules::defaults()));
}

}  // namespace corohub::server
