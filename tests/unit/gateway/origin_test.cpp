#include "gateway/wire/origin.hpp"

#include <gtest/gtest.h>

namespace corohub::gateway {
namespace {

struct Row {
  const char* origin;
  const char* host;
  bool allowed;
};

TEST(Origin, T2_same_host_and_port_whatever_the_scheme) {
  const OriginRules rules{{}, false};
  const Row rows[] = {
      {"http://hub.example", "hub.example", true},
      {"https://hub.example", "hub.example", true},
      {"https://HUB.example", "hub.Example", true},
      {"https://hub.example:8443", "hub.example:8443", true},
      {"https://hub.example:443", "hub.example", true},
      {"https://hub.example", "hub.example:443", true},
      {"http://hub.example:80", "hub.example", true},
      {"http://[2001:db8::1]:8080", "[2001:db8::1]:8080", true},
      {"https://hub.example:80", "hub.example", false},
      {"https://hub.example:8443", "hub.example", false},
      {"https://hub.example", "hub.example:8443", false},
      {"https://evil.com", "hub.example", false},
      {"https://hub.example.evil.com", "hub.example", false},
      {"https://evilhub.example", "hub.example", false},
      {"https://sub.hub.example", "hub.example", false},
      {"https://hub.example@evil.com", "hub.example", false},
      {"https://evil.com#hub.example", "hub.example", false},
      {"https://hub.example/", "hub.example", false},
      {"https://hub.example:", "hub.example", false},
      {"https://hub.example:1234567", "hub.example:1234567", false},
      {"https://hub.example:8443x", "hub.example:8443x", false},
      {"hub.example", "hub.example", false},
      {"://hub.example", "hub.example", false},
      {"https://", "", false},
      {"https://[::1", "[::1", false},
      {"", "hub.example", false},
      {"null", "hub.example", false},
      {"null", "null", false},
      {"http://localhost:8080", "hub.example", false},
      {"file://", "hub.example", false},
  };
  for (const Row& row : rows)
    EXPECT_EQ(origin_allowed(row.origin, row.host, rules), row.allowed) << row.origin << " on " << row.host;
}

TEST(Origin, T2_a_listed_origin_is_exact) {
  const OriginRules rules{{"https://app.example.com", "http://dev.example:3000"}, false};
  const Row rows[] = {
      {"https://app.example.com", "hub.example", true},
      {"https://APP.example.com", "hub.example", true},
      {"http://dev.example:3000", "hub.example", true},
      {"http://app.example.com", "hub.example", false},
      {"https://app.example.com:8443", "hub.example", false},
      {"https://app.example.com.evil.com", "hub.example", false},
      {"https://xapp.example.com", "hub.example", false},
      {"http://dev.example:3001", "hub.example", false},
      {"null", "hub.example", false},
  };
  for (const Row& row : rows)
    EXPECT_EQ(origin_allowed(row.origin, row.host, rules), row.allowed) << row.origin;
}

TEST(Origin, T2_pages_of_this_machine_while_nobody_else_can_reach_us) {
  const OriginRules loopback{{}, true};
  EXPECT_TRUE(origin_allowed("http://localhost:3000", "127.0.0.1:8080", loopback));
  EXPECT_TRUE(origin_allowed("http://127.0.0.1:5173", "localhost:8080", loopback));
  EXPECT_TRUE(origin_allowed("https://[::1]:1", "localhost:8080", loopback));
  EXPECT_FALSE(origin_allowed("http://localhost.evil.com:3000", "localhost:8080", loopback));
  EXPECT_FALSE(origin_allowed("http://127.0.0.1.evil.com", "localhost:8080", loopback));
  EXPECT_FALSE(origin_allowed("chrome-extension://localhost", "localhost:8080", loopback));
  EXPECT_FALSE(origin_allowed("null", "localhost:8080", loopback));
  EXPECT_FALSE(origin_allowed("http://localhost:3000", "127.0.0.1:8080", loopback, false))
      << "behind a proxy";
}

TEST(Origin, T2_null_must_be_named_even_where_all_are_allowed) {
  EXPECT_TRUE(origin_allowed("https://anywhere.example", "hub.example", {{"*"}, false}));
  EXPECT_FALSE(origin_allowed("null", "hub.example", {{"*"}, false}));
  EXPECT_FALSE(origin_allowed("*", "hub.example", {{"*"}, false}));
  EXPECT_FALSE(origin_allowed("no origin", "hub.example", {{"*"}, false}));
  EXPECT_TRUE(origin_allowed("null", "hub.example", {{"null"}, false}));
}

}  // namespace
}  // namespace corohub::gateway
