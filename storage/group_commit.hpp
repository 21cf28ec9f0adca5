// The transaction that many units share: runs them, commits them, and after a failure finds out what is true.
// Used on the writer's thread only.
#pragma once

#include "core/clock.hpp"
#include "storage/connection.hpp"
#include "storage/trouble.hpp"
#include "storage/work_queue.hpp"
#include "storage/writer.hpp"

#include <atomic>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

namespace corohub::storage {

// The number of the newest commit with effects outside the database.
std::int64_t read_batch_number(Connection& connection);

class GroupCommit {
 public:
  // Opens the connection; throws DatabaseError. `state` and `committed_seq` are what other threads read.
  GroupCommit(std::filesystem::path database, CommitSink& sink, const Clock& clock,
              const WriterLimits& limits, std::function<void(Seq)> remember, std::atomic<StorageState>& state,
              std::atomic<Seq>& committed_seq);

  // Takes the units that wait, up to the limits, and answers all of them.
  void run(WorkQueue<Unit>& queue) noexcept;
  // Asks whether the disk is back, while the state is not ok and no unit waits.
  void probe() noexcept;
  // The last call: moves the log into the database.
  void close() noexcept;

 private:
  struct Batch {
    std::unique_ptr<Effects> effects;
    std::vector<UnitEffects> units;
    std::size_t bytes = 0;
    UnixMs now = 0;
    Seq last_seq = 0;
    bool open = false;  // BEGIN was run
  };
  // A commit that failed in a way that does not say whether it happened.
  struct Unresolved {
    std::int64_t number = 0;
    std::unique_ptr<Effects> effects;
    Seq last_seq = 0;
  };

  Batch new_batch();
  void begin(Batch& batch);
  void execute(Batch& batch, std::unique_ptr<Unit> unit);
  void run_in_savepoint(Batch& batch);
  void commit(Batch& batch);
  void publish(Batch& batch);
  void advance(Seq last_seq);
  void lose(Batch& batch, const DatabaseError& why, const Error& answer);
  void abandon(Trouble trouble) noexcept;
  void refuse_waiting(WorkQueue<Unit>& queue);

  // recovery.cpp: between the batches
  bool ready();
  void resolve();
  void prove();
  void write_batch_number();
  void keep_log_short();
  void enter(Trouble trouble, std::string_view cause);
  void enter_ok();

  const std::filesystem::path path_;
  CommitSink& sink_;
  const Clock& clock_;
  const WriterLimits limits_;
  const std::function<void(Seq)> remember_;
  std::atomic<StorageState>& state_;
  std::atomic<Seq>& committed_seq_;

  std::unique_ptr<Connection> connection_;  // null after an I/O error, until ready() opens it again
  std::optional<Unresolved> unresolved_;
  std::int64_t batch_number_ = 0;
  int log_pages_patience_ = 0;  // from this length on the log is worth waiting for its readers
  std::optional<SteadyTime> last_complaint_;
  bool complained_ = false;  // about the trouble that still lasts
};

}  // namespace corohub::storage
