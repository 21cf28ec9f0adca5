// The events of accounts, as docs/PROTOCOL.md lists them: who gets them and what they say. Pure.
#pragma once

#include "core/account.hpp"
#include "hub/event.hpp"

#include <optional>
#include <string_view>
#include <vector>

namespace corohub::users {

// Which of `name email age status` have changed, in that order.
using Changes = std::vector<std::string_view>;

// Who has made the change; null: the command line.
using Actor = std::optional<UserId>;

hub::EventDraft user_created(const Account& account);
hub::EventDraft user_updated(const Account& account, const Changes& changes, Actor by);
hub::EventDraft profile_updated(const Account& account, const Changes& changes);
hub::EventDraft user_deleted(const Account& account, Actor by, UnixMs at);
hub::EventDraft user_role_changed(const Account& account, Role before, Actor by, UnixMs at);
hub::EventDraft password_changed(UserId user, UnixMs at);

}  // namespace corohub::users
