// Issues and verifies access tokens: JWS compact (RFC 7515), HS256 or EdDSA, the key pins the algorithm.
// Pure but for the key ring; safe from any thread.
#pragma once

#include "auth/claims.hpp"
#include "auth/key_ring.hpp"
#include "core/error.hpp"

#include <chrono>
#include <string>
#include <string_view>

namespace corohub::auth {

struct TokenSettings {
  std::string issuer = "corohub";
  std::string audience = "corohub";
  std::chrono::seconds access_ttl{900};
  std::chrono::seconds leeway{30};  // for iat and nbf; exp is strict
};

class Tokens {
 public:
  // Throws std::invalid_argument for settings no token could live with (a lifetime of 0 or over a day).
  Tokens(const KeyStore& keys, TokenSettings settings, const Clock& clock);

  // An access token for one login of this account as it is now.
  std::string issue(const Account& account, const SessionId& session) const;

  // invalid_token for anything but a good token; the reason is in the private cause only.
  Result<Claims> verify(std::string_view token) const;

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
