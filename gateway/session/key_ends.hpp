// Ends the connections of a shard whose key has ended, in the turn in which it does. Used on the shard's
// thread only.
#pragma once

#include "flags/client_key_cache.hpp"
#include "hub/shard.hpp"
#include "users/service_key_cache.hpp"

namespace corohub::gateway {

class KeyEnds final : private users::ServiceKeyListener, private flags::ClientKeyListener {
 public:
  // All of it outlives this.
  KeyEnds(hub::Shard& shard, users::ServiceKeyCache& services, flags::ClientKeyCache& clients);
  ~KeyEnds();
  KeyEnds(const KeyEnds&) = delete;
  KeyEnds& operator=(const KeyEnds&) = delete;

 private:
  void service_keys_ended(const users::EndedKeys& which) noexcept override;
  void client_keys_ended(const flags::EndedClientKeys& which) noexcept override;

  hub::Shard& shard_;
  users::ServiceKeyCache& services_;
  flags::ClientKeyCache& clients_;
};

}  // namespace corohub::gateway
