// One key in OpenSSL's form, ready to sign and verify over and over. Not safe to share between threads: each
// thread has its own, from signer_for().
#pragma once

#include "auth/key_ring.hpp"

#include <memory>
#include <string>
#include <string_view>

namespace corohub::auth {

class Signer {
 public:
  virtual ~Signer() = default;
  // Throws std::runtime_error when OpenSSL fails.
  virtual std::string sign(std::string_view text) = 0;
  // Compares a MAC in constant time; false as well when OpenSSL fails.
  virtual bool verify(std::string_view text, std::string_view signature) noexcept = 0;
};

// The signer for `key`, which is one of the ring's. Setting a key up costs four times as much as verifying
// with it, so a thread keeps the signers of the ring it used last. The reference is good until the thread's
// next call.
Signer& signer_for(const KeyRing& ring, const Key& key);

}  // namespace corohub::auth
