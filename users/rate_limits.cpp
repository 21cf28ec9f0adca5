#include "users/rate_limits.hpp"

#include "auth/policy.hpp"

namespace corohub::users {
namespace {

std::string address_key(const http::Context& context) { return auth::rate_key(context.request.peer); }

std::string user_key(const http::Context& context) { return std::to_string(context.principal->user_id()); }

// A user who asks with a login must not suffer for what strangers at the same address try.
std::string prover_key(const http::Context& context) {
  return context.principal ? "user " + user_key(context) : address_key(context);
}

// What user.updated and profile.updated take, as events and as rows.
constexpr std::int64_t account_change_bytes = 1536;

std::optional<Error> take(auth::RateLimiter& limiter, bool exempt, std::string_view key,
                          std::int64_t tokens = 1) {
  if (exempt) return std::nullopt;
  return limiter.take(key, tokens).refusal("Too many requests of this kind.");
}

// Takes from both buckets or from neither.
std::optional<Error> take_both(auth::RateLimiter& first, auth::RateLimiter& second, bool exempt,
                               const std::string& key) {
  if (std::optional<Error> refusal = take(first, exempt, key)) return refusal;
  std::optional<Error> refusal = take(second, exempt, key);
  if (refusal) first.give_back(key);
  return refusal;
}

}  // namespace

RateLimits::RateLimits(const UsersSettings& settings, const Clock& clock)
    : failures_minute_(settings.login_failures_minute, clock),
      failures_hour_(settings.login_failures_hour, clock),
      registrations_burst_(settings.registrations_burst, clock),
      registrations_hour_(settings.registrations_hour, clock),
      refreshes_(settings.refreshes, clock),
      tickets_(settings.tickets, clock),
      password_changes_(settings.password_changes, clock),
      durable_bytes_(settings.durable_bytes, clock),
      admin_writes_(settings.admin_writes, clock) {}

std::optional<Error> RateLimits::password_attempt(const http::Context& context) {
  return take_both(failures_minute_, failures_hour_, context.exempt, prover_key(context));
}

void RateLimits::give_back_password_attempt(const http::Context& context) {
  give_back_attempt(prover_key(context), context.exempt);
}

std::optional<Error> RateLimits::password_attempt(const boost::asio::ip::address& address, bool exempt) {
  return take_both(failures_minute_, failures_hour_, exempt, auth::rate_key(address));
}

void RateLimits::give_back_password_attempt(const boost::asio::ip::address& address, bool exempt) {
  give_back_attempt(auth::rate_key(address), exempt);
}

void RateLimits::give_back_attempt(const std::string& key, bool exempt) {
  if (exempt) return;
  failures_minute_.give_back(key);
  failures_hour_.give_back(key);
}

std::optional<Error> RateLimits::registration(const http::Context& context) {
  return take_both(registrations_burst_, registrations_hour_, context.exempt, address_key(context));
}

std::optional<Error> RateLimits::refresh(const http::Context& context, const SessionId& session) {
  return take(refreshes_, context.exempt, session.text());
}

std::optional<Error> RateLimits::ticket(const http::Context& context) {
  return take(tickets_, context.exempt, user_key(context));
}

std::optional<Error> RateLimits::password_change(const http::Context& context) {
  return take(password_changes_, context.exempt, user_key(context));
}

std::optional<Error> RateLimits::account_change(const http::Context& context) {
  if (auth::is_admin(context.principal->role())) return std::nullopt;
  return take(durable_bytes_, context.exempt, user_key(context), account_change_bytes);
}

std::optional<Error> RateLimits::admin_write(const http::Context& context) {
  return take(admin_writes_, context.exempt, user_key(context));
}

}  // namespace corohub::users
