// What names a session of Engine.IO, and nobody can guess: the shard where it lives, and 120 random bits.
#pragma once

#include <array>
#include <cstddef>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>

namespace corohub::gateway::engineio {

struct LinkId {
  std::array<unsigned char, 16> bytes{};

  // `shard` is less than 256.
  static LinkId make(std::size_t shard) noexcept;
  // Nothing: it is no id of ours.
  static std::optional<LinkId> parse(std::string_view text);
  std::string text() const;  // 22 characters, base64url
  std::size_t shard() const noexcept { return bytes[0]; }

  bool operator==(const LinkId&) const = default;

  struct Hash {
    std::size_t operator()(const LinkId& id) const noexcept {  // random as it is
      std::size_t hash = 0;
      std::memcpy(&hash, id.bytes.data() + id.bytes.size() - sizeof hash, sizeof hash);
      return hash;
    }
  };
};

}  // namespace corohub::gateway::engineio
