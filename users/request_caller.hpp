// Who makes a request, as audit rows and the list of logins name the caller.
#pragma once

#include "http/router.hpp"
#include "users/caller.hpp"

namespace corohub::users {

Caller caller_of(const http::Context& context);

}  // namespace corohub::users
