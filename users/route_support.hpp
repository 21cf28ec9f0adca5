// What the routes of this room have in common: who calls, how a login is answered, where a reader may go on.
#pragma once

#include "auth/password_login.hpp"
#include "http/router.hpp"
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

// The caller as audit rows and the list of logins name them.
Caller caller_of(const Context& context);
Caller caller_of(const auth::PasswordLogin::Caller& caller);

// The answer with its position: that of the event it caused, else where the state it shows was known to be.
Response at_position(const Services& services, Response response, Seq seq);

// CONTRACT section 2, "login's data".
Response login_answer(const Services& services, const storage::Committed<Login>& login, int status);

json::object to_json(const SessionRow& session);
// The list of somebody's logins; `current` is the caller's own.
Response sessions_answer(const std::vector<SessionRow>& sessions, const SessionId& current);

// True for an error that is a failed attempt to prove who one is, and counts as one.
bool is_failed_proof(const Error& error) noexcept;

}  // namespace corohub::users
