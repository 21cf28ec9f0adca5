// The logins of this user, by server, in a file that only the user can read. Several processes may use it at
// once.
#pragma once

#include "core/secret.hpp"

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <stdexcept>
#include <string>

namespace corohub::client {

struct StoredLogin {
  std::string email;
  std::int64_t user_id = 0;
  Secret access_token{};
  Secret refresh_token{};
};

// The file cannot be used; what() is one line.
struct CredentialError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

class CredentialFile {
 public:
  // $XDG_CONFIG_HOME/corohub/credentials.json, or below $HOME/.config. Throws CredentialError without
  // both.
  static std::filesystem::path default_path();

  explicit CredentialFile(std::filesystem::path path) : path_(std::move(path)) {}

  // The login for a server, whose address is as ServerUrl::text() writes it. Throws CredentialError for a
  // file that is damaged or that others can read.
  std::optional<StoredLogin> find(const std::string& server) const;
  // Stores a login under the lock. The file becomes 0600, its directory 0700. Throws CredentialError.
  void save(const std::string& server, const StoredLogin& login);

  // Held while a refresh token is exchanged for its successor: of two processes that refresh at once, one
  // would be taken for a thief.
  class Lock {
   public:
    explicit Lock(const CredentialFile& file);
    ~Lock();
    Lock(const Lock&) = delete;
    Lock& operator=(const Lock&) = delete;

   private:
    int descriptor_;
  };

 private:
  using Logins = std::map<std::string, StoredLogin>;
  Logins load() const;
  void store(const Logins& logins) const;

  std::filesystem::path path_;
};

}  // namespace corohub::client
