// What a new password may not be, however long it is: one that everybody tries first. Pure. Never asked of a
// password that is only tried.
#pragma once

#include "core/account.hpp"
#include "core/error.hpp"
#include "core/secret.hpp"

#include <string_view>

namespace corohub::users {

// One of the commonest 10,000, without regard to case.
bool is_common_password(std::string_view password);

// The name, the e-mail address or what stands before its @, without regard to case.
bool is_own_word(std::string_view password, std::string_view name, std::string_view email);

// validation_failed at `field` ("/new_password") when it is a word of this account's own.
Result<> check_not_own_word(const Secret& password, const Account& account, std::string_view field);

}  // namespace corohub::users
