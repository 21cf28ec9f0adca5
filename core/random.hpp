// Randomness from the operating system's CSPRNG. Safe to call from any thread.
#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace corohub {

void random_bytes(void* out, std::size_t size) noexcept;
std::uint32_t random_below(std::uint32_t bound) noexcept;  // uniform in [0, bound)

// `bytes` random bytes as base64url without padding; 32 bytes make a 256-bit secret.
std::string random_token(std::size_t bytes = 32);

// A version 4 UUID (RFC 9562), kept as its 16 bytes.
struct Uuid {
  std::array<unsigned char, 16> bytes{};

  static Uuid random() noexcept;
  static bool parse(std::string_view text, Uuid& out) noexcept;  // canonical lower or upper case form only
  std::string text() const;

  auto operator<=>(const Uuid&) const = default;
};

using SessionId = Uuid;  // a login (refresh family): claim `sid`
using ClientId = Uuid;   // one connection: `client_id`

}  // namespace corohub
