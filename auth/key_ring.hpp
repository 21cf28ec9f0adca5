// The signing keys: a 0600 file, made on first start, swapped as a whole on rotation and reload.
#pragma once

#include "core/clock.hpp"
#include "core/error.hpp"
#include "core/secret.hpp"

#include <atomic>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

namespace corohub::auth {

enum class Algorithm : std::uint8_t { hs256, eddsa };

struct Key {
  std::string id;  // kid: [A-Za-z0-9_-]{1,64}
  Algorithm algorithm = Algorithm::hs256;
  Secret material;       // HS256: at least 32 bytes; EdDSA: the 32-byte Ed25519 seed
  bool active = false;   // the one that signs
  UnixMs not_after = 0;  // a retired key verifies until then; 0: no end
};

// The `alg` of tokens that the algorithm signs: "HS256", "EdDSA".
std::string_view name(Algorithm algorithm) noexcept;

// Immutable. Exactly one key is active, else the constructor throws std::invalid_argument.
class KeyRing {
 public:
  explicit KeyRing(std::vector<Key> keys);
  const Key* find(std::string_view kid, UnixMs now) const noexcept;  // usable to verify
  // From when on find() will not return this key any more, as long as this ring is the one in use; 0: never.
  static UnixMs end_of_use(const Key& key) noexcept { return key.active ? 0 : key.not_after; }
  const Key& active() const noexcept { return keys_[active_]; }
  const std::vector<Key>& keys() const noexcept { return keys_; }
  // Different for every ring of the process: a thread keeps what it derives from a key under this number.
  std::uint64_t generation() const noexcept { return generation_; }

 private:
  std::vector<Key> keys_;
  std::size_t active_ = 0;
  std::uint64_t generation_;
};

// Owns the key file. Safe from any thread; ring() is a pointer copy under a short lock. The other calls wait
// for the disk, so they are not for a shard's thread.
class KeyStore {
 public:
  // Reads `file`, or makes it with one random HS256 key. Throws std::runtime_error with one plain line for a
  // file that others can read, holds a short or well-known secret, is damaged, or has no active key (the
  // caller exits 78).
  KeyStore(std::filesystem::path file, const Clock& clock);

  std::shared_ptr<const KeyRing> ring() const;
  // The generation of ring(), without a lock.
  std::uint64_t generation() const noexcept { return generation_.load(std::memory_order_acquire); }

  // SIGHUP: reads the file again; on failure the old ring stays.
  Result<> reload();
  // Makes a new key, which signs from now on; the old key verifies for `retire_after` more. The file is
  // replaced atomically.
  Result<std::string> rotate(std::chrono::seconds retire_after);

 private:
  void swap(std::shared_ptr<const KeyRing> ring);

  std::filesystem::path file_;
  const Clock& clock_;
  std::mutex file_mutex_;  // one reload or rotation at a time; taken before mutex_
  mutable std::mutex mutex_;
  std::shared_ptr<const KeyRing> ring_;
  std::atomic<std::uint64_t> generation_{0};
};

}  // namespace corohub::auth
