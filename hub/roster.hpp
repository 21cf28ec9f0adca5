// Who is connected, counted: by role for /ws/stats, by user and address for the caps. One mutex, touched at
// connect, disconnect and role change, never per delivery. Safe from any thread.
#pragma once

#include "core/account.hpp"
#include "core/error.hpp"

#include <array>
#include <cstddef>
#include <mutex>
#include <unordered_map>

#include <boost/asio/ip/address.hpp>

namespace corohub::hub {

struct RosterLimits {
  std::size_t sockets_per_user = 20;
  std::size_t sockets_per_address = 1000;  // IPv6: per /64
  std::size_t sockets_total = 20'000;

  // Guests hold at most this part of all places, so that users find one however many guests there are.
  static constexpr std::size_t share_of_guests = 4;
  std::size_t guests_total() const noexcept { return sockets_total / share_of_guests; }
};

struct RosterCounts {
  std::size_t total = 0;
  std::array<std::size_t, role_count> by_role{};
};

class Roster {
 public:
  explicit Roster(RosterLimits limits) noexcept : limits_(limits) {}

  // A place that a connection has taken. It is given back when the admission dies, which must be before the
  // roster dies. Movable.
  class Admission;

  // Checks and counts in one step: too_many_connections (per user, per address) or overloaded (total), with a
  // random retry_after of 1 to 10 s. `user` 0: a principal that is no user, capped by address alone. `exempt`
  // skips the checks, not the counting. A place is counted by role only from enter() on.
  Result<Admission> admit(UserId user, const boost::asio::ip::address& address, bool exempt);

  RosterCounts counts() const;
  std::size_t places() const;  // taken, entered or not

 private:
  using AddressKey = std::array<unsigned char, 17>;
  struct AddressHash {
    std::size_t operator()(const AddressKey& key) const noexcept;
  };

  static AddressKey key_of(const boost::asio::ip::address& address) noexcept;

  const RosterLimits limits_;
  mutable std::mutex mutex_;
  std::size_t places_ = 0;
  std::size_t guests_ = 0;
  RosterCounts counts_;
  std::unordered_map<UserId, std::size_t> by_user_;
  std::unordered_map<AddressKey, std::size_t, AddressHash> by_address_;
};

class Roster::Admission {
 public:
  Admission() = default;
  Admission(Admission&& other) noexcept;
  Admission& operator=(Admission&& other) noexcept;
  ~Admission();

  // The place is a guest's from here on. overloaded: guests have as many as they may, unless it is exempt.
  Result<> become_guest(bool exempt);
  void enter(Role role) noexcept;   // registered: counts in /ws/stats
  void change(Role role) noexcept;  // the user's role is another one now
  void leave() noexcept;            // no longer counts in /ws/stats, the place is kept

 private:
  friend class Roster;
  Admission(Roster& roster, UserId user, AddressKey address) noexcept;

  Roster* roster_ = nullptr;
  UserId user_ = 0;
  AddressKey address_{};
  Role role_ = Role::user;
  bool entered_ = false;
  bool is_guest_ = false;
};

}  // namespace corohub::hub
