#include "auth/rate_limit.hpp"

#include "core/random.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <list>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <unordered_map>
#include <utility>

#include <sodium.h>

namespace corohub::auth {
namespace {

constexpr std::size_t stripe_count = 16;

using Nanoseconds = std::chrono::nanoseconds;

std::chrono::seconds round_up(Nanoseconds time) { return std::chrono::ceil<std::chrono::seconds>(time); }

// A bucket is one moment (GCRA): when it will be full again. The moment is kept in whole nanoseconds, so
// nothing drifts.
struct Bucket {
  std::uint64_t key;
  SteadyTime full_at;
};

// A share of the keys. The buckets stand in the order of their last use, the latest first.
struct Stripe {
  std::mutex mutex;
  std::list<Bucket> buckets;
  std::unordered_map<std::uint64_t, std::list<Bucket>::iterator> index;

  Bucket* find(std::uint64_t key) {
    const auto found = index.find(key);
    if (found == index.end()) return nullptr;
    buckets.splice(buckets.begin(), buckets, found->second);
    return &buckets.front();
  }

  // A full bucket for a new key. When there are enough buckets, the least recently used one gives way.
  Bucket& add(std::uint64_t key, std::size_t buckets_max, SteadyTime now) {
    if (buckets.size() >= buckets_max) {
      index.erase(buckets.back().key);
      buckets.pop_back();
    }
    buckets.push_front({key, now});
    index.emplace(key, buckets.begin());
    return buckets.front();
  }
};

}  // namespace

struct RateLimiter::State {
  State(Rate rate, const Clock& time, std::size_t keys_max)
      : clock(time),
        per_token(std::max<std::int64_t>(
            1, std::llround(static_cast<double>(Nanoseconds(rate.per).count()) / rate.tokens))),
        capacity(std::llround(static_cast<double>(per_token.count()) * rate.burst)),
        stripe_keys_max(std::max<std::size_t>(1, keys_max / stripe_count)) {
    random_bytes(hash_key.data(), hash_key.size());
  }

  // Keys are kept as keyed hashes: 8 bytes whatever a stranger sends, and strangers cannot make them collide.
  std::uint64_t shorten(std::string_view key) const noexcept {
    std::array<unsigned char, crypto_shorthash_BYTES> out{};
    crypto_shorthash(out.data(), reinterpret_cast<const unsigned char*>(key.data()), key.size(),
                     hash_key.data());
    std::uint64_t value = 0;
    for (const unsigned char byte : out) value = value << 8 | byte;
    return value;
  }
  Stripe& stripe(std::uint64_t key) noexcept { return stripes[key % stripe_count]; }

  const Clock& clock;
  const Nanoseconds per_token;
  const Nanoseconds capacity;
  const std::size_t stripe_keys_max;
  std::array<unsigned char, crypto_shorthash_KEYBYTES> hash_key{};
  std::array<Stripe, stripe_count> stripes;
};

std::optional<Error> RateDecision::refusal(std::string detail) const {
  if (allowed) return std::nullopt;
  return Error(ErrorCode::rate_limited, std::move(detail)).retry_in(retry_after).limited_to(limit);
}

RateLimiter::RateLimiter(Rate rate, const Clock& clock, std::size_t keys_max) {
  if (!(rate.tokens > 0) || rate.per.count() <= 0 || !(rate.burst >= 1))
    throw std::invalid_argument("a rate needs tokens, a time and a burst of at least one");
  impl_ = std::make_unique<State>(rate, clock, keys_max);
}
RateLimiter::~RateLimiter() = default;

RateDecision RateLimiter::take(std::string_view key, std::int64_t tokens) {
  const Nanoseconds cost = impl_->per_token * tokens;
  const SteadyTime now = impl_->clock.steady();
  const std::uint64_t hash = impl_->shorten(key);
  Stripe& stripe = impl_->stripe(hash);
  Nanoseconds missing{};  // in the bucket, as the time to refill it
  RateDecision decision;
  {
    const std::lock_guard lock(stripe.mutex);
    Bucket* bucket = stripe.find(hash);
    if (bucket == nullptr) bucket = &stripe.add(hash, impl_->stripe_keys_max, now);
    missing = std::max(bucket->full_at - now, Nanoseconds(0));
    decision.allowed = missing + cost <= impl_->capacity;
    if (decision.allowed) {
      missing += cost;
      bucket->full_at = now + missing;
    }
  }
  decision.limit = static_cast<std::uint64_t>(impl_->capacity / impl_->per_token);
  decision.remaining = static_cast<std::uint64_t>((impl_->capacity - missing) / impl_->per_token);
  decision.reset = round_up(missing);
  if (!decision.allowed) decision.retry_after = round_up(missing + cost - impl_->capacity);
  return decision;
}

void RateLimiter::give_back(std::string_view key, std::int64_t tokens) {
  const std::uint64_t hash = impl_->shorten(key);
  Stripe& stripe = impl_->stripe(hash);
  const std::lock_guard lock(stripe.mutex);
  if (Bucket* bucket = stripe.find(hash)) bucket->full_at -= impl_->per_token * tokens;
}

// --- addresses ---

namespace {

using boost::asio::ip::address;
using boost::asio::ip::address_v6;

constexpr unsigned mapped_bits = 96;  // ::ffff:0:0/96, IPv4 inside IPv6

address_v6 as_v6(const address& any) {
  return any.is_v6() ? any.to_v6()
                     : boost::asio::ip::make_address_v6(boost::asio::ip::v4_mapped, any.to_v4());
}

void clear_after(std::array<unsigned char, 16>& bytes, unsigned bits) {
  for (unsigned i = 0; i < bytes.size(); ++i) {
    const unsigned kept = bits > i * 8 ? std::min(8U, bits - i * 8) : 0;
    bytes[i] = static_cast<unsigned char>(bytes[i] & (0xff00U >> kept));
  }
}

// The address cut after so many bits, by its version.
std::string network_of(const address_v6& wide, unsigned bits_v4, unsigned bits_v6) {
  const bool is_v4 = wide.is_v4_mapped();
  std::array<unsigned char, 16> bytes = wide.to_bytes();
  clear_after(bytes, is_v4 ? mapped_bits + bits_v4 : bits_v6);
  const address_v6 network(bytes);
  if (!is_v4) return network.to_string() + "/" + std::to_string(bits_v6);
  return boost::asio::ip::make_address_v4(boost::asio::ip::v4_mapped, network).to_string() + "/" +
         std::to_string(bits_v4);
}

std::optional<unsigned> parse_bits(std::string_view text, unsigned bits_max) {
  unsigned bits = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), bits);
  if (error != std::errc() || end != text.data() + text.size() || bits > bits_max) return std::nullopt;
  return bits;
}

}  // namespace

std::string rate_key(const address& any) {
  const address_v6 wide = as_v6(any);
  if (wide.is_v4_mapped())
    return boost::asio::ip::make_address_v4(boost::asio::ip::v4_mapped, wide).to_string();
  return network_of(wide, 0, 64);
}

std::string network_key(const address& any) { return network_of(as_v6(any), 24, 64); }

std::string region_key(const address& any) { return network_of(as_v6(any), 16, 48); }

Result<CidrList> CidrList::parse(const std::vector<std::string>& texts) {
  CidrList list;
  for (const std::string& text : texts) {
    const std::size_t slash = text.find('/');
    boost::system::error_code failed;
    const address parsed = boost::asio::ip::make_address(text.substr(0, slash), failed);
    const bool scoped = !failed && parsed.is_v6() && parsed.to_v6().scope_id() != 0;
    const unsigned bits_max = parsed.is_v4() ? 32 : 128;
    const std::optional<unsigned> bits = slash == std::string::npos
                                             ? bits_max
                                             : parse_bits(std::string_view(text).substr(slash + 1), bits_max);
    if (failed || scoped || !bits)
      return Error(ErrorCode::invalid_request, "\"" + text + "\" is neither an address nor a network.");
    Network network{as_v6(parsed).to_bytes(), *bits + (parsed.is_v4() ? mapped_bits : 0)};
    clear_after(network.prefix, network.bits);
    list.networks_.push_back(network);
  }
  return list;
}

bool CidrList::contains(const address& any) const noexcept {
  const address_v6 wide = as_v6(any);
  // "::/0" means all of IPv6, but no IPv4.
  const unsigned bits_min = wide.is_v4_mapped() ? mapped_bits : 0;
  return std::ranges::any_of(networks_, [&](const Network& network) {
    std::array<unsigned char, 16> bytes = wide.to_bytes();
    clear_after(bytes, network.bits);
    return network.bits >= bits_min && bytes == network.prefix;
  });
}

}  // namespace corohub::auth
