#include "gateway/session/event_query.hpp"

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace corohub::gateway {
namespace {

std::optional<ErrorCode> refusal_of_since(std::vector<std::string> values) {
  http::Request request;
  for (std::string& value : values) request.query.emplace_back("since", std::move(value));
  const Result<EventQuery> events = read_event_query(request);
  if (events) return std::nullopt;
  return events.error().code;
}

TEST(EventQuery, a_malformed_since_is_refused) {
  EXPECT_EQ(refusal_of_since({"12"}), std::nullopt);
  EXPECT_EQ(refusal_of_since({"epoch:12"}), std::nullopt);
  for (const char* value : {"", "-1", "abc", "a:b", ":1", "1:", "99999999999999999999"})
    EXPECT_EQ(refusal_of_since({value}), ErrorCode::invalid_since) << value;
  EXPECT_EQ(refusal_of_since({"1", "1"}), ErrorCode::invalid_since);
}

}  // namespace
}  // namespace corohub::gateway
