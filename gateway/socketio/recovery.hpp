// Connection state recovery: what a client shows to go on where it was, and what its seat had asked for until
// then. The log has the events; only the topics that a seat of the namespace `/` has added are kept here, for
// a while. Safe from any thread.
#pragma once

#include "auth/key_ring.hpp"
#include "core/clock.hpp"
#include "hub/audience.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace corohub::gateway::socketio {

// Names of seats that prove whose they are: random text, and a MAC of it, of who it was and of the namespace.
// They outlive the server as its signing keys do.
class Pids {
 public:
  Pids(const auth::KeyStore& keys, const Clock& clock) noexcept : keys_(keys), clock_(clock) {}

  std::string issue(const hub::Identity& who, std::string_view name_space) const;
  // Whether this is one of ours, of this somebody in this namespace.
  bool is_good(std::string_view pid, const hub::Identity& who, std::string_view name_space) const;

 private:
  const auth::KeyStore& keys_;
  const Clock& clock_;
};

struct KeptLimits {
  std::chrono::milliseconds time{std::chrono::minutes(2)};  // after a seat's end
  std::size_t seats = 20'000;                               // that have ended
  std::size_t bytes = 8 << 20;                              // of their topics
};

// What a seat had asked for.
struct SeatTopics {
  std::vector<std::string> followed{};
  std::vector<std::string> revoked{};  // lost with a right: its client may not have read so
};

// The topics of seats, by their pid: of those that live, and of those that ended a while ago. Those that
// ended first are forgotten first.
class KeptTopics {
 public:
  explicit KeptTopics(const Clock& clock, KeptLimits limits = {}) : limits_(limits), clock_(clock) {}

  // A seat's own place among them.
  struct Place {
    std::uint64_t pid = 0;
    std::uint64_t seat = 0;  // tells it from one that had the pid before
  };

  // A seat lives from here on under this pid, whose topics it goes on with. Throws for memory.
  Place begin(std::string_view pid);
  void add(const Place& place, std::string_view topic);
  void remove(const Place& place, std::string_view topic) noexcept;
  void revoke(const Place& place, std::string_view topic);
  // The seat is gone. `may_return` false: for good.
  void end(const Place& place, bool may_return) noexcept;

  // Nothing: nobody knows any more what it had.
  std::optional<SeatTopics> find(std::string_view pid);
  std::size_t size() const;

 private:
  using Key = std::uint64_t;  // of a pid
  struct Kept {
    std::uint64_t seat = 0;                // that lives; 0: it has ended
    std::unique_ptr<SeatTopics> topics{};  // null: none, as with most
    SteadyTime ended{};
    std::list<Key>::iterator place{};  // among those that have ended, if it has
  };
  using All = std::unordered_map<Key, Kept>;

  static Key key_of(std::string_view pid) noexcept;
  static std::size_t bytes_of(const Kept& kept) noexcept;
  Kept* find(const Place& place) noexcept;
  void forget_old() noexcept;

  const KeptLimits limits_;
  const Clock& clock_;
  mutable std::mutex mutex_;
  All all_;
  std::list<Key> ended_;  // the oldest first
  std::size_t bytes_ = 0;
  std::uint64_t last_seat_ = 0;
};

}  // namespace corohub::gateway::socketio
