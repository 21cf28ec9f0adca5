#include "gateway/ofrep/stream_token.hpp"

#include "auth/signer.hpp"
#include "core/encoding.hpp"
#include "core/integer.hpp"
#include "http/text.hpp"

#include <optional>
#include <utility>

namespace corohub::gateway::ofrep {
namespace {

constexpr std::size_t token_bytes_max = 1024;
// Ahead of what is signed. An access token's signed text has neither blanks nor line ends.
constexpr std::string_view purpose = "corohub: stream of changed flags, 2\n";

char letter_of(flags::Viewer::Kind kind) noexcept {
  switch (kind) {
    case flags::Viewer::Kind::user:
      return 'u';
    case flags::Viewer::Kind::client:
      return 'c';
    case flags::Viewer::Kind::service:
      return 's';
    case flags::Viewer::Kind::guest:
      break;
  }
  return 'g';
}

std::optional<flags::Viewer::Kind> kind_of(std::string_view letter) noexcept {
  for (const auto kind : {flags::Viewer::Kind::user, flags::Viewer::Kind::client,
                          flags::Viewer::Kind::service, flags::Viewer::Kind::guest})
    if (letter.size() == 1 && letter.front() == letter_of(kind)) return kind;
  return std::nullopt;
}

// None of the parts has a bar inside.
std::string text_of(const StreamGrant& grant, std::string_view key_id) {
  std::string text(key_id);
  const auto add = [&text](std::string_view part) { text.append("|").append(part); };
  add(std::string(1, letter_of(grant.kind)));
  add(std::to_string(grant.id));
  add(std::to_string(grant.client_id));
  add(grant.session.text());
  add(grant.place.name_space);
  add(grant.place.environment);
  add(grant.evaluated.revision.text());
  add(grant.evaluated.environment);
  add(name(grant.evaluated.role));
  add(grant.evaluated.client);
  add(std::to_string(grant.expires_at));
  return text;
}

// Of a text that is ours.
std::optional<StreamGrant> grant_of(std::string_view rest) {
  StreamGrant grant;
  const auto kind = kind_of(http::cut(rest, '|'));
  const auto id = parse_integer(http::cut(rest, '|'));
  const auto client_id = parse_integer(http::cut(rest, '|'));
  const bool has_session = Uuid::parse(http::cut(rest, '|'), grant.session);
  grant.place.name_space = http::cut(rest, '|');
  grant.place.environment = http::cut(rest, '|');
  const Result<Position> revision = parse_position(http::cut(rest, '|'));
  grant.evaluated.environment = http::cut(rest, '|');
  const auto role = parse_role(http::cut(rest, '|'));
  grant.evaluated.client = http::cut(rest, '|');
  const auto expires_at = parse_integer(http::cut(rest, '|'));
  if (!kind || !id || !client_id || !has_session || !revision || !role || !expires_at || !rest.empty())
    return std::nullopt;
  grant.kind = *kind;
  grant.id = *id;
  grant.client_id = *client_id;
  grant.evaluated.revision = *revision;
  grant.evaluated.role = *role;
  grant.expires_at = *expires_at;
  return grant;
}

Error refuse(const char* cause) {
  return Error(ErrorCode::invalid_token, "The stream's token is not valid or has expired.").because(cause);
}

}  // namespace

StreamGrant StreamGrant::to(const Caller& caller) {
  StreamGrant grant;
  if (caller.principal) {
    grant.kind = flags::Viewer::Kind::user;
    grant.id = caller.viewer.user_id;
    grant.session = caller.principal->session;
  } else if (caller.client_key) {
    grant.kind = flags::Viewer::Kind::client;
    grant.id = caller.client_key->id;
  } else if (caller.key) {
    grant.kind = flags::Viewer::Kind::service;
    grant.id = caller.key->id;
    grant.client_id = caller.viewer.client_id;
  }
  return grant;
}

const auth::KeyRing& StreamTokens::ring() {
  if (!ring_ || ring_->generation() != keys_.generation()) ring_ = keys_.ring();
  return *ring_;
}

std::string StreamTokens::issue(const StreamGrant& grant) {
  const auth::KeyRing& keys = ring();
  const std::string text = text_of(grant, keys.active().id);
  const std::string signature = auth::signer_for(keys, keys.active()).sign(std::string(purpose).append(text));
  return base64url(text) + "." + base64url(signature);
}

Result<StreamGrant> StreamTokens::read(std::string_view token, std::string& key_id) {
  if (token.size() > token_bytes_max) return refuse("too long");
  const std::optional<std::string> text = from_base64url(http::cut(token, '.'));
  const std::optional<std::string> signature = from_base64url(token);
  if (!text || !signature) return refuse("no base64url");
  std::string_view rest = *text;
  key_id = http::cut(rest, '|');
  const auth::KeyRing& keys = ring();
  const auth::Key* const key = keys.find(key_id, clock_.unix_ms());
  if (key == nullptr) return refuse("key is gone");
  if (!auth::signer_for(keys, *key).verify(std::string(purpose).append(*text), *signature))
    return refuse("signature is wrong");
  std::optional<StreamGrant> grant = grant_of(rest);
  if (!grant) return refuse("damaged");
  if (clock_.unix_ms() / 1000 >= grant->expires_at) return refuse("expired");
  return std::move(*grant);
}

}  // namespace corohub::gateway::ofrep
