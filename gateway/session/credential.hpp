// What somebody proves its login with. Plain values; secrets are never logged.
#pragma once

#include "core/secret.hpp"

#include <cstdint>
#include <string>
#include <utility>

namespace corohub::gateway {

struct Credential {
  enum class Kind : std::uint8_t { token, ticket, password };

  static Credential of_token(std::string text) { return {Kind::token, std::move(text), {}, {}}; }
  static Credential of_ticket(std::string text) { return {Kind::ticket, std::move(text), {}, {}}; }
  static Credential of_password(std::string email, Secret secret) {
    return {Kind::password, {}, std::move(email), std::move(secret)};
  }

  Kind kind = Kind::token;
  std::string text{};   // of a token, a key, which counts as one, or a ticket
  std::string email{};  // of a password
  Secret password{};
};

}  // namespace corohub::gateway
