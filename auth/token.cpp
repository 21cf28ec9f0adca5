#include "auth/token.hpp"

#include "auth/signer.hpp"
#include "core/encoding.hpp"
#include "core/json.hpp"

#include <algorithm>
#include <charconv>
#include <stdexcept>

#include <boost/json/array.hpp>
#include <boost/json/serialize.hpp>
#include <openssl/crypto.h>

namespace corohub::auth {
namespace {

constexpr std::size_t token_bytes_max = 4096;
constexpr JsonLimits json_limits{4, 64};
constexpr std::string_view token_type = "at+jwt";
constexpr std::int64_t lifetime_seconds_max = 86'400;
constexpr std::size_t key_id_bytes_max = 64;
constexpr std::size_t token_id_bytes_max = 128;

// What the caller learns is the same whatever was wrong.
Error refuse(const char* cause) {
  return Error(ErrorCode::invalid_token, "The access token is not valid or has expired.").because(cause);
}

struct Parts {
  std::string_view header;
  std::string_view payload;
  std::string_view signature;
  std::string_view signed_text;
};

std::optional<Parts> split(std::string_view token) {
  const std::size_t first = token.find('.');
  if (first == std::string_view::npos) return std::nullopt;
  const std::size_t second = token.find('.', first + 1);
  if (second == std::string_view::npos || token.find('.', second + 1) != std::string_view::npos)
    return std::nullopt;
  const Parts parts{token.substr(0, first), token.substr(first + 1, second - first - 1),
                    token.substr(second + 1), token.substr(0, second)};
  if (parts.header.empty() || parts.payload.empty() || parts.signature.empty()) return std::nullopt;
  return parts;
}

std::optional<json::object> decode_object(std::string_view part) {
  const std::optional<std::string> text = from_base64url(part);
  if (!text) return std::nullopt;
  Result<json::value> value = parse_json(*text, json_limits);
  if (!value || !value->is_object()) return std::nullopt;
  return std::move(value->get_object());
}

// The text of a member; empty for a member that is missing or no string: no claim or header member of ours
// may be empty.
std::string_view text_of(const json::object& object, std::string_view member) noexcept {
  const json::value* value = object.if_contains(member);
  return value != nullptr && value->is_string() ? std::string_view(value->get_string()) : std::string_view();
}

// A whole number from 0 on, written as one: no fraction, no exponent, no string.
std::optional<std::int64_t> count_of(const json::object& object, std::string_view member) noexcept {
  const json::value* value = object.if_contains(member);
  if (value == nullptr || !value->is_int64() || value->get_int64() < 0) return std::nullopt;
  return value->get_int64();
}

// The key that the header names, if the header holds nothing but what a token of ours has. The key decides
// the algorithm; the header may only agree.
Result<const Key*> find_key(const json::object& header, const KeyRing& ring, UnixMs now) {
  const std::string_view kid = text_of(header, "kid");
  if (header.size() != 3 || text_of(header, "typ") != token_type || text_of(header, "alg").empty())
    return refuse("header members");
  if (kid.empty() || kid.size() > key_id_bytes_max) return refuse("kid");
  const Key* key = ring.find(kid, now);
  if (key == nullptr) return refuse("unknown key");
  if (text_of(header, "alg") != name(key->algorithm)) return refuse("algorithm is not the key's");
  return key;
}

bool names_audience(const json::object& payload, std::string_view audience) {
  const json::value* aud = payload.if_contains("aud");
  if (aud == nullptr) return false;
  if (aud->is_string()) return std::string_view(aud->get_string()) == audience;
  if (!aud->is_array()) return false;
  const json::array& list = aud->get_array();
  return std::ranges::all_of(list, [](const json::value& one) { return one.is_string(); }) &&
         std::ranges::any_of(
             list, [&](const json::value& one) { return std::string_view(one.get_string()) == audience; });
}

std::optional<UserId> parse_subject(std::string_view text) noexcept {
  UserId id = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), id);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  if (id <= 0 || text.front() == '0') return std::nullopt;
  return id;
}

// Reads whom the token is about. A complaint, or null.
const char* read_identity(const json::object& payload, Claims& out) {
  const std::optional<UserId> subject = parse_subject(text_of(payload, "sub"));
  if (!subject) return "sub";
  if (!Uuid::parse(text_of(payload, "sid"), out.session)) return "sid";
  const std::optional<std::int64_t> version = count_of(payload, "tv");
  if (!version) return "tv";
  const std::optional<Role> role = parse_role(text_of(payload, "role"));
  if (!role) return "role";
  const std::string_view id = text_of(payload, "jti");
  if (id.empty() || id.size() > token_id_bytes_max) return "jti";
  out.user_id = *subject;
  out.token_version = *version;
  out.role = *role;
  out.id = id;
  return nullptr;
}

// Whether the token holds now: a complaint, or null. No sum can overflow: every term is a count of seconds
// from 0 on, or checked before it is added.
const char* judge_times(const Claims& claims, std::int64_t now, std::int64_t leeway) noexcept {
  if (now >= claims.expires_at) return "expired";
  if (claims.not_before > now + leeway) return "not valid yet";
  if (claims.issued_at > now + leeway) return "issued in the future";
  if (claims.expires_at - claims.issued_at > lifetime_seconds_max + 1) return "lifetime";  // see issue()
  return nullptr;
}

const char* read_times(const json::object& payload, Claims& out) {
  const std::optional<std::int64_t> issued = count_of(payload, "iat");
  const std::optional<std::int64_t> begins = count_of(payload, "nbf");
  const std::optional<std::int64_t> ends = count_of(payload, "exp");
  if (!issued || !begins || !ends) return "iat, nbf or exp is missing or no whole number";
  out.issued_at = *issued;
  out.not_before = *begins;
  out.expires_at = *ends;
  return nullptr;
}

struct Verified {
  Claims claims;
  UnixMs key_ends = 0;
};

Result<Verified> check(std::string_view token, const KeyRing& ring, const TokenSettings& settings,
                       UnixMs now) {
  if (token.size() > token_bytes_max) return refuse("too long");
  const std::optional<Parts> parts = split(token);
  if (!parts) return refuse("not three parts");
  const std::optional<json::object> header = decode_object(parts->header);
  if (!header) return refuse("header is no JSON object");
  const Result<const Key*> key = find_key(*header, ring, now);
  if (!key) return key.error();
  const std::optional<std::string> signature = from_base64url(parts->signature);
  if (!signature || !signer_for(ring, **key).verify(parts->signed_text, *signature))
    return refuse("signature");

  const std::optional<json::object> payload = decode_object(parts->payload);
  if (!payload) return refuse("payload is no JSON object");
  if (text_of(*payload, "iss") != settings.issuer) return refuse("iss");
  if (!names_audience(*payload, settings.audience)) return refuse("aud");
  Verified verified;
  verified.key_ends = KeyRing::end_of_use(**key);
  verified.claims.key_id = (*key)->id;
  if (const char* cause = read_identity(*payload, verified.claims)) return refuse(cause);
  if (const char* cause = read_times(*payload, verified.claims)) return refuse(cause);
  if (const char* cause = judge_times(verified.claims, now / 1000, settings.leeway.count()))
    return refuse(cause);
  return verified;
}

// Takes as long wherever the texts differ: behind a proxy the known token may be another client's.
bool same_secret(std::string_view left, std::string_view right) noexcept {
  return left.size() == right.size() && CRYPTO_memcmp(left.data(), right.data(), left.size()) == 0;
}

}  // namespace

Result<Claims> verify_token(std::string_view token, const KeyRing& ring, const TokenSettings& settings,
                            UnixMs now) {
  Result<Verified> verified = check(token, ring, settings, now);
  if (!verified) return verified.error();
  return std::move(verified->claims);
}

Tokens::Tokens(const KeyStore& keys, TokenSettings settings, const Clock& clock)
    : keys_(keys), settings_(std::move(settings)), clock_(clock) {
  if (settings_.issuer.empty() || settings_.audience.empty())
    throw std::invalid_argument("tokens need an issuer and an audience");
  if (settings_.access_ttl.count() < 1 || settings_.access_ttl.count() > lifetime_seconds_max)
    throw std::invalid_argument("an access token must live between a second and a day");
}

std::string Tokens::issue(const Account& account, const SessionId& session) const {
  const std::shared_ptr<const KeyRing> ring = keys_.ring();
  const Key& key = ring->active();
  const UnixMs now = clock_.unix_ms();
  // Whole seconds. The beginning is rounded down, for verifiers without leeway; the end up, so that the life
  // is not shorter than promised.
  const std::int64_t begins = now / 1000;
  const std::int64_t ends = (now + 999) / 1000 + settings_.access_ttl.count();

  json::object header;
  header["alg"] = name(key.algorithm);
  header["typ"] = token_type;
  header["kid"] = key.id;

  json::object payload;
  payload["iss"] = settings_.issuer;
  payload["aud"] = settings_.audience;
  payload["sub"] = std::to_string(account.id);
  payload["sid"] = session.text();
  payload["tv"] = account.token_version;
  payload["role"] = name(account.role);
  payload["iat"] = begins;
  payload["nbf"] = begins;
  payload["exp"] = ends;
  payload["jti"] = random_token(16);

  std::string token = base64url(json::serialize(header)) + "." + base64url(json::serialize(payload));
  token += "." + base64url(signer_for(*ring, key).sign(token));
  return token;
}

bool Tokens::is_in_use(std::string_view key_id) const {
  return keys_.ring()->find(key_id, clock_.unix_ms()) != nullptr;
}

Result<Claims> Tokens::verify(std::string_view token) const {
  const std::shared_ptr<const KeyRing> ring = keys_.ring();
  return verify_token(token, *ring, settings_, clock_.unix_ms());
}

Result<const Claims*> Tokens::verify(std::string_view token, KnownToken& known) const {
  const UnixMs now = clock_.unix_ms();
  if (known.generation_ != 0 && known.generation_ == keys_.generation() &&
      same_secret(token, known.text_.reveal())) {
    if (known.key_ends_ != 0 && now >= known.key_ends_) return refuse("unknown key");
    if (const char* cause = judge_times(known.claims_, now / 1000, settings_.leeway.count()))
      return refuse(cause);
    return &known.claims_;
  }

  const std::shared_ptr<const KeyRing> ring = keys_.ring();
  ++known.signatures_checked_;
  Result<Verified> verified = check(token, *ring, settings_, now);
  if (!verified) return verified.error();
  known.text_ = Secret(std::string(token));
  known.claims_ = std::move(verified->claims);
  known.generation_ = ring->generation();
  known.key_ends_ = verified->key_ends;
  return &known.claims_;
}

}  // namespace corohub::auth
