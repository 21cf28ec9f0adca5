// The token verifier, fed at three places, as the first byte says: the whole token; a header over a good
// payload; a payload that is properly signed, so that what reads claims is reached. What passes must hold
// what its reader promises.
#include "auth/signer.hpp"
#include "auth/token.hpp"
#include "core/encoding.hpp"

#include <cstdlib>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace {

using namespace corohub;

constexpr UnixMs now = 1'767'695'401'123;
constexpr std::string_view good_header = R"({"alg":"HS256","typ":"at+jwt","kid":"one"})";
constexpr std::string_view good_payload =
    R"({"iss":"corohub","aud":"corohub","sub":"42","sid":"6ba7b810-9dad-41d1-80b4-00c04fd430c8","tv":4,)"
    R"("role":"user","iat":1767695401,"nbf":1767695401,"exp":1767696301,"jti":"abc"})";

auth::KeyRing make_ring() {
  std::vector<auth::Key> keys(2);
  keys[0].id = "one";
  keys[0].material = Secret(std::string("fuzzing needs no secret at all, only 32 bytes"));
  keys[0].active = true;
  keys[1].id = "two";
  keys[1].algorithm = auth::Algorithm::eddsa;
  keys[1].material = Secret(std::string(32, 's'));
  return auth::KeyRing(std::move(keys));
}

std::string sign(const auth::KeyRing& ring, const auth::Key& key, std::string_view header,
                 std::string_view payload) {
  const std::string text = base64url(header) + "." + base64url(payload);
  return text + "." + base64url(auth::signer_for(ring, key).sign(text));
}

void require(bool holds) {
  if (!holds) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  static const auth::KeyRing ring = make_ring();
  if (size == 0) return 0;
  const std::string_view input(reinterpret_cast<const char*>(data) + 1, size - 1);
  std::string token(input);
  if (data[0] % 4 == 1) token = sign(ring, ring.keys()[0], input, good_payload);
  if (data[0] % 4 == 2) token = sign(ring, ring.keys()[0], good_header, input);
  if (data[0] % 4 == 3)
    token = sign(ring, ring.keys()[1], R"({"alg":"EdDSA","typ":"at+jwt","kid":"two"})", input);

  const Result<auth::Claims> claims = auth::verify_token(token, ring, {}, now);
  if (!claims) {
    require(claims.error().code == ErrorCode::invalid_token);
    return 0;
  }
  require(data[0] % 4 != 0);  // nobody guesses a signature
  require(token.size() <= 4096);
  require(claims->user_id > 0 && claims->token_version >= 0 && !claims->id.empty());
  require(claims->expires_at > now / 1000 && claims->expires_at - claims->issued_at <= 86'400);
  require(claims->not_before <= now / 1000 + 30 && claims->issued_at <= now / 1000 + 30);
  return 0;
}
