#include "users/query_reader.hpp"

#include "core/integer.hpp"

#include <algorithm>

namespace corohub::users {

std::optional<std::int64_t> QueryReader::integer(std::string_view key, std::int64_t min, std::int64_t max) {
  const std::optional<std::string_view> text = request_.query_value(key);
  if (!text) return std::nullopt;
  const std::optional<std::int64_t> number = parse_integer(*text);
  if (!number) {
    refuse(key, "invalid_type", "Must be an integer.");
    return std::nullopt;
  }
  if (*number >= min && *number <= max) return number;
  refuse(key, "out_of_range", "Must be between " + std::to_string(min) + " and " + std::to_string(max) + ".");
  return std::nullopt;
}

std::optional<std::string> QueryReader::text(std::string_view key, std::size_t bytes_max) {
  const std::optional<std::string_view> text = request_.query_value(key);
  if (!text || text->empty()) return std::nullopt;
  if (text->size() <= bytes_max) return std::string(*text);
  refuse(key, "too_long", "Must have at most " + std::to_string(bytes_max) + " bytes.");
  return std::nullopt;
}

std::optional<std::size_t> QueryReader::one_of(std::string_view key,
                                               std::initializer_list<std::string_view> words) {
  const std::optional<std::string_view> text = request_.query_value(key);
  if (!text) return std::nullopt;
  const auto* const word = std::ranges::find(words, *text);
  if (word != words.end()) return static_cast<std::size_t>(word - words.begin());
  std::string list;
  for (const std::string_view known : words) list.append(list.empty() ? "" : ", ").append(known);
  refuse(key, "unknown_value", "Must be one of: " + list + ".");
  return std::nullopt;
}

bool QueryReader::toggle(std::string_view key, bool otherwise) {
  const std::optional<std::size_t> word = one_of(key, {"", "true", "1", "false", "0"});
  return word ? *word < 3 : otherwise;
}

void QueryReader::refuse(std::string_view key, std::string_view code, std::string message) {
  complaints_.push_back({"/" + std::string(key), std::string(code), std::move(message)});
}

Result<> QueryReader::result() const {
  if (complaints_.empty()) return {};
  Error error(ErrorCode::validation_failed, "The query has invalid values.");
  error.fields = complaints_;
  return error;
}

}  // namespace corohub::users
