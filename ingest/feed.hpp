// From Redis to the writer: messages become units, in their order, and whoever brings them waits until they
// are on disk, so that no more is read than can be stored. Used on one thread.
#pragma once

#include "core/task.hpp"
#include "flags/flags.hpp"
#include "ingest/message.hpp"
#include "ingest/position.hpp"

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include <boost/asio/steady_timer.hpp>

namespace corohub::ingest {

// Says what is wrong with messages, once in a while: the first at once, the others together.
class Complaints {
 public:
  static constexpr std::chrono::seconds interval{10};

  explicit Complaints(const Clock& clock) : clock_(clock) {}
  // How many to log now; 0: none.
  std::size_t add(std::size_t count) noexcept;

 private:
  const Clock& clock_;
  SteadyTime quiet_until_{};
  std::size_t waiting_ = 0;
};

struct Incoming {
  Result<Message> message;
  EntryId id{};  // of a stream's entry
};
using Batch = std::vector<Incoming>;

class Feed {
 public:
  static constexpr std::size_t messages_per_unit_max = 64;

  // `stream`: whose position is stored with the messages; empty: they have none. The flags outlive the feed.
  Feed(asio::io_context& context, flags::Flags& flags, flags::NamespaceAccess access, std::string stream);

  // Does what the messages say, bad ones excepted, which are counted, and entries that were done before. A
  // writer that is overloaded, or a disk that is full, is waited for. False: the feed was stopped before all
  // was stored.
  Task<bool> take(Batch batch);
  // Where the stream is to be read from. Errors: of storage.
  Task<Result<EntryId>> position();
  void stop() noexcept;

 private:
  struct Part;
  struct Outcome {
    std::size_t accepted = 0;
    std::size_t bad = 0;
    std::string why;  // of a bad one
  };
  Outcome run(storage::UnitOfWork& work, const Part& part) const;
  void count(const Outcome& outcome);
  Task<> pause();

  flags::Flags& flags_;
  const flags::NamespaceAccess access_;
  const std::string stream_;
  asio::basic_waitable_timer<std::chrono::steady_clock, asio::wait_traits<std::chrono::steady_clock>,
                             Executor>
      timer_;
  Complaints complaints_;
  bool stopped_ = false;
};

}  // namespace corohub::ingest
