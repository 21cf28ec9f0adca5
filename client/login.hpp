// Who speaks to the server: logging in, and a token that is renewed when it has expired.
#pragma once

#include "client/credentials.hpp"
#include "client/http_client.hpp"
#include "core/secret.hpp"

#include <cstdint>
#include <optional>
#include <string>

namespace corohub::client {

struct LoggedIn {
  StoredLogin login;
  std::string name;
  std::string role;
};

Attempt<LoggedIn> log_in(HttpClient& client, const std::string& email, const Secret& password);

// The token of a command: one that was given, or that of the stored login, which can be renewed.
class TokenSource {
 public:
  explicit TokenSource(Secret given) : token_(std::move(given)) {}
  TokenSource(CredentialFile file, StoredLogin login)
      : file_(std::move(file)), token_(std::move(login.access_token)) {}

  const Secret& token() const noexcept { return token_; }
  // Gets another token after a 401: one that another process has fetched meanwhile, or one in exchange for
  // the refresh token. refused: there is no refresh token, or it is no good any more.
  Attempt<> renew(HttpClient& client);

 private:
  std::optional<CredentialFile> file_;
  Secret token_;
};

// HttpClient::ask with the source's token, repeated once with another token after a 401.
Attempt<std::string> ask_as(HttpClient& client, TokenSource& source, const Request& request);

}  // namespace corohub::client
