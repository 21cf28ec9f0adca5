// Token buckets by key on the steady clock. Bounded: the least recently used keys are forgotten. Safe from
// any thread.
#pragma once

#include "core/clock.hpp"
#include "core/error.hpp"

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <boost/asio/ip/address.hpp>

namespace corohub::auth {

struct Rate {
  double tokens = 1;  // refilled evenly over `per`
  std::chrono::milliseconds per{1000};
  double burst = 1;  // most tokens held
};

// What the headers RateLimit-* and Retry-After say.
struct RateDecision {
  bool allowed = true;
  std::uint64_t limit = 0;
  std::uint64_t remaining = 0;
  std::chrono::seconds reset{0};        // until the bucket is full
  std::chrono::seconds retry_after{0};  // until what was asked for is there, rounded up

  // rate_limited, with what the headers say; nothing if it is allowed.
  std::optional<Error> refusal(std::string detail) const;
};

class RateLimiter {
 public:
  explicit RateLimiter(Rate rate, const Clock& clock, std::size_t keys_max = 100'000);
  ~RateLimiter();
  RateLimiter(const RateLimiter&) = delete;
  RateLimiter& operator=(const RateLimiter&) = delete;

  // Takes all of `tokens` or none of them.
  RateDecision take(std::string_view key, std::int64_t tokens = 1);
  // Gives back tokens of a request that should not count after all.
  void give_back(std::string_view key, std::int64_t tokens = 1);

 private:
  struct State;
  std::unique_ptr<State> impl_;
};

// The key of an address: IPv4 as it is (also when mapped into IPv6), IPv6 by its /64.
std::string rate_key(const boost::asio::ip::address& address);

// The network an address belongs to, which neighbours may share: IPv4 by its /24, IPv6 by its /64.
std::string network_key(const boost::asio::ip::address& address);

// The network that one customer of a provider may have alone, at most: IPv4 by its /16, IPv6 by its /48.
std::string region_key(const boost::asio::ip::address& address);

// Addresses and networks by CIDR ("127.0.0.0/8", "::1").
class CidrList {
 public:
  CidrList() = default;
  static Result<CidrList> parse(const std::vector<std::string>& texts);
  bool contains(const boost::asio::ip::address& address) const noexcept;
  bool empty() const noexcept { return networks_.empty(); }

 private:
  struct Network {
    std::array<unsigned char, 16> prefix{};
    unsigned bits = 0;
  };
  std::vector<Network> networks_;
};

}  // namespace corohub::auth
