// Listens on a channel of Redis. What is published while nobody listens is lost; while messages are stored
// nothing is read, so that Redis, and not this server, keeps what comes faster.
#pragma once

#include "ingest/redis_link.hpp"

#include <string>

namespace corohub::ingest {

class RedisChannel final : public RedisLink {
 public:
  RedisChannel(const Parts& parts, std::string channel);

 private:
  Task<Failure> converse(RedisWire& wire) override;
  Batch take_messages(RedisWire& wire) const;

  const std::string channel_;
};

}  // namespace corohub::ingest
