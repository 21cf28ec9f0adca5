#include "gateway/stomp/credentials.hpp"

#include "gateway/session/entrant.hpp"

#include <algorithm>
#include <string>
#include <string_view>

namespace corohub::gateway::stomp {
namespace {

bool is_same_word(std::string_view a, std::string_view b) noexcept {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; };
  return std::ranges::equal(a, b, {}, lower, lower);
}

std::optional<std::string_view> authorization(const Headers& headers) noexcept {
  const auto found = std::ranges::find_if(headers.all(), [](const Headers::Header& header) {
    return is_same_word(header.first, "authorization");
  });
  if (found == headers.all().end() || found->second.empty()) return std::nullopt;
  return found->second;
}

// A key, or three parts of base64url: a JWT. Nobody has such a password.
bool looks_like_a_token(std::string_view text) noexcept {
  if (looks_like_key(text)) return true;
  constexpr std::size_t bytes_min = 40;
  const auto belongs = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_' || c == '.';
  };
  return text.size() >= bytes_min && text.starts_with("eyJ") && std::ranges::count(text, '.') == 2 &&
         std::ranges::all_of(text, belongs);
}

}  // namespace

std::optional<Understood<Credential>> read_credential(const ClientFrame& frame) {
  constexpr std::string_view scheme = "bearer ";
  const std::optional<std::string_view> header = authorization(frame.headers);
  const bool is_connect = frame.command == ClientCommand::connect;
  const std::string_view passcode = is_connect ? frame.headers.value("passcode") : std::string_view();
  if (header && !passcode.empty()) return Refusal{"invalid_request", "One credential is enough."};
  if (header) {
    if (!is_same_word(header->substr(0, scheme.size()), scheme))
      return Refusal{"invalid_token", "authorization is a Bearer token."};
    return Credential::of_token(std::string(header->substr(scheme.size())));
  }
  if (passcode.empty()) return std::nullopt;
  const std::string_view login = frame.headers.value("login");
  if (login.empty() || looks_like_a_token(passcode)) return Credential::of_token(std::string(passcode));
  return Credential::of_password(std::string(login), Secret(std::string(passcode)));
}

}  // namespace corohub::gateway::stomp
