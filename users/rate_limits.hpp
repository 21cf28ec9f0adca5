// How often whom is allowed what, over the buckets of auth. A refusal is a rate_limited Error. Exempt callers
// are never counted. Safe from any shard's thread.
#pragma once

#include "auth/rate_limit.hpp"
#include "core/error.hpp"
#include "http/router.hpp"
#include "users/users.hpp"

#include <optional>
#include <string>

#include <boost/asio/ip/address.hpp>

namespace corohub::users {

class RateLimits {
 public:
  RateLimits(const UsersSettings& settings, const Clock& clock);

  // One attempt to prove a password, counted by the address, or by the user if the request comes with a
  // login. It is taken before it is known to fail, so that a storm in parallel gets no further than one
  // attempt after the other. Give it back when the attempt did not fail.
  std::optional<Error> password_attempt(const http::Context& context);
  void give_back_password_attempt(const http::Context& context);
  // The same for an attempt that is no request.
  std::optional<Error> password_attempt(const boost::asio::ip::address& address, bool exempt);
  void give_back_password_attempt(const boost::asio::ip::address& address, bool exempt);

  std::optional<Error> registration(const http::Context& context);
  std::optional<Error> refresh(const http::Context& context, const SessionId& session);
  std::optional<Error> ticket(const http::Context& context);
  std::optional<Error> password_change(const http::Context& context);
  // A change of one's own account adds an event or two to the log that all share.
  std::optional<Error> account_change(const http::Context& context);
  std::optional<Error> admin_write(const http::Context& context);

 private:
  void give_back_attempt(const std::string& key, bool exempt);

  auth::RateLimiter failures_minute_;
  auth::RateLimiter failures_hour_;
  auth::RateLimiter registrations_burst_;
  auth::RateLimiter registrations_hour_;
  auth::RateLimiter refreshes_;
  auth::RateLimiter tickets_;
  auth::RateLimiter password_changes_;
  auth::RateLimiter durable_bytes_;
  auth::RateLimiter admin_writes_;
};

}  // namespace corohub::users
