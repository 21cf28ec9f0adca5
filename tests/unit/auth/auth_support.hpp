// What the tests of this room share: keys, accounts, and tokens put together by hand.
#pragma once

#include "auth/key_ring.hpp"
#include "auth/token.hpp"
#include "core/account.hpp"
#include "core/encoding.hpp"

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <openssl/evp.h>
#include <openssl/hmac.h>

namespace corohub::auth::test {

inline constexpr std::string_view hs_secret = "k9:Qv2#Lw8!Zr4@Tn6%Yb1^Mx3&Gp5*~";
inline constexpr std::string_view ed_seed = "Jd7$Wc0(Hs9)Ae2_Uf5+Vi8-Oj1=Bk4[";

inline Key key(std::string id, Algorithm algorithm, std::string_view material, bool active,
               UnixMs not_after = 0) {
  Key made;
  made.id = std::move(id);
  made.algorithm = algorithm;
  made.material = Secret(std::string(material));
  made.active = active;
  made.not_after = not_after;
  return made;
}

// "one" signs with HS256, "two" is an EdDSA key beside it.
inline KeyRing make_ring() {
  std::vector<Key> keys;
  keys.push_back(key("one", Algorithm::hs256, hs_secret, true));
  keys.push_back(key("two", Algorithm::eddsa, ed_seed, false));
  return KeyRing(std::move(keys));
}

// Another implementation than the one under test: OpenSSL's one-shot function.
inline std::string hmac(std::string_view secret, std::string_view text) {
  unsigned char tag[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  HMAC(EVP_sha256(), secret.data(), static_cast<int>(secret.size()),
       reinterpret_cast<const unsigned char*>(text.data()), text.size(), tag, &size);
  return {reinterpret_cast<const char*>(tag), size};
}

// A JWS of these very texts, signed properly.
inline std::string sign(std::string_view header, std::string_view payload,
                        std::string_view secret = hs_secret) {
  const std::string text = base64url(header) + "." + base64url(payload);
  return text + "." + base64url(hmac(secret, text));
}

inline std::shared_ptr<Account> make_account(UserId id, const SessionId& session) {
  auto account = std::make_shared<Account>();
  account->id = id;
  account->name = "Ann";
  account->email = "ann@example.org";
  account->token_version = 4;
  account->sessions.push_back(session);
  return account;
}

}  // namespace corohub::auth::test
