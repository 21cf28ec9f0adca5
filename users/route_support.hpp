// What the routes of this room have in common: who calls, how a login is answered, and from which position a
// reader may go on.
#pragma once

#include "auth/password_login.hpp"
#include "http/router.hpp"
#include "users/request_caller.hpp"
#include "users/services.hpp"

#include <memory>
#include <optional>
#include <string_view>
#include <utility>

namespace corohub::users {

using http::Access;
using http::Context;
using http::fail;
using http::Method;
using http::Response;

// One handler: a coroutine over the services, which outlive the router's handlers.
using RouteFunction = Task<Response> (*)(Services&, Context&);
using PromptFunction = std::optional<Response> (*)(Services&, Context&);  // see http::PromptHandler

class Routes {
 public:
  Routes(http::Router& router, std::shared_ptr<Services> services)
      : router_(router), services_(std::move(services)) {}

  void add(Method method, std::string_view pattern, Access access, RouteFunction function,
           PromptFunction prompt = nullptr) {
    http::PromptHandler at_once;
    if (prompt != nullptr)
      at_once = [services = services_, prompt](Context& context) { return prompt(*services, context); };
    router_.add(
        method, std::string(pattern), access,
        [services = services_, function](Context& context) { return function(*services, context); },
        std::move(at_once));
  }

 private:
  http::Router& router_;
  std::shared_ptr<Services> services_;
};

void add_auth_routes(Routes& routes);     // /api/v1/auth/…, /api/v1/setup
void add_profile_routes(Routes& routes);  // /api/v1/users/me…
void add_admin_routes(Routes& routes);    // /api/v1/admin/users…, /api/v1/admin/audit

// The caller of a command that is no request of HTTP; for requests: users/request_caller.hpp.
Caller caller_of(const auth::PasswordLogin::Caller& caller);

// Adds the position: that of the event which the request caused, else the one at which the shown state was
// known.
Response at_position(const Services& services, Response response, Seq seq);

// What registering, logging in and refreshing answer: the account, its tokens and their life.
Response login_answer(const Services& services, const storage::Committed<Login>& login, int status);

json::object to_json(const LoginRow& session);
// The list of a user's logins; `current` is the caller's own.
Response logins_answer(const std::vector<LoginRow>& sessions, const SessionId& current);

// Whether the error is a failed attempt to prove who the caller is, and counts as one.
bool is_failed_proof(const Error& error) noexcept;

}  // namespace corohub::users
