// What a new password may not be, however long it is: one that every guesser tries first. Pure. Not for a
// password that is only compared.
#pragma once

#include "core/account.hpp"
#include "core/error.hpp"
#include "core/secret.hpp"

#include <string_view>

namespace corohub::users {

// Whether the password is one of the commonest 10,000, without regard to case.
bool is_common_password(std::string_view password);

// Whether the password is the name, the e-mail address or the part before its @, without regard to case.
bool is_own_word(std::string_view password, std::string_view name, std::string_view email);

// validation_failed at `field` ("/new_password") when the password is a word of this account's own.
Result<> check_not_own_word(const Secret& password, const Account& account, std::string_view field);

}  // namespace corohub::users
