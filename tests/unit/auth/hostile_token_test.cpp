// T19 to T24: tokens that must not pass. All but those about the signature are signed properly with our own
// key, so that each is refused for its own reason; the reason is compared.
#include "auth/signer.hpp"
#include "auth/token.hpp"
#include "auth_support.hpp"

#include <ostream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace corohub::auth {
namespace {

using namespace std::string_literals;
using test::sign;

constexpr UnixMs now = 1'767'695'401'123;
constexpr std::string_view good_header = R"({"alg":"HS256","typ":"at+jwt","kid":"one"})";
constexpr std::string_view good_payload =
    R"({"iss":"corohub","aud":"corohub","sub":"42","sid":"6ba7b810-9dad-41d1-80b4-00c04fd430c8","tv":4,)"
    R"("role":"user","iat":1767695401,"nbf":1767695401,"exp":1767696301,"jti":"abc"})";

const KeyRing& ring() {
  static const KeyRing instance = test::make_ring();
  return instance;
}

Result<Claims> verify(std::string_view token) { return verify_token(token, ring(), TokenSettings{}, now); }

// The good text with one piece of it changed.
std::string with(std::string_view text, std::string_view piece, std::string_view replacement) {
  std::string out(text);
  const std::size_t at = out.find(piece);
  EXPECT_NE(at, std::string::npos) << piece;
  return out.replace(at, piece.size(), replacement);
}
std::string header(std::string_view piece, std::string_view replacement) {
  return sign(with(good_header, piece, replacement), good_payload);
}
std::string payload(std::string_view piece, std::string_view replacement) {
  return sign(good_header, with(good_payload, piece, replacement));
}
std::string head() { return base64url(good_header); }
std::string body() { return base64url(good_payload); }
std::string tag() { return base64url(test::hmac(test::hs_secret, head() + "." + body())); }
std::string nested(std::size_t levels) { return std::string(levels, '[') + std::string(levels, ']'); }

// The public half of "two", as a careless server would use it for an HMAC.
std::string public_key_of_two() {
  EVP_PKEY* pair = EVP_PKEY_new_raw_private_key(
      EVP_PKEY_ED25519, nullptr, reinterpret_cast<const unsigned char*>(test::ed_seed.data()), 32);
  std::string out(32, '\0');
  std::size_t size = out.size();
  EVP_PKEY_get_raw_public_key(pair, reinterpret_cast<unsigned char*>(out.data()), &size);
  EVP_PKEY_free(pair);
  return out;
}

struct Row {
  std::string label;
  std::string token;
  std::string cause;
};

std::vector<Row> confused_algorithms() {
  const std::string two_as_mac = with(good_header, "one", "two");
  const std::string ed_header = R"({"alg":"EdDSA","typ":"at+jwt","kid":"two"})";
  const std::string ed_text = base64url(ed_header) + "." + body();
  return {
      {"alg none, no signature", base64url(with(good_header, "HS256", "none")) + "." + body() + ".",
       "not three parts"},
      {"alg none", header("HS256", "none"), "algorithm is not the key's"},
      {"alg None", header("HS256", "None"), "algorithm is not the key's"},
      {"alg NONE", header("HS256", "NONE"), "algorithm is not the key's"},
      {"alg nOnE", header("HS256", "nOnE"), "algorithm is not the key's"},
      {"alg of a smaller case", header("HS256", "hs256"), "algorithm is not the key's"},
      {"alg HS384", header("HS256", "HS384"), "algorithm is not the key's"},
      {"alg RS256", header("HS256", "RS256"), "algorithm is not the key's"},
      {"alg ES256 of another key", header("HS256", "ES256"), "algorithm is not the key's"},
      {"ES256 with r = s = 0",
       base64url(with(good_header, "HS256", "ES256")) + "." + body() + "." + base64url(std::string(64, '\0')),
       "algorithm is not the key's"},
      {"alg EdDSA over an HMAC key", header("HS256", "EdDSA"), "algorithm is not the key's"},
      {"HMAC with an Ed25519 public key", sign(two_as_mac, good_payload, public_key_of_two()),
       "algorithm is not the key's"},
      {"HMAC with an Ed25519 seed", sign(two_as_mac, good_payload, test::ed_seed),
       "algorithm is not the key's"},
      {"HMAC given as an EdDSA signature", sign(ed_header, good_payload, test::ed_seed), "signature"},
      {"EdDSA signature of zeros", ed_text + "." + base64url(std::string(64, '\0')), "signature"},
      {"EdDSA of the neutral point", ed_text + "." + base64url("\x01" + std::string(63, '\0')), "signature"},
      {"alg missing", header(R"("alg":"HS256",)", ""), "header members"},
      {"alg empty", header("HS256", ""), "header members"},
      {"alg as array", header(R"("HS256")", R"(["HS256"])"), "header members"},
      {"alg as object", header(R"("HS256")", R"({"HS256":1})"), "header members"},
      {"alg null", header(R"("HS256")", "null"), "header members"},
      {"alg twice", header(R"("alg":"HS256")", R"("alg":"none","alg":"HS256")"), "header is no JSON object"},
      {"alg twice by an escape", header(R"("alg":"HS256")", R"("alg":"none","\u0061lg":"HS256")"),
       "header is no JSON object"},
      {"alg and NUL", header("HS256", "HS256\\u0000"), "algorithm is not the key's"},
  };
}

std::vector<Row> hostile_headers() {
  const auto extra = [](std::string_view member) { return header("{", "{" + std::string(member) + ","); };
  return {
      {"crit", extra(R"("crit":["exp"])"), "header members"},
      {"jwk", extra(R"("jwk":{"kty":"oct","k":"AAAA"})"), "header members"},
      {"jku", extra(R"("jku":"https://evil.example/keys")"), "header members"},
      {"x5u", extra(R"("x5u":"https://evil.example/cert")"), "header members"},
      {"x5c", extra(R"("x5c":["AAAA"])"), "header members"},
      {"b64", extra(R"("b64":false)"), "header members"},
      {"zip", extra(R"("zip":"DEF")"), "header members"},
      {"a member nobody knows", extra(R"("x":1)"), "header members"},
      {"typ JWT", header("at+jwt", "JWT"), "header members"},
      {"typ in capitals", header("at+jwt", "AT+JWT"), "header members"},
      {"typ of a refresh token", header("at+jwt", "rt+jwt"), "header members"},
      {"typ missing", header(R"("typ":"at+jwt",)", ""), "header members"},
      {"typ as number", header(R"("at+jwt")", "1"), "header members"},
      {"crit in place of typ", header(R"("typ":"at+jwt")", R"("crit":["exp"])"), "header members"},
      {"kid missing", header(R"(,"kid":"one")", ""), "header members"},
      {"kid empty", header("one", ""), "kid"},
      {"kid null", header(R"("one")", "null"), "kid"},
      {"kid as number", header(R"("one")", "1"), "kid"},
      {"kid unknown", header("one", "three"), "unknown key"},
      {"kid in capitals", header("one", "ONE"), "unknown key"},
      {"kid with NUL", header("one", "one\\u0000"), "unknown key"},
      {"kid a path", header("one", "../../dev/null"), "unknown key"},
      {"kid an SQL text", header("one", "' OR 1=1--"), "unknown key"},
      {"kid of 65 bytes", header("one", std::string(65, 'a')), "kid"},
      {"kid of a megabyte", header("one", std::string(1'000'000, 'a')), "too long"},
      {"header an array", sign("[]", good_payload), "header is no JSON object"},
      {"header empty", sign("{}", good_payload), "header members"},
      {"header no JSON", sign("alg=HS256", good_payload), "header is no JSON object"},
      {"header with trailing data", sign(std::string(good_header) + "{}", good_payload),
       "header is no JSON object"},
      {"header with a byte order mark", sign("\xef\xbb\xbf" + std::string(good_header), good_payload),
       "header is no JSON object"},
      {"header not UTF-8", header("one", "\xff"), "header is no JSON object"},
      {"header of depth 500", header(R"("one")", nested(500)), "header is no JSON object"},
  };
}

std::vector<Row> hostile_forms() {
  const std::string text = head() + "." + body();
  return {
      {"empty", "", "not three parts"},
      {"dots alone", "..", "not three parts"},
      {"one part", head(), "not three parts"},
      {"two parts", text, "not three parts"},
      {"no signature", text + ".", "not three parts"},
      {"no header", "." + body() + "." + tag(), "not three parts"},
      {"no payload", head() + ".." + tag(), "not three parts"},
      {"four parts", text + "." + tag() + ".AAAA", "not three parts"},
      {"a dot behind", text + "." + tag() + ".", "not three parts"},
      {"a dot before", "." + text + "." + tag(), "not three parts"},
      {"JWE of five parts", head() + ".AAAA.AAAA.AAAA.AAAA", "not three parts"},
      {"a refresh token", "crt_" + std::string(43, 'A'), "not three parts"},
      {"a ticket", std::string(43, 'A'), "not three parts"},
      {"signature of another text", text + "." + base64url(test::hmac(test::hs_secret, "other")),
       "signature"},
      {"signature with an empty key", sign(good_header, good_payload, ""), "signature"},
      {"signature with another key", sign(good_header, good_payload, std::string(32, 'x')), "signature"},
      {"signature cut", text + "." + tag().substr(0, 20), "signature"},
      {"signature of one byte", text + ".AA", "signature"},
      {"signature with a zero behind", text + "." + base64url(test::hmac(test::hs_secret, text) + "\0"s),
       "signature"},
      {"signature with padding", text + "." + tag() + "=", "signature"},
      {"signature with other tail bits", text + "." + tag().substr(0, 42) + "_", "signature"},
      {"signature with a line end", text + "." + tag() + "\n", "signature"},
      {"signature with a space", text + ". " + tag(), "signature"},
      {"header with padding", base64url(good_header) + "=." + body() + "." + tag(),
       "header is no JSON object"},
      {"header with a line end", head() + "\r\n." + body() + "." + tag(), "header is no JSON object"},
      {"a space before", " " + text + "." + tag(), "header is no JSON object"},
      {"plain base64", base64url(good_header) + "." + body() + "." + "+/" + tag().substr(2), "signature"},
      {"4,097 bytes", sign(good_header, good_payload) + std::string(4097, 'A'), "too long"},
      {"a megabyte", std::string(1'000'000, '.'), "too long"},
  };
}

std::vector<Row> hostile_claims() {
  const std::string times = "iat, nbf or exp is missing or no whole number";
  const std::string no_object = "payload is no JSON object";
  return {
      {"iss of another", payload(R"("iss":"corohub")", R"("iss":"evil")"), "iss"},
      {"iss missing", payload(R"("iss":"corohub",)", ""), "iss"},
      {"iss as array", payload(R"("iss":"corohub")", R"("iss":["corohub"])"), "iss"},
      {"iss with more behind", payload(R"("iss":"corohub")", R"("iss":"corohub2")"), "iss"},
      {"aud of another", payload(R"("aud":"corohub")", R"("aud":"billing")"), "aud"},
      {"aud missing", payload(R"("aud":"corohub",)", ""), "aud"},
      {"aud of others", payload(R"("aud":"corohub")", R"("aud":["a","b"])"), "aud"},
      {"aud empty array", payload(R"("aud":"corohub")", R"("aud":[])"), "aud"},
      {"aud with a number in it", payload(R"("aud":"corohub")", R"("aud":["corohub",1])"), "aud"},
      {"aud as object", payload(R"("aud":"corohub")", R"("aud":{"corohub":1})"), "aud"},
      {"sub missing", payload(R"("sub":"42",)", ""), "sub"},
      {"sub a number", payload(R"("sub":"42")", R"("sub":42)"), "sub"},
      {"sub zero", payload(R"("42")", R"("0")"), "sub"},
      {"sub negative", payload(R"("42")", R"("-1")"), "sub"},
      {"sub with a sign", payload(R"("42")", R"("+42")"), "sub"},
      {"sub with a leading zero", payload(R"("42")", R"("042")"), "sub"},
      {"sub with a space", payload(R"("42")", R"(" 42")"), "sub"},
      {"sub with text behind", payload(R"("42")", R"("42;1")"), "sub"},
      {"sub in hex", payload(R"("42")", R"("0x2a")"), "sub"},
      {"sub of 2^63", payload(R"("42")", R"("9223372036854775808")"), "sub"},
      {"sub of 2^64 + 42", payload(R"("42")", R"("18446744073709551658")"), "sub"},
      {"sub with NUL", payload(R"("42")", R"("42\u0000")"), "sub"},
      {"sid missing", payload(R"("sid":"6ba7b810-9dad-41d1-80b4-00c04fd430c8",)", ""), "sid"},
      {"sid no UUID", payload("6ba7b810-9dad-41d1-80b4-00c04fd430c8", "abc"), "sid"},
      {"sid a number", payload(R"("6ba7b810-9dad-41d1-80b4-00c04fd430c8")", "1"), "sid"},
      {"tv missing", payload(R"("tv":4,)", ""), "tv"},
      {"tv a string", payload(R"("tv":4)", R"("tv":"4")"), "tv"},
      {"tv a fraction", payload(R"("tv":4)", R"("tv":4.5)"), "tv"},
      {"tv negative", payload(R"("tv":4)", R"("tv":-4)"), "tv"},
      {"role missing", payload(R"("role":"user",)", ""), "role"},
      {"role unknown", payload(R"("role":"user")", R"("role":"root")"), "role"},
      {"jti missing", payload(R"(,"jti":"abc")", ""), "jti"},
      {"jti a number", payload(R"("abc")", "1"), "jti"},
      {"jti too long", payload("abc", std::string(129, 'a')), "jti"},
      {"exp missing", payload(R"("exp":1767696301,)", ""), times},
      {"exp a string", payload("1767696301", R"("1767696301")"), times},
      {"exp soon", payload("1767696301", R"("soon")"), times},
      {"exp a fraction", payload("1767696301", "1767696301.5"), times},
      {"exp with an exponent", payload("1767696301", "1.7676963015e9"), times},
      {"exp 1e400", payload("1767696301", "1e400"), no_object},
      {"exp -1", payload("1767696301", "-1"), times},
      {"exp 2^63", payload("1767696301", "9223372036854775808"), times},
      {"exp 2^70", payload("1767696301", "1180591620717411303424"), times},
      {"exp null", payload("1767696301", "null"), times},
      {"exp as array", payload("1767696301", "[1767696301]"), times},
      {"exp now", payload("1767696301", "1767695401"), "expired"},
      {"exp long ago", payload("1767696301", "0"), "expired"},
      {"exp in a hundred years", payload("1767696301", "4923369001"), "lifetime"},
      {"exp the last number there is", payload("1767696301", "9223372036854775807"), "lifetime"},
      {"lifetime of a day and two seconds", payload("1767696301", "1767781803"), "lifetime"},
      {"iat missing", payload(R"("iat":1767695401,)", ""), times},
      {"iat a string", payload(R"("iat":1767695401)", R"("iat":"1767695401")"), times},
      {"iat of tomorrow", payload(R"("iat":1767695401)", R"("iat":1767781801)"), "issued in the future"},
      {"iat beyond the leeway", payload(R"("iat":1767695401)", R"("iat":1767695433)"),
       "issued in the future"},
      {"iat of 1970", payload(R"("iat":1767695401)", R"("iat":0)"), "lifetime"},
      {"nbf missing", payload(R"("nbf":1767695401,)", ""), times},
      {"nbf beyond the leeway", payload(R"("nbf":1767695401)", R"("nbf":1767695432)"), "not valid yet"},
      {"nbf the last number there is", payload(R"("nbf":1767695401)", R"("nbf":9223372036854775807)"),
       "not valid yet"},
      {"payload an array", sign(good_header, "[1]"), no_object},
      {"payload a string", sign(good_header, R"("sub")"), no_object},
      {"payload no JSON", sign(good_header, "sub=42"), no_object},
      {"payload empty", sign(good_header, "{}"), "iss"},
      {"payload with sub twice", payload(R"("sub":"42")", R"("sub":"1","sub":"42")"), no_object},
      {"payload with trailing data", sign(good_header, std::string(good_payload) + "x"), no_object},
      {"payload with a comment", sign(good_header, "/**/" + std::string(good_payload)), no_object},
      {"payload with a lone surrogate", payload("abc", "\\ud800"), no_object},
      {"payload of depth 5", payload(R"("tv":4)", R"("tv":)" + nested(4)), no_object},
      {"payload of depth 500", payload(R"("tv":4)", R"("tv":)" + nested(500)), no_object},
      {"payload of depth 1,500, never closed", sign(good_header, std::string(1500, '[')), no_object},
  };
}

void expect_all_refused(const std::vector<Row>& rows) {
  for (const Row& row : rows) {
    const Result<Claims> claims = verify(row.token);
    ASSERT_FALSE(claims) << row.label;
    EXPECT_EQ(claims.error().code, ErrorCode::invalid_token) << row.label;
    EXPECT_EQ(claims.error().cause, row.cause) << row.label;
    // The caller learns nothing of the reason.
    EXPECT_EQ(claims.error().detail, verify("").error().detail) << row.label;
  }
}

TEST(HostileToken, the_good_one_passes) {
  const Result<Claims> claims = verify(sign(good_header, good_payload));
  ASSERT_TRUE(claims) << claims.error().cause;
  EXPECT_EQ(claims->user_id, 42);
  EXPECT_EQ(claims->session.text(), "6ba7b810-9dad-41d1-80b4-00c04fd430c8");
}

TEST(HostileToken, what_is_only_unusual_passes) {
  for (const std::string& token : {
           header("{", "{ "),
           sign(R"({"kid":"one","typ":"at+jwt","alg":"HS256"})", good_payload),
           payload(R"("aud":"corohub")", R"("aud":["corohub"])"),
           payload(R"("aud":"corohub")", R"("aud":["other","corohub"])"),
           payload(R"("tv":4)", R"("tv":4,"auth_time":1,"unknown":{"a":[1]})"),
           payload("1767696301", "1767695402"),
           payload("1767696301", "1767781801"),
           payload(R"("iat":1767695401)", R"("iat":1767695431)"),
           payload(R"("nbf":1767695401)", R"("nbf":1767695431)"),
           payload(R"("nbf":1767695401)", R"("nbf":0)"),
           payload(R"("42")", R"("9223372036854775807")"),
       })
    EXPECT_TRUE(verify(token)) << verify(token).error().cause;
}

TEST(HostileToken, T19_the_key_decides_the_algorithm) { expect_all_refused(confused_algorithms()); }
TEST(HostileToken, T19_T20_T21_the_header_holds_alg_typ_and_kid_alone) {
  expect_all_refused(hostile_headers());
}
TEST(HostileToken, T19_T23_three_canonical_parts_of_bounded_size) { expect_all_refused(hostile_forms()); }
TEST(HostileToken, T21_T23_T24_claims_are_of_their_type_and_time) { expect_all_refused(hostile_claims()); }

TEST(HostileToken, the_table_is_long_enough) {
  EXPECT_GE(confused_algorithms().size() + hostile_headers().size() + hostile_forms().size() +
                hostile_claims().size(),
            150u);
}

TEST(HostileToken, T22_of_an_unsigned_payload_nothing_is_used) {
  // Whatever is wrong with the payload, the signature is what is complained about.
  for (const char* text : {"[", "{}", R"({"sub":"1"})", "\xff"}) {
    const Result<Claims> claims = verify(head() + "." + base64url(text) + "." + tag());
    ASSERT_FALSE(claims);
    EXPECT_EQ(claims.error().cause, "signature");
  }
  EXPECT_EQ(verify(head() + ".!!." + tag()).error().cause, "signature");
}

TEST(HostileToken, T20_a_retired_key_ends_at_its_time) {
  std::vector<Key> keys;
  keys.push_back(test::key("new", Algorithm::hs256, test::ed_seed, true));
  keys.push_back(test::key("one", Algorithm::hs256, test::hs_secret, false, now + 1));
  const KeyRing later(std::move(keys));
  const std::string token = sign(good_header, good_payload);
  EXPECT_TRUE(verify_token(token, later, {}, now));
  const Result<Claims> late = verify_token(token, later, {}, now + 1);
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().cause, "unknown key");
}

}  // namespace
}  // namespace corohub::auth
