// How many connections each address has, IPv6 by its /64, so that one address cannot take all there are. One
// mutex, taken when a connection comes and when it goes. Safe from any thread.
#pragma once

#include "auth/rate_limit.hpp"

#include <cstddef>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>

namespace corohub::http {

class ConnectionCounts {
 public:
  explicit ConnectionCounts(std::size_t per_address) noexcept : per_address_(per_address) {}

  // Given back in its destructor, which must run before that of the counts. Movable.
  class Place {
   public:
    Place() = default;
    Place(Place&& other) noexcept
        : counts_(std::exchange(other.counts_, nullptr)), key_(std::move(other.key_)) {}
    Place& operator=(Place&& other) noexcept {
      std::swap(counts_, other.counts_);
      std::swap(key_, other.key_);
      return *this;
    }
    ~Place() {
      if (counts_ != nullptr) counts_->give_back(key_);
    }

   private:
    friend class ConnectionCounts;
    Place(ConnectionCounts& counts, std::string key) noexcept : counts_(&counts), key_(std::move(key)) {}

    ConnectionCounts* counts_ = nullptr;
    std::string key_;
  };

  // Takes a place; nothing: this address has enough.
  std::optional<Place> take(const boost::asio::ip::address& address) {
    std::string key = auth::rate_key(address);
    const std::scoped_lock lock(mutex_);
    std::size_t& count = by_address_[key];
    if (count >= per_address_) return std::nullopt;
    ++count;
    return Place(*this, std::move(key));
  }

 private:
  void give_back(const std::string& key) noexcept {
    const std::scoped_lock lock(mutex_);
    const auto found = by_address_.find(key);
    if (found != by_address_.end() && --found->second == 0) by_address_.erase(found);
  }

  const std::size_t per_address_;  // at least one
  std::mutex mutex_;
  std::unordered_map<std::string, std::size_t> by_address_;
};

}  // namespace corohub::http
