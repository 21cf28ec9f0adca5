// Who asks for flags, and what that one is in a namespace, on which its rights depend. Pure.
#pragma once

#include "core/account.hpp"
#include "core/clock.hpp"
#include "flags/evaluation/client.hpp"
#include "flags/evaluation/environment.hpp"

#include <cstdint>
#include <span>
#include <string>

namespace corohub::flags {

// A plain value.
struct Viewer {
  enum class Kind : std::uint8_t { guest, user, client, service };

  Kind kind = Kind::guest;
  UserId user_id = 0;                     // of a user
  Role role = Role::user;                 // of a user
  std::int64_t client_id = 0;             // of a client
  std::int64_t service_key = 0;           // of a service
  std::span<const std::string> scopes{};  // of a service, see users::scopes_allow; they outlive the viewer
};

// A viewer in one namespace, at one moment. The namespace, the client and the scopes of the viewer outlive
// it.
class Standing {
 public:
  // `client`: the one that the viewer is in this namespace, or whose user it is; null: none. One that is
  // disabled is none.
  Standing(const Viewer& viewer, const Namespace& name_space, const Client* client, UnixMs now) noexcept;

  const Viewer& viewer() const noexcept { return viewer_; }
  const Namespace& name_space() const noexcept { return *name_space_; }
  const Client* client() const noexcept { return client_; }
  const Package* package() const noexcept { return package_; }  // of the client; null: none
  UnixMs now() const noexcept { return now_; }

  // Whether the viewer may evaluate in the namespace at all.
  bool may_evaluate() const noexcept;
  // And in this environment: a client has but its own.
  bool may_evaluate(const Environment& environment) const noexcept;
  // The client's environment, or the default one.
  const Environment& home() const noexcept;
  // Whether the viewer knows of the flag. A service sees all. Others see it if it is visible to clients, its
  // parent is seen and, behind a package, it is granted.
  bool sees(const Flag& flag) const noexcept;
  // By an override that holds, else by the package; without an active client nothing is.
  bool is_granted(const FlagIdentity& flag) const noexcept;
  // What the package says of a flag that is granted, by whatever; null: nothing.
  const json::object* limits_of(const FlagIdentity& flag) const noexcept;

 private:
  Viewer viewer_;
  const Namespace* name_space_;
  const Client* client_;
  const Package* package_ = nullptr;
  UnixMs now_;
};

}  // namespace corohub::flags
