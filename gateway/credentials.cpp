#include "gateway/credentials.hpp"

#include "gateway/wire/upgrade.hpp"
#include "http/text.hpp"

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace corohub::gateway {
namespace {

constexpr std::string_view bearer_prefix = "bearer.";

}  // namespace

Result<std::optional<Credential>> credential_of(const http::Request& request, bool query_token) {
  std::vector<Credential> found;
  bool foreign_scheme = false;  // Authorization is there, and not ours: a site's Basic authentication
  if (request.count("Authorization") > 1 || request.count("X-API-Key") > 1)
    return Error(ErrorCode::invalid_request, "A header with a credential stands there twice.");
  for (const auto& [key, value] : request.query) {
    if (key == "token" && query_token) found.push_back(Credential::of_token(value));
    if (key == "ticket") found.push_back(Credential::of_ticket(value));
  }
  if (std::string_view value = request.header("Authorization"); request.has("Authorization")) {
    foreign_scheme = !http::same_word(http::cut(value, ' '), "bearer");
    if (!foreign_scheme) found.push_back(Credential::of_token(std::string(http::trim_blanks(value))));
  }
  if (request.has("X-API-Key"))
    found.push_back(Credential::of_token(std::string(http::trim_blanks(request.header("X-API-Key")))));
  for (const std::string_view name : offered_protocols(request).value_or(std::vector<std::string_view>()))
    if (name.starts_with(bearer_prefix))
      found.push_back(Credential::of_token(std::string(name.substr(bearer_prefix.size()))));

  if (found.size() > 1) return Error(ErrorCode::invalid_request, "Give one credential, once.");
  if (!found.empty()) return std::optional<Credential>(std::move(found.front()));
  if (foreign_scheme) return Error(ErrorCode::invalid_token, "Authorization must be a Bearer token.");
  return std::optional<Credential>();
}

}  // namespace corohub::gateway
