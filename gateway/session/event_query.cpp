#include "gateway/session/event_query.hpp"

#include "core/integer.hpp"
#include "http/text.hpp"
#include "hub/topic_rules.hpp"

#include <algorithm>
#include <string_view>
#include <utility>

namespace corohub::gateway {
namespace {

constexpr std::size_t patterns_max = 32;
constexpr std::size_t pattern_bytes_max = 64;

Result<std::optional<Position>> position_in(std::string_view text) {
  Result<Position> position = parse_position(text);
  if (!position) return position.error();
  return std::optional<Position>(std::move(*position));
}

Result<std::optional<Position>> read_position(const http::Request& request, const std::string& key) {
  const std::optional<std::string_view> text = request.query_value(key);
  if (!text) return std::optional<Position>();
  if (request.query_count(key) > 1) return Error(ErrorCode::invalid_since, key + " is given twice.");
  return position_in(*text);
}

bool is_pattern(std::string_view text) noexcept {
  const auto is_pattern_char = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == ':' || c == '-' || c == '*';
  };
  return !text.empty() && text.size() <= pattern_bytes_max && std::ranges::all_of(text, is_pattern_char);
}

Result<std::size_t> read_number(const http::Request& request, const std::string& key, std::size_t least,
                                std::size_t most, std::size_t otherwise) {
  const std::optional<std::string_view> text = request.query_value(key);
  if (!text) return otherwise;
  const std::optional<std::int64_t> value = parse_integer(*text);
  if (value && std::cmp_greater_equal(*value, least) && std::cmp_less_equal(*value, most))
    return static_cast<std::size_t>(*value);
  return Error(ErrorCode::validation_failed, "The query has invalid values.")
      .at("/" + key, value ? "out_of_range" : "invalid_type",
          "Must be an integer from " + std::to_string(least) + " to " + std::to_string(most) + ".");
}

Result<std::vector<std::string>> read_topics(const http::Request& request) {
  std::vector<std::string> topics;
  for (const auto& [key, value] : request.query) {
    if (key != "topic" || std::ranges::find(topics, value) != topics.end()) continue;
    if (!hub::is_topic(value)) return Error(ErrorCode::invalid_request, "topic is no topic's name.");
    if (topics.size() == subscriptions_max) return Error(ErrorCode::invalid_request, "Too many topics.");
    topics.push_back(value);
  }
  return topics;
}

Result<EventQuery> read_query(const http::Request& request, Result<std::optional<Position>> since) {
  if (!since) return since.error();
  Result<std::vector<std::string>> types = read_type_patterns(request.query_value("types").value_or(""));
  if (!types) return types.error();
  Result<std::vector<std::string>> topics = read_topics(request);
  if (!topics) return topics.error();
  return EventQuery{std::move(*since), std::move(*types), std::move(*topics)};
}

}  // namespace

Result<std::vector<std::string>> read_type_patterns(std::string_view list) {
  std::vector<std::string> patterns;
  while (!list.empty()) {
    const std::string_view pattern = http::cut(list, ',');
    if (!is_pattern(pattern) || patterns.size() == patterns_max)
      return Error(ErrorCode::invalid_request, "types must be a list like user.*,system.alert.");
    patterns.emplace_back(pattern);
  }
  return patterns;
}

Result<std::optional<Position>> read_since(const http::Request& request) {
  return read_position(request, "since");
}

Result<EventQuery> read_event_query(const http::Request& request) {
  return read_query(request, read_since(request));
}

Result<EventQuery> read_stream_query(const http::Request& request) {
  const std::string_view last = request.header("Last-Event-ID");
  if (!last.empty()) return read_query(request, position_in(last));
  // Where a page can't set headers, event-source-polyfill and its kind put it into the address.
  const bool in_query = !request.query_value("lastEventId").value_or("").empty();
  return read_query(request, read_position(request, in_query ? "lastEventId" : "since"));
}

Result<std::size_t> read_limit(const http::Request& request) {
  return read_number(request, "limit", 1, page_limit_max, page_limit_default);
}

Result<std::chrono::seconds> read_timeout(const http::Request& request) {
  const Result<std::size_t> seconds =
      read_number(request, "timeout", 0, poll_timeout_max.count(), poll_timeout_default.count());
  if (!seconds) return seconds.error();
  return std::chrono::seconds(*seconds);
}

}  // namespace corohub::gateway
