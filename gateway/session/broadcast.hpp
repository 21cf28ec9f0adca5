// A message that an administrator sends to all, to a role or to one user: what it may be, and the unit that
// sends it.
#pragma once

#include "core/error.hpp"
#include "core/json.hpp"
#include "hub/event.hpp"
#include "storage/unit_of_work.hpp"
#include "storage/writer.hpp"
#include "users/caller.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace corohub::gateway {

struct Broadcast {
  std::string message;
  std::string_view priority = "normal";
  std::optional<std::string> metadata;  // JSON text as it was given
  hub::Audience audience = hub::Audience::everyone();
  std::optional<UserId> user;  // the only one it goes to
  std::optional<Role> role;    // the only ones it goes to
};

// Of {"message","priority","metadata","to"}; `text` is the text of these members. validation_failed.
Result<Broadcast> read_broadcast(const json::object& members, const std::string& text);

// On the writer's thread: the right, the trail, the event. invalid_token and forbidden if the sender is no
// administrator any more.
class BroadcastUnit {
 public:
  // `sender` is a user.
  BroadcastUnit(const Broadcast& broadcast, users::Caller sender);
  Result<storage::Nothing> operator()(storage::UnitOfWork& work);

 private:
  users::Caller sender_;
  hub::EventDraft alert_;
  std::optional<UserId> target_;
  json::object detail_;
};

}  // namespace corohub::gateway
