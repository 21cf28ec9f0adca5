#include "auth/signer.hpp"

#include <array>
#include <stdexcept>
#include <vector>

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/params.h>

namespace corohub::auth {
namespace {

template <auto Free>
struct Freed {
  template <class T>
  void operator()(T* object) const noexcept {
    Free(object);
  }
};
using Mac = std::unique_ptr<EVP_MAC, Freed<EVP_MAC_free>>;
using MacContext = std::unique_ptr<EVP_MAC_CTX, Freed<EVP_MAC_CTX_free>>;
using PrivateKey = std::unique_ptr<EVP_PKEY, Freed<EVP_PKEY_free>>;
using DigestContext = std::unique_ptr<EVP_MD_CTX, Freed<EVP_MD_CTX_free>>;

const unsigned char* bytes(std::string_view text) noexcept {
  return reinterpret_cast<const unsigned char*>(text.data());
}

[[noreturn]] void fail(const char* what) {
  ERR_clear_error();
  throw std::runtime_error(std::string("OpenSSL failed: ") + what);
}

// HMAC with SHA-256 (RFC 7518 section 3.2). The context keeps the key; beginning a new message costs no
// set-up.
class HmacSigner final : public Signer {
 public:
  static constexpr std::size_t tag_bytes = 32;

  explicit HmacSigner(std::string_view secret) {
    const Mac mac(EVP_MAC_fetch(nullptr, "HMAC", nullptr));
    if (!mac) fail("EVP_MAC_fetch");
    context_.reset(EVP_MAC_CTX_new(mac.get()));
    if (!context_) fail("EVP_MAC_CTX_new");
    char digest[] = "SHA256";
    const OSSL_PARAM parameters[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, sizeof digest - 1),
        OSSL_PARAM_construct_end()};
    if (EVP_MAC_init(context_.get(), bytes(secret), secret.size(), parameters) != 1) fail("EVP_MAC_init");
  }

  std::string sign(std::string_view text) override {
    Tag tag{};
    if (!compute(text, tag)) fail("HMAC");
    return {reinterpret_cast<const char*>(tag.data()), tag.size()};
  }

  bool verify(std::string_view text, std::string_view signature) noexcept override {
    Tag tag{};
    if (signature.size() != tag.size()) return false;
    if (!compute(text, tag)) {
      ERR_clear_error();
      return false;
    }
    return CRYPTO_memcmp(tag.data(), signature.data(), tag.size()) == 0;
  }

 private:
  using Tag = std::array<unsigned char, tag_bytes>;

  bool compute(std::string_view text, Tag& tag) noexcept {
    std::size_t size = 0;
    return EVP_MAC_init(context_.get(), nullptr, 0, nullptr) == 1 &&
           EVP_MAC_update(context_.get(), bytes(text), text.size()) == 1 &&
           EVP_MAC_final(context_.get(), tag.data(), &size, tag.size()) == 1 && size == tag.size();
  }

  MacContext context_;
};

// Ed25519 (RFC 8037).
class Ed25519Signer final : public Signer {
 public:
  static constexpr std::size_t signature_bytes = 64;

  explicit Ed25519Signer(std::string_view seed)
      : key_(EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nullptr, bytes(seed), seed.size())) {
    if (!key_) fail("EVP_PKEY_new_raw_private_key");
  }

  std::string sign(std::string_view text) override {
    const DigestContext context(EVP_MD_CTX_new());
    std::array<unsigned char, signature_bytes> signature{};
    std::size_t size = signature.size();
    if (!context || EVP_DigestSignInit(context.get(), nullptr, nullptr, nullptr, key_.get()) != 1 ||
        EVP_DigestSign(context.get(), signature.data(), &size, bytes(text), text.size()) != 1 ||
        size != signature.size())
      fail("EVP_DigestSign");
    return {reinterpret_cast<const char*>(signature.data()), signature.size()};
  }

  bool verify(std::string_view text, std::string_view signature) noexcept override {
    if (signature.size() != signature_bytes) return false;
    const DigestContext context(EVP_MD_CTX_new());
    const bool good =
        context && EVP_DigestVerifyInit(context.get(), nullptr, nullptr, nullptr, key_.get()) == 1 &&
        EVP_DigestVerify(context.get(), bytes(signature), signature.size(), bytes(text), text.size()) == 1;
    if (!good) ERR_clear_error();
    return good;
  }

 private:
  PrivateKey key_;
};

std::unique_ptr<Signer> make_signer(const Key& key) {
  switch (key.algorithm) {
    case Algorithm::hs256:
      return std::make_unique<HmacSigner>(key.material.reveal());
    case Algorithm::eddsa:
      return std::make_unique<Ed25519Signer>(key.material.reveal());
  }
  throw std::logic_error("unknown algorithm");
}

struct ThreadSigners {
  std::uint64_t generation = 0;  // the ring's; no ring has 0
  std::vector<std::unique_ptr<Signer>> by_index;
};

}  // namespace

Signer& signer_for(const KeyRing& ring, const Key& key) {
  thread_local ThreadSigners mine;
  if (mine.generation != ring.generation()) {
    mine.by_index.clear();
    mine.by_index.resize(ring.keys().size());
    mine.generation = ring.generation();
  }
  std::unique_ptr<Signer>& signer = mine.by_index.at(static_cast<std::size_t>(&key - ring.keys().data()));
  if (!signer) signer = make_signer(key);
  return *signer;
}

}  // namespace corohub::auth
