#include "server/settings.hpp"

#include "server/service_variables.hpp"
#include "server/topic_tables.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <map>
#include <numeric>

#include <boost/json/parse.hpp>
#include <fmt/format.h>
#include <toml++/toml.h>

namespace corohub::server {
namespace {

using Kind = Setting::Kind;

constexpr std::string_view variable_prefix = "COROHUB_";
constexpr std::string_view file_variable = "COROHUB_CONFIG";
constexpr std::string_view token_variable = "COROHUB_TOKEN";  // of the client commands; may be set for all
constexpr std::array<std::pair<std::string_view, std::string_view>, 4> aliases{{
    {"--listen", "server.listen"},
    {"--admin-listen", "server.admin_listen"},
    {"--data-dir", "server.data_dir"},
    {"--log-level", "log.level"},
}};

std::string expected(const Setting& setting) {
  switch (setting.kind) {
    case Kind::integer:
      return fmt::format("an integer from {} to {}", setting.min, setting.max);
    case Kind::boolean:
      return "true or false";
    case Kind::text:
      return "a text";
    case Kind::choice:
      return fmt::format("one of {}", fmt::join(setting.choices, ", "));
    case Kind::list:
      return "a list of texts";
  }
  return {};
}

[[noreturn]] void refuse(const Setting& setting, std::string_view source, std::string_view given) {
  throw ConfigError(fmt::format("{} must be {}, not {}", source, expected(setting), given));
}

// Writes a value of the right kind after checking its range.
void apply(Settings& settings, const Setting& setting, std::string_view source, const Value& value) {
  if (const auto* number = std::get_if<std::int64_t>(&value); setting.kind == Kind::integer) {
    if (number == nullptr || *number < setting.min || *number > setting.max)
      refuse(setting, source, number != nullptr ? std::to_string(*number) : "that");
  }
  if (const auto* word = std::get_if<std::string>(&value); setting.kind == Kind::choice) {
    if (word == nullptr || std::ranges::find(setting.choices, *word) == setting.choices.end())
      refuse(setting, source, word != nullptr ? fmt::format("\"{}\"", *word) : "that");
  }
  setting.write(settings, value);
}

// ---- text of flags and variables ----
std::vector<std::string> split_list(std::string_view text) {
  if (text.starts_with("[\"") || text == "[]") {  // a JSON list; "[::1]:8080" is an address
    boost::system::error_code failure;
    const boost::json::value parsed = boost::json::parse(text, failure);
    std::vector<std::string> items;
    if (const auto* array = parsed.if_array(); !failure && array != nullptr) {
      for (const boost::json::value& item : *array)
        items.emplace_back(item.is_string() ? std::string(item.as_string()) : std::string());
      return items;
    }
  }
  std::vector<std::string> items;
  while (!text.empty()) {
    const std::size_t comma = std::min(text.find(','), text.size());
    std::string_view item = text.substr(0, comma);
    while (item.starts_with(' ')) item.remove_prefix(1);
    while (item.ends_with(' ')) item.remove_suffix(1);
    if (!item.empty()) items.emplace_back(item);
    text.remove_prefix(std::min(comma + 1, text.size()));
  }
  return items;
}

Value from_text(const Setting& setting, std::string_view source, std::string_view text) {
  const std::string quoted = fmt::format("\"{}\"", text);
  if (setting.kind == Kind::integer) {
    std::int64_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc() || end != text.data() + text.size()) refuse(setting, source, quoted);
    return number;
  }
  if (setting.kind == Kind::boolean) {
    if (text == "true" || text == "1") return true;
    if (text == "false" || text == "0") return false;
    refuse(setting, source, quoted);
  }
  if (setting.kind == Kind::list) return split_list(text);
  return std::string(text);
}

const Setting* find_by_key(std::string_view key) {
  const auto table = settings_table();
  const auto found = std::ranges::find(table, key, &Setting::key);
  return found == table.end() ? nullptr : &*found;
}

// ---- the file ----
std::vector<std::string> known_keys() {
  std::vector<std::string> keys{"topic"};
  for (const Setting& setting : settings_table()) keys.push_back(setting.key);
  return keys;
}

Value from_toml(const Setting& setting, std::string_view source, const toml::node& node) {
  switch (setting.kind) {
    case Kind::integer:
      if (const auto* number = node.as_integer()) return number->get();
      break;
    case Kind::boolean:
      if (const auto* flag = node.as_boolean()) return flag->get();
      break;
    case Kind::text:
    case Kind::choice:
      if (const auto* word = node.as_string()) return word->get();
      break;
    case Kind::list: {
      if (const auto* word = node.as_string()) return std::vector<std::string>{word->get()};
      const auto* array = node.as_array();
      if (array == nullptr) break;
      std::vector<std::string> items;
      for (const toml::node& item : *array) {
        if (!item.is_string()) refuse(setting, source, "a list with something else in it");
        items.push_back(item.as_string()->get());
      }
      return items;
    }
  }
  refuse(setting, source, "a value of another kind");
}

void apply_file(Settings& settings, const ConfigSources& sources) {
  if (!sources.file_name) return;
  toml::table document;
  try {
    document = toml::parse(sources.file_text);
  } catch (const toml::parse_error& error) {
    throw ConfigError(fmt::format("{}:{}:{}: {}", *sources.file_name, error.source().begin.line,
                                  error.source().begin.column, error.description()));
  }
  const auto apply_one = [&](const std::string& key, const toml::node& node) {
    const Setting* setting = find_by_key(key);
    if (setting == nullptr)
      throw ConfigError(fmt::format("{}: unknown setting {} (did you mean {}?)", *sources.file_name, key,
                                    nearest(key, known_keys())));
    const std::string source = fmt::format("{}: {}", *sources.file_name, key);
    apply(settings, *setting, source, from_toml(*setting, source, node));
  };
  for (const auto& [name, node] : document) {
    const std::string outer(name.str());
    if (outer == "topic") {
      settings.topics = read_topic_tables(*sources.file_name, node);
    } else if (const toml::table* table = node.as_table()) {
      for (const auto& [inner, value] : *table) apply_one(outer + "." + std::string(inner.str()), value);
    } else {
      apply_one(outer, node);
    }
  }
}

// ---- the environment ----
void apply_environment(Settings& settings, const ConfigSources& sources) {
  for (const auto& [name, text] : sources.environment) {
    if (!name.starts_with(variable_prefix) || name == file_variable || name == token_variable) continue;
    const auto table = settings_table();
    const auto found = std::ranges::find(table, name, &Setting::variable);
    if (found == table.end()) {
      if (is_kubernetes_service_variable(name, text)) continue;
      std::vector<std::string> known{std::string(file_variable)};
      for (const Setting& setting : table) known.push_back(setting.variable());
      throw ConfigError(
          fmt::format("unknown environment variable {} (did you mean {}?)", name, nearest(name, known)));
    }
    apply(settings, *found, name, from_text(*found, name, text));
  }
}

// ---- the flags ----
const Setting* find_by_flag(std::string_view flag) {
  for (const auto& [alias, key] : aliases)
    if (flag == alias) return find_by_key(key);
  const auto table = settings_table();
  const auto found = std::ranges::find(table, flag, &Setting::flag);
  return found == table.end() ? nullptr : &*found;
}

void apply_flags(Settings& settings, const ConfigSources& sources) {
  // "--listen" and "--server-listen" are one list.
  std::map<std::string, std::vector<std::string>> lists;
  for (const FlagValue& given : sources.flags) {
    const Setting* setting = find_by_flag(given.flag);
    if (setting == nullptr) throw ConfigError(unknown_flag(given.flag));
    for (const std::string& text : given.values) {
      if (setting->secret && text.find('@') != std::string::npos)
        throw ConfigError(
            fmt::format("{} with a secret is seen by every process of this machine: use {}, or the "
                        "configuration file",
                        given.flag, setting->variable()));
      Value value = from_text(*setting, given.flag, text);
      if (const auto* items = std::get_if<std::vector<std::string>>(&value)) {
        std::vector<std::string>& all = lists[setting->key];
        all.insert(all.end(), items->begin(), items->end());
        value = all;
      }
      apply(settings, *setting, given.flag, value);
    }
  }
}

// How far what was typed is from a known name. Whoever leaves out a part of the name is nearer than whoever
// writes another one: `listen` means `server.listen`, and `ping` means `ping_interval_s`.
std::size_t typing_distance(std::string_view typed, std::string_view known) {
  constexpr std::size_t left_out = 1;
  constexpr std::size_t mistyped = 4;
  std::vector<std::size_t> row(known.size() + 1);
  std::iota(row.begin(), row.end(), 0);
  for (std::size_t i = 0; i < typed.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = (i + 1) * mistyped;
    for (std::size_t j = 0; j < known.size(); ++j) {
      const std::size_t replaced = diagonal + (typed[i] == known[j] ? 0 : mistyped);
      diagonal = row[j + 1];
      row[j + 1] = std::min({row[j] + left_out, row[j + 1] + mistyped, replaced});
    }
  }
  return row[known.size()];
}

}  // namespace

std::string Setting::flag() const {
  std::string flag = "--" + key;
  std::ranges::replace(flag, '.', '-');
  std::ranges::replace(flag, '_', '-');
  return flag;
}

std::string Setting::variable() const {
  std::string variable(variable_prefix);
  for (const char c : key)
    variable += c == '.' ? '_' : static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return variable;
}

std::span<const std::pair<std::string_view, std::string_view>> flag_aliases() { return aliases; }

std::string nearest(std::string_view name, const std::vector<std::string>& known) {
  name = name.substr(0, 128);  // the work below is the name's length times the length of the known names
  const auto distance = [&](const std::string& other) { return typing_distance(name, other); };
  const auto best = std::ranges::min_element(known, {}, distance);
  return best == known.end() ? std::string() : *best;
}

std::string unknown_flag(std::string_view flag) {
  flag = flag.substr(0, flag.find('='));
  std::vector<std::string> known{"--config", "--help"};
  for (const auto& [alias, key] : aliases) known.emplace_back(alias);
  for (const Setting& setting : settings_table()) known.push_back(setting.flag());
  return fmt::format("unknown flag {} (did you mean {}?)", flag, nearest(flag, known));
}

Settings load_settings(const ConfigSources& sources) {
  Settings settings;
  apply_file(settings, sources);
  apply_environment(settings, sources);
  apply_flags(settings, sources);
  check_settings(settings);
  return settings;
}

}  // namespace corohub::server
