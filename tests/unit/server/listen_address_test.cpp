#include "server/listen_address.hpp"

#include "server/settings.hpp"

#include <gtest/gtest.h>

namespace corohub::server {
namespace {

TEST(ListenAddress, localhost_is_both_loopback_addresses) {
  const ListenAddress address = parse_listen("server.listen", "localhost:8080");
  ASSERT_EQ(address.endpoints.size(), 2U);
  EXPECT_EQ(address.endpoints[0].address().to_string(), "127.0.0.1");
  EXPECT_EQ(address.endpoints[1].address().to_string(), "::1");
  EXPECT_EQ(address.endpoints[1].port(), 8080);
  EXPECT_TRUE(address.ipv6_optional);
}

TEST(ListenAddress, reads_both_families_and_port_zero) {
  EXPECT_EQ(parse_listen("x", "0.0.0.0:0").endpoints.front().port(), 0);
  EXPECT_EQ(parse_listen("x", "[::]:65535").endpoints.front().address().to_string(), "::");
  EXPECT_FALSE(parse_listen("x", "[::1]:1").ipv6_optional);
}

TEST(ListenAddress, refuses_what_is_no_address_and_port) {
  for (const char* text :
       {"", "8080", ":8080", "127.0.0.1", "127.0.0.1:", "127.0.0.1:65536", "127.0.0.1:-1", "127.0.0.1:8080x",
        "::1:8080", "[127.0.0.1]:8080", "[::1]", "example.com:80", "*:80"})
    EXPECT_THROW(parse_listen("server.listen", text), ConfigError) << text;
}

}  // namespace
}  // namespace corohub::server
