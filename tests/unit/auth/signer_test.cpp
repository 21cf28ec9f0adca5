#include "auth/signer.hpp"

#include "auth_support.hpp"

#include <string>
#include <string_view>

#include <gtest/gtest.h>

namespace corohub::auth {
namespace {

std::string from_hex(std::string_view hex) {
  std::string out;
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2)
    out += static_cast<char>(hex_digit(hex[i]) << 4 | hex_digit(hex[i + 1]));
  return out;
}

KeyRing ring_of(Algorithm algorithm, std::string_view material) {
  std::vector<Key> keys;
  keys.push_back(test::key("k", algorithm, material, true));
  return KeyRing(std::move(keys));
}

TEST(Signer, hs256_gives_the_vector_of_rfc_4231) {
  const KeyRing ring = ring_of(Algorithm::hs256, std::string(20, '\x0b'));
  const std::string expected = from_hex("b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
  // More than once: the context is used again.
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(signer_for(ring, ring.active()).sign("Hi There"), expected);
    EXPECT_TRUE(signer_for(ring, ring.active()).verify("Hi There", expected));
    EXPECT_FALSE(signer_for(ring, ring.active()).verify("Hi there", expected));
  }
}

TEST(Signer, eddsa_gives_the_vector_of_rfc_8032) {
  const KeyRing ring =
      ring_of(Algorithm::eddsa, from_hex("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb"));
  const std::string text = "\x72";
  const std::string expected = from_hex(
      "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
      "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00");
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(signer_for(ring, ring.active()).sign(text), expected);
    EXPECT_TRUE(signer_for(ring, ring.active()).verify(text, expected));
    EXPECT_FALSE(signer_for(ring, ring.active()).verify("\x73", expected));
  }
}

TEST(Signer, T19_refuses_signatures_of_any_other_length) {
  for (const Algorithm algorithm : {Algorithm::hs256, Algorithm::eddsa}) {
    const KeyRing ring = ring_of(algorithm, test::hs_secret.substr(0, 32));
    const std::string good = signer_for(ring, ring.active()).sign("text");
    EXPECT_TRUE(signer_for(ring, ring.active()).verify("text", good));
    EXPECT_FALSE(signer_for(ring, ring.active()).verify("text", ""));
    EXPECT_FALSE(signer_for(ring, ring.active()).verify("text", std::string_view(good).substr(1)));
    EXPECT_FALSE(signer_for(ring, ring.active()).verify("text", good + '\0'));
  }
}

TEST(Signer, belongs_to_its_ring_alone) {
  const KeyRing first = ring_of(Algorithm::hs256, test::hs_secret);
  const KeyRing second = ring_of(Algorithm::hs256, test::ed_seed);
  const std::string signed_by_first = signer_for(first, first.active()).sign("text");
  EXPECT_FALSE(signer_for(second, second.active()).verify("text", signed_by_first));
  EXPECT_TRUE(signer_for(first, first.active()).verify("text", signed_by_first));
}

}  // namespace
}  // namespace corohub::auth
