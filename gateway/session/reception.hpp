// Who may have a connection: how often somebody connects, and how many places there are. It also knows the
// connections that are no members of the hub, so that a drain finds them. Safe from any thread.
#pragma once

#include "auth/rate_limit.hpp"
#include "core/task.hpp"
#include "hub/roster.hpp"

#include <atomic>
#include <cstddef>
#include <memory>
#include <mutex>
#include <optional>
#include <string_view>
#include <unordered_map>

#include <boost/asio/ip/address.hpp>

namespace corohub::gateway {

// A connection that the hub does not know: a session nobody has identified, a mirror of /ws/echo.
class Outsider {
 public:
  // The server stops. On the outsider's own thread.
  virtual void send_away() noexcept = 0;

 protected:
  ~Outsider() = default;
};

// All outsiders of the process. Safe from any thread.
class Outsiders {
 public:
  // `keeps` is the outsider's own life; `home` runs its thread.
  void add(Outsider& outsider, std::weak_ptr<void> keeps, asio::io_context& home);
  void remove(const Outsider& outsider) noexcept;
  // Sends all of them away, also those who come later.
  void send_away_all();
  std::size_t size() const;

 private:
  struct Entry {
    std::weak_ptr<void> keeps;
    asio::io_context* home;
  };
  static void send_away(Outsider& outsider, const Entry& entry);

  mutable std::mutex mutex_;
  std::unordered_map<const Outsider*, Entry> all_;
  bool closing_ = false;
};

struct ReceptionRates {
  auth::Rate connects_per_address{60, std::chrono::minutes(1), 120};
  auth::Rate connects_total{500, std::chrono::seconds(1), 1000};
};

class Reception {
 public:
  // Sessions that nobody has identified, at a time.
  static constexpr std::size_t unidentified_max = 1000;

  Reception(hub::Roster& roster, const ReceptionRates& rates, const Clock& clock)
      : roster_(roster),
        connects_(rates.connects_per_address, clock),
        connects_total_(rates.connects_total, clock) {}

  // A place for this user. rate_limited: it connects too often; overloaded: too many connect at once, or all
  // places are taken; too_many_connections: of the user or the address.
  Result<hub::Roster::Admission> admit(UserId user, const boost::asio::ip::address& address, bool exempt);
  // A place for somebody who is no user: a guest, or a service with its key. It counts by its address alone.
  // Errors as of admit().
  Result<hub::Roster::Admission> admit_nobody(const boost::asio::ip::address& address, bool exempt);
  // A place for somebody who has yet to say who it is. overloaded, too_many_connections.
  Result<hub::Roster::Admission> admit_stranger(const boost::asio::ip::address& address, bool exempt);
  // Somebody who has a place as a stranger says nothing of itself and stays. Errors as of admit_nobody(), and
  // overloaded when guests have as many places as they may.
  Result<> accept_guest(hub::Roster::Admission& place, const boost::asio::ip::address& address, bool exempt);
  // Somebody at this address has proved to be nobody. rate_limited.
  std::optional<Error> count_failure(const boost::asio::ip::address& address, bool exempt);

  Outsiders& outsiders() noexcept { return outsiders_; }
  const Outsiders& outsiders() const noexcept { return outsiders_; }

 private:
  std::optional<Error> over_rate(std::string_view who);

  hub::Roster& roster_;
  auth::RateLimiter connects_;  // by user; by address of those who prove to be nobody
  auth::RateLimiter connects_total_;
  Outsiders outsiders_;
};

}  // namespace corohub::gateway
