// One-time tickets for opening a socket without a token in the address: 256 bits, 30 s, hashed in memory,
// bounded: when full, the oldest ticket gives way. Safe from any thread.
#pragma once

#include "core/account.hpp"
#include "core/clock.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

namespace corohub::auth {

struct Ticket {
  UserId user_id = 0;
  SessionId session{};
  std::int64_t token_expires_at = 0;  // the connection lives as long as the token the ticket was asked with
  std::string origin;                 // of the asking page; empty: any
  std::string key_id;                 // of that token
};

class TicketStore {
 public:
  static constexpr std::chrono::seconds lifetime{30};

  explicit TicketStore(const Clock& clock, std::size_t tickets_max = 100'000)
      : clock_(clock), tickets_max_(tickets_max) {}

  std::string issue(Ticket ticket);
  // Takes the ticket, so the second caller gets nothing. Nothing as well for an unknown or late ticket, or
  // one that another page has asked for. An empty origin is a request's that names none, and passes.
  std::optional<Ticket> take(std::string_view text, std::string_view origin);

  std::size_t size() const;  // tickets that nobody has taken; late ones leave as others are issued

 private:
  struct Entry {
    Ticket ticket;
    SteadyTime expires;
  };
  void drop_expired(SteadyTime now);
  void drop_oldest();

  const Clock& clock_;
  const std::size_t tickets_max_;
  mutable std::mutex mutex_;
  std::unordered_map<std::string, Entry> entries_;  // by SHA-256 of the ticket
  std::deque<std::string> order_;  // the same keys by age; a taken one leaves when its turn comes
};

}  // namespace corohub::auth
