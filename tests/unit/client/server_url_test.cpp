#include "client/server_url.hpp"

#include <gmock/gmock.h>

namespace corohub::client {
namespace {

using testing::HasSubstr;

TEST(ServerUrl, host_and_port_with_or_without_the_scheme) {
  EXPECT_EQ(parse_server_url("http://localhost:8080").value(), (ServerUrl{"localhost", 8080}));
  EXPECT_EQ(parse_server_url("http://localhost:8080/").value(), (ServerUrl{"localhost", 8080}));
  EXPECT_EQ(parse_server_url("localhost:8080").value(), (ServerUrl{"localhost", 8080}));
  EXPECT_EQ(parse_server_url("http://hub.example.com").value(), (ServerUrl{"hub.example.com", 80}));
  EXPECT_EQ(parse_server_url("http://[::1]:9").value(), (ServerUrl{"::1", 9}));
  EXPECT_EQ(parse_server_url("[::1]:9").value().text(), "http://[::1]:9");
}

TEST(ServerUrl, what_is_none_is_refused) {
  for (const char* bad : {"",
                          "http://",
                          ":80",
                          "host:",
                          "host:0",
                          "host:65536",
                          "host:8a",
                          "http://a/b",
                          "a b:1",
                          "http://me:pw@host:1",
                          "[::1",
                          "[::1]8080",
                          "http://[::1]8080",
                          "[]:1",
                          "[localhost]:1",
                          "[::1]]:1",
                          "[::1]x:1",
                          "::1:80",
                          "ftp://host:1",
                          "host:1?x",
                          "host\r\n:1"})
    EXPECT_FALSE(parse_server_url(bad)) << bad;
  EXPECT_THAT(parse_server_url("https://localhost:8080").error().what, HasSubstr("no TLS is needed"));
}

TEST(ServerUrl, knows_what_stays_on_this_machine) {
  EXPECT_TRUE(parse_server_url("localhost:1").value().loopback());
  EXPECT_TRUE(parse_server_url("127.0.0.2:1").value().loopback());
  EXPECT_TRUE(parse_server_url("[::1]:1").value().loopback());
  EXPECT_TRUE(parse_server_url("LocalHost:1").value().loopback());
  for (const char* elsewhere : {"127.evil.example", "127.0.0.1.evil.example", "127.0.0.1.", "127.1",
                                "128.0.0.1", "localhost.evil.example", "[::2]", "[::ffff:192.0.2.1]"})
    EXPECT_FALSE(parse_server_url(elsewhere).value().loopback()) << elsewhere;
  EXPECT_FALSE(parse_server_url("192.0.2.1:1").value().loopback());
}

TEST(PercentEncoded, leaves_only_what_needs_no_escape) {
  EXPECT_EQ(percent_encoded("rooms/a b&c=d:1\xc3\xa9-._~"), "rooms%2Fa%20b%26c%3Dd%3A1%C3%A9-._~");
}

}  // namespace
}  // namespace corohub::client
