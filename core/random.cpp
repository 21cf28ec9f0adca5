#include "core/random.hpp"

#include "core/encoding.hpp"

#include <sodium.h>

namespace corohub {

namespace {

// Opens the system's source once. libsodium would do that on first use, which is not safe from several
// threads.
void prepare() noexcept { [[maybe_unused]] static const int ready = sodium_init(); }

}  // namespace

void random_bytes(void* out, std::size_t size) noexcept {
  prepare();
  randombytes_buf(out, size);
}

std::uint32_t random_below(std::uint32_t bound) noexcept {
  prepare();
  return randombytes_uniform(bound);
}

std::string random_token(std::size_t bytes) {
  std::string raw(bytes, '\0');
  random_bytes(raw.data(), raw.size());
  return base64url(raw);
}

Uuid Uuid::random() noexcept {
  Uuid uuid;
  random_bytes(uuid.bytes.data(), uuid.bytes.size());
  uuid.bytes[6] = static_cast<unsigned char>((uuid.bytes[6] & 0x0f) | 0x40);
  uuid.bytes[8] = static_cast<unsigned char>((uuid.bytes[8] & 0x3f) | 0x80);
  return uuid;
}

bool Uuid::parse(std::string_view text, Uuid& out) noexcept {
  if (text.size() != 36) return false;
  std::size_t byte = 0;
  for (std::size_t i = 0; i < text.size();) {
    if (i == 8 || i == 13 || i == 18 || i == 23) {
      if (text[i++] != '-') return false;
      continue;
    }
    const int high = hex_digit(text[i]);
    const int low = hex_digit(text[i + 1]);
    if (high < 0 || low < 0) return false;
    out.bytes[byte++] = static_cast<unsigned char>(high << 4 | low);
    i += 2;
  }
  return true;
}

std::string Uuid::text() const {
  static constexpr char digits[] = "0123456789abcdef";
  std::string out;
  out.reserve(36);
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) out += '-';
    out += digits[bytes[i] >> 4];
    out += digits[bytes[i] & 15];
  }
  return out;
}

}  // namespace corohub
