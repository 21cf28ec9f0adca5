// How many requests one caller may make: a caller who proves to be a user is counted as that user, everybody
// else by address. Safe from any thread.
#pragma once

#include "auth/rate_limit.hpp"
#include "core/account.hpp"
#include "core/error.hpp"

namespace corohub::http {

class RequestRate {
 public:
  RequestRate(auth::Rate rate, const Clock& clock) : buckets_(rate, clock) {}

  // Takes one request; rate_limited.
  Result<> take(UserId user) { return take("user:" + std::to_string(user)); }
  Result<> take(const boost::asio::ip::address& caller) { return take(auth::rate_key(caller)); }
  // Gives back a request that another bucket pays for.
  void give_back(const boost::asio::ip::address& caller) { buckets_.give_back(auth::rate_key(caller)); }

 private:
  Result<> take(const std::string& key) {
    const auth::RateDecision decision = buckets_.take(key);
    if (decision.allowed) return {};
    return Error(ErrorCode::rate_limited, "Too many requests.")
        .retry_in(decision.retry_after)
        .limited_to(decision.limit);
  }

  auth::RateLimiter buckets_;
};

}  // namespace corohub::http
