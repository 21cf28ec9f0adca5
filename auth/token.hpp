// Issues and verifies access tokens: JWS compact (RFC 7515), HS256 or EdDSA, the key pins the algorithm.
// Pure but for the key ring; safe from any thread.
#pragma once

#include "auth/claims.hpp"
#include "auth/key_ring.hpp"
#include "core/error.hpp"
#include "core/secret.hpp"

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

namespace corohub::auth {

struct TokenSettings {
  std::string issuer = "corohub";
  std::string audience = "corohub";
  std::chrono::seconds access_ttl{900};
  std::chrono::seconds leeway{30};  // for iat and nbf; exp is exact
};

// The last token that was found good, so that the same text need not be decoded again nor its signature
// checked again. A KnownToken belongs to one connection and so to one thread.
class KnownToken {
 public:
  // How often a signature was checked for it.
  std::uint64_t signatures_checked() const noexcept { return signatures_checked_; }

 private:
  friend class Tokens;

  Secret text_;
  Claims claims_;
  std::uint64_t generation_ = 0;  // of the key ring; 0: no token is known
  UnixMs key_ends_ = 0;           // 0: never
  std::uint64_t signatures_checked_ = 0;
};

class Tokens {
 public:
  // Throws std::invalid_argument for settings no token could live with (a lifetime of 0 or over a day).
  Tokens(const KeyStore& keys, TokenSettings settings, const Clock& clock);

  // An access token for one login of this account as it is now.
  std::string issue(const Account& account, const SessionId& session) const;

  // invalid_token for anything but a good token; the reason is in the private cause only.
  Result<Claims> verify(std::string_view token) const;
  // The same answer, in memory that `known` keeps until the next call. What depends on the moment is judged
  // each time: the token's times, and whether its key is still in use.
  Result<const Claims*> verify(std::string_view token, KnownToken& known) const;

  // Whether tokens of this key are still good.
  bool is_in_use(std::string_view key_id) const;

  const TokenSettings& settings() const noexcept { return settings_; }

 private:
  const KeyStore& keys_;
  TokenSettings settings_;
  const Clock& clock_;
};

// The pure half of verify(): what the fuzzer feeds.
Result<Claims> verify_token(std::string_view token, const KeyRing& ring, const TokenSettings& settings,
                            UnixMs now);

}  // namespace corohub::auth
