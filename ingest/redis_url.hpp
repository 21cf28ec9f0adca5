// Where Redis is, and who we are there: redis[s]://[user:password@]host[:port]. Pure.
#pragma once

#include "core/secret.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace corohub::ingest {

struct RedisUrl {
  static constexpr std::uint16_t usual_port = 6379;

  bool secure = false;  // rediss: over TLS
  std::string host;     // without brackets
  std::uint16_t port = usual_port;
  std::string user;  // empty: Redis's default user
  Secret password;   // empty: none

  std::string place() const;  // "redis.example.com:6379", for the log
};

// User and password are percent-decoded. Nothing: it is no such URL. It may hold a secret, so no complaint
// repeats any of it.
std::optional<RedisUrl> parse_redis_url(std::string_view text);

}  // namespace corohub::ingest
