// What a stream of changes is opened with: a token that stands in its address, says whose stream it is and
// where, and ends nothing by its own end. Signed with the keys of access tokens, as a text that no access
// token can be. Used on its shard's thread only.
#pragma once

#include "auth/key_ring.hpp"
#include "core/clock.hpp"
#include "core/error.hpp"
#include "core/position.hpp"
#include "flags/evaluation/evaluate.hpp"
#include "gateway/ofrep/place.hpp"

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace corohub::gateway::ofrep {

// What the holder has evaluated, and as whom.
struct Evaluated {
  Position revision{};        // of the environment
  std::string environment{};  // its key: of the default one, too, which may be another one later
  Role role = Role::user;     // of a user, as contexts have it
  std::string client{};       // see client_text()
};

struct StreamGrant {
  // By whose credential.
  flags::Viewer::Kind kind = flags::Viewer::Kind::guest;
  std::int64_t id = 0;         // of the user, or of the key
  std::int64_t client_id = 0;  // of the client for whom a service asks; 0: none
  SessionId session{};         // of a user
  PlaceName place;
  Evaluated evaluated{};
  std::int64_t expires_at = 0;  // seconds since 1970

  // Whose it is; all else is to be said.
  static StreamGrant to(const Caller& caller);
};

class StreamTokens {
 public:
  StreamTokens(const auth::KeyStore& keys, const Clock& clock) : keys_(keys), clock_(clock) {}

  // Text of [A-Za-z0-9_.-].
  std::string issue(const StreamGrant& grant);
  // `key_id` is the key that has verified the token. invalid_token: none of ours, or past its end.
  Result<StreamGrant> read(std::string_view token, std::string& key_id);
  // The key that signs at the moment.
  const std::string& key_id() { return ring().active().id; }

 private:
  const auth::KeyRing& ring();

  const auth::KeyStore& keys_;
  const Clock& clock_;
  std::shared_ptr<const auth::KeyRing> ring_;
};

}  // namespace corohub::gateway::ofrep
