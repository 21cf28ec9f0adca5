#include "hub/roster.hpp"

#include "core/random.hpp"

#include <algorithm>
#include <chrono>
#include <functional>
#include <string_view>
#include <utility>

namespace corohub::hub {
namespace {

// Clients that were refused together must not come back together.
std::chrono::seconds retry_delay() { return std::chrono::seconds(1 + random_below(10)); }

template <class Map, class Key>
std::size_t count_of(const Map& map, const Key& key) {
  const auto found = map.find(key);
  return found == map.end() ? 0 : found->second;
}

template <class Map, class Key>
void take_one(Map& map, const Key& key) noexcept {
  const auto found = map.find(key);
  if (found != map.end() && --found->second == 0) map.erase(found);
}

}  // namespace

std::size_t Roster::AddressHash::operator()(const AddressKey& key) const noexcept {
  return std::hash<std::string_view>()({reinterpret_cast<const char*>(key.data()), key.size()});
}

Roster::AddressKey Roster::key_of(const boost::asio::ip::address& address) noexcept {
  namespace ip = boost::asio::ip;
  const bool mapped = address.is_v6() && address.to_v6().is_v4_mapped();
  AddressKey key{};
  if (address.is_v4() || mapped) {
    const ip::address_v4 v4 = mapped ? ip::make_address_v4(ip::v4_mapped, address.to_v6()) : address.to_v4();
    key[0] = 4;
    std::ranges::copy(v4.to_bytes(), key.begin() + 1);
    return key;
  }
  // One subscriber has a whole /64.
  key[0] = 6;
  const ip::address_v6::bytes_type bytes = address.to_v6().to_bytes();
  std::copy_n(bytes.begin(), 8, key.begin() + 1);
  return key;
}

Result<Roster::Admission> Roster::admit(UserId user, const boost::asio::ip::address& address, bool exempt) {
  const AddressKey key = key_of(address);
  const std::scoped_lock lock(mutex_);
  if (!exempt) {
    if (places_ >= limits_.sockets_total)
      return Error(ErrorCode::overloaded, "The server has no room for another connection.")
          .retry_in(retry_delay());
    if (count_of(by_address_, key) >= limits_.sockets_per_address)
      return Error(ErrorCode::too_many_connections, "Too many connections from this address.")
          .retry_in(retry_delay())
          .limited_to(limits_.sockets_per_address);
    if (user != 0 && count_of(by_user_, user) >= limits_.sockets_per_user)
      return Error(ErrorCode::too_many_connections, "Too many connections of this user.")
          .retry_in(retry_delay())
          .limited_to(limits_.sockets_per_user);
  }
  ++by_address_[key];
  if (user != 0) ++by_user_[user];
  ++places_;
  return Admission(*this, user, key);
}

RosterCounts Roster::counts() const {
  const std::scoped_lock lock(mutex_);
  return counts_;
}

std::size_t Roster::places() const {
  const std::scoped_lock lock(mutex_);
  return places_;
}

Roster::Admission::Admission(Roster& roster, UserId user, AddressKey address) noexcept
    : roster_(&roster), user_(user), address_(address) {}

Roster::Admission::Admission(Admission&& other) noexcept
    : roster_(std::exchange(other.roster_, nullptr)),
      user_(other.user_),
      address_(other.address_),
      role_(other.role_),
      entered_(std::exchange(other.entered_, false)),
      is_guest_(other.is_guest_) {}

Roster::Admission& Roster::Admission::operator=(Admission&& other) noexcept {
  Admission taken(std::move(other));
  std::swap(roster_, taken.roster_);
  std::swap(user_, taken.user_);
  std::swap(address_, taken.address_);
  std::swap(role_, taken.role_);
  std::swap(entered_, taken.entered_);
  std::swap(is_guest_, taken.is_guest_);
  return *this;
}

Roster::Admission::~Admission() {
  if (roster_ == nullptr) return;
  leave();
  const std::scoped_lock lock(roster_->mutex_);
  take_one(roster_->by_address_, address_);
  if (user_ != 0) take_one(roster_->by_user_, user_);
  --roster_->places_;
  if (is_guest_) --roster_->guests_;
}

Result<> Roster::Admission::become_guest(bool exempt) {
  if (roster_ == nullptr || is_guest_) return {};
  const std::scoped_lock lock(roster_->mutex_);
  if (!exempt && roster_->guests_ >= roster_->limits_.guests_total())
    return Error(ErrorCode::overloaded, "The server has no room for another guest.").retry_in(retry_delay());
  is_guest_ = true;
  ++roster_->guests_;
  return {};
}

void Roster::Admission::enter(Role role) noexcept {
  if (roster_ == nullptr || entered_) return;
  const std::scoped_lock lock(roster_->mutex_);
  entered_ = true;
  role_ = role;
  ++roster_->counts_.total;
  ++roster_->counts_.by_role[static_cast<std::size_t>(role)];
}

void Roster::Admission::change(Role role) noexcept {
  if (!entered_ || role == role_) return;
  const std::scoped_lock lock(roster_->mutex_);
  --roster_->counts_.by_role[static_cast<std::size_t>(role_)];
  ++roster_->counts_.by_role[static_cast<std::size_t>(role)];
  role_ = role;
}

void Roster::Admission::leave() noexcept {
  if (!entered_) return;
  const std::scoped_lock lock(roster_->mutex_);
  entered_ = false;
  --roster_->counts_.total;
  --roster_->counts_.by_role[static_cast<std::size_t>(role_)];
}

}  // namespace corohub::hub
