// Who asks for an evaluation, and by which credential. Pure.
#pragma once

#include "auth/principal.hpp"
#include "core/error.hpp"
#include "flags/client_key_cache.hpp"
#include "flags/evaluation/evaluate.hpp"
#include "http/request.hpp"
#include "hub/audience.hpp"
#include "users/service_key_cache.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace corohub::gateway::ofrep {

struct Credential {
  enum class Kind : std::uint8_t { none, service_key, client_key, token };

  Kind kind = Kind::none;
  std::string_view text{};  // of the request
};

// `Authorization: Bearer` or `X-API-Key`, whatever it holds. Authorization of another scheme counts only when
// it is alone: a site's Basic authentication stands beside a key of ours. invalid_request: several;
// invalid_token: no Bearer.
Result<Credential> credential_of(const http::Request& request);

// Somebody whose credential is good, or a guest.
struct Caller {
  flags::Viewer viewer;                        // of a service that asks for a client: the client
  std::optional<auth::Principal> principal{};  // of a user
  users::ServiceKeyRef key{};                  // of a service
  flags::ClientKeyRef client_key{};            // of a client

  static Caller guest() { return {}; }
  static Caller of(auth::Principal principal);
  static Caller of(users::ServiceKeyRef key);
  static Caller of(flags::ClientKeyRef key);
  // The service as itself, whoever it asks for. It lives as long as the caller.
  flags::Viewer service() const noexcept;
  // From here on the service asks for this client.
  void ask_for(std::int64_t client_id) noexcept;

  // The same text for the same rights: "user:7:<login>". The login or the key is part of it because the token
  // of a stream ends with that.
  std::string text() const;
  // As the list of connections has it.
  hub::Identity identity() const;
};

}  // namespace corohub::gateway::ofrep
