// The text of the key file and how it gets to the disk and back; for KeyStore only.
//   {"keys":[{"kid":"…","alg":"HS256"|"EdDSA","key":"<base64url>","state":"active"|"retiring","not_after":ms?}]}
// Errors carry one plain line as their detail and never a secret.
#pragma once

#include "auth/key_ring.hpp"
#include "core/error.hpp"
#include "core/secret.hpp"

#include <filesystem>
#include <optional>
#include <vector>

namespace corohub::auth {

inline constexpr std::size_t keys_max = 32;  // in one file

// Refuses a file that is no key file, that anybody else may touch, or whose keys are not fit to sign.
Result<std::vector<Key>> read_keys(const std::filesystem::path& file);

enum class Write : std::uint8_t {
  create,   // an existing file stays as it is, and that is no error
  replace,  // in one step: a reader sees the old file or the new one
};
Result<> write_keys(const std::filesystem::path& file, const std::vector<Key>& keys, Write how);

// A key of random material with a random name.
Key make_key(Algorithm algorithm);

// Why this material must not sign; nothing: it is fit.
std::optional<std::string> weakness(Algorithm algorithm, std::string_view material);

}  // namespace corohub::auth
