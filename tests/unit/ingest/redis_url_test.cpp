#include "ingest/redis_url.hpp"

#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace corohub::ingest {
namespace {

std::string text_of(const std::optional<RedisUrl>& url) {
  if (!url) return "none";
  return std::string(url->secure ? "tls " : "tcp ") + url->place() + " " + url->user + " " +
         std::string(url->password.reveal());
}

TEST(RedisUrl, is_read_as_it_is_written) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"redis://localhost:6380", "tcp localhost:6380  "},
      {"redis://redis.example.com", "tcp redis.example.com:6379  "},
      {"redis://localhost:6379/", "tcp localhost:6379  "},
      {"rediss://10.0.0.1:6380", "tls 10.0.0.1:6380  "},
      {"redis://[::1]:6380", "tcp [::1]:6380  "},
      {"redis://:secret@localhost", "tcp localhost:6379  secret"},
      {"redis://corohub:se%40c%3Aret@localhost:1", "tcp localhost:1 corohub se@c:ret"},
      {"redis://corohub:a@b@localhost:1", "tcp localhost:1 corohub a@b"},
      {"redis://corohub:a:b@localhost:1", "tcp localhost:1 corohub a:b"},
  };
  for (const auto& [url, means] : cases) EXPECT_EQ(text_of(parse_redis_url(url)), means) << url;
}

TEST(RedisUrl, anything_else_is_none) {
  for (const std::string url :
       {"", "redis", "redis://", "http://localhost", "localhost:6379", "redis://localhost:0",
        "redis://localhost:65536", "redis://localhost:x", "redis://localhost:", "redis://localhost/1",
        "redis://localhost?db=1", "redis://user@localhost", "redis://user:@localhost",
        "redis://u:%zz@localhost", "redis://[::1", "redis://::1:6379", "redis://a b:1", "REDIS://localhost",
        "redis://@localhost"})
    EXPECT_EQ(text_of(parse_redis_url(url)), "none") << url;
}

}  // namespace
}  // namespace corohub::ingest
