// Argon2id on its own bounded pool of low-priority threads, so that a login flood never touches the hub; fair
// between the networks it is asked from, so that one's flood does not touch another's logins either. Of a
// password counts its normal form (NFC), not how a keyboard has put it together. Methods may be called from
// any shard's thread and never block.
#pragma once

#include "core/error.hpp"
#include "core/secret.hpp"
#include "core/task.hpp"

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>

namespace corohub::auth {

struct PasswordSettings {
  std::size_t memory_kib = 19'456;
  std::size_t passes = 2;
  std::size_t threads = 0;  // 0: half of the cores, at least one
  std::size_t queue = 32;
  std::chrono::milliseconds wait_max{2000};
};

class PasswordHasher {
 public:
  explicit PasswordHasher(PasswordSettings settings);
  ~PasswordHasher();
  PasswordHasher(const PasswordHasher&) = delete;
  PasswordHasher& operator=(const PasswordHasher&) = delete;

  // `network`: who pays (auth::network_key); empty: this machine's own command line.
  // A PHC string ("$argon2id$v=19$…"). overloaded when the queue is full or the wait was too long.
  Task<Result<std::string>> hash(Secret password, std::string network = {});
  // True: the password belongs to the hash. An empty hash costs the same and is never right (no enumeration
  // by time).
  Task<Result<bool>> verify(Secret password, std::string hash, std::string network = {});
  // True when the hash was made with weaker parameters than ours.
  bool needs_rehash(const std::string& hash) const noexcept;

  // Finishes what was accepted, then ends the threads. Idempotent.
  void stop();

 private:
  struct State;
  std::unique_ptr<State> impl_;
};

}  // namespace corohub::auth
