// Argon2id on a bounded pool of low-priority threads of its own, so that a flood of logins never touches the
// hub. The pool is fair between the networks it is asked from, so that the flood of one does not touch the
// logins of another either. Of a password its normal form (NFC) counts, not how a keyboard has composed it.
// Methods may be called from any shard's thread and never block.
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

  // Hashes a password into a PHC string ("$argon2id$v=19$…"). `network`: who pays (auth::network_key); empty:
  // this machine's own command line. overloaded when the queue is full or the wait was too long.
  Task<Result<std::string>> hash(Secret password, std::string network = {});
  // True: the password belongs to the hash. An empty hash costs the same and is never right, so that time
  // does not tell whether an account exists.
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
