// GroupCommit between the batches: opening again after an I/O error, learning what a failed commit did, and
// keeping the log short.
#include "core/log.hpp"
#include "core/metrics.hpp"
#include "storage/group_commit.hpp"

#include <algorithm>
#include <charconv>

namespace corohub::storage {
namespace {

constexpr int log_pages_soft = 1000;  // 4 MiB: checkpoint beside the readers
constexpr int log_pages_hard = 8192;  // 32 MiB: wait for the readers, so that the log starts anew
constexpr std::chrono::seconds complaint_interval{1};
constexpr std::chrono::seconds reminder_interval{30};

StorageState state_after(Trouble trouble) noexcept {
  switch (trouble) {
    case Trouble::full:
      return StorageState::full;
    case Trouble::corrupt:
      return StorageState::corrupt;
    case Trouble::statement:
    case Trouble::unavailable:
    case Trouble::io:
      break;
  }
  return StorageState::failed;
}

}  // namespace

std::int64_t read_batch_number(Connection& connection) {
  Query query = connection.query("SELECT value FROM meta WHERE key = 'last_batch'");
  if (!query.next()) return 0;
  const std::string text = query.text(0);
  std::int64_t number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

void GroupCommit::write_batch_number() {
  ++batch_number_;
  connection_
      ->query(
          "INSERT INTO meta (key, value) VALUES ('last_batch', ?) "
          "ON CONFLICT (key) DO UPDATE SET value = excluded.value")
      .bind(std::to_string(batch_number_))
      .run();
}

// True: there is a connection worth trying.
bool GroupCommit::ready() {
  if (state_.load() == StorageState::corrupt) return false;
  if (connection_ != nullptr) return true;
  try {
    connection_ = std::make_unique<Connection>(path_, Access::write);
    resolve();
    prove();
    if (unresolved_) log::warn("storage_outcome", {{"batch", unresolved_->number}, {"committed", false}});
    unresolved_.reset();
  } catch (const DatabaseError& error) {
    enter(trouble_of(error), error.what());
    abandon(trouble_of(error));
    if (unresolved_) connection_.reset();  // no unit may write before the failed commit is settled
  }
  return connection_ != nullptr;
}

// A commit that failed after its last write may be in the log or not. Now the log says whether it is. If it
// is not, that is final only once something else has been written in its place.
void GroupCommit::resolve() {
  if (!unresolved_ || read_batch_number(*connection_) != unresolved_->number) return;
  log::warn("storage_outcome", {{"batch", unresolved_->number}, {"committed", true}});
  advance(unresolved_->last_seq);
  sink_.committed(std::move(unresolved_->effects), {});
  unresolved_.reset();
}

// Makes a commit of its own. It shows that the disk works again, and it overwrites what a failed commit may
// have left behind the end of the log, so that the failed commit cannot come back after a crash.
void GroupCommit::prove() {
  connection_->run("BEGIN IMMEDIATE");
  write_batch_number();
  connection_->run("COMMIT");
  enter_ok();
}

void GroupCommit::probe() noexcept {
  const StorageState state = state_.load();
  if (state == StorageState::ok || state == StorageState::corrupt) return;
  if (connection_ == nullptr) {
    ready();
    return;
  }
  try {
    prove();
  } catch (const DatabaseError& error) {
    enter(trouble_of(error), error.what());
    abandon(trouble_of(error));
  }
}

void GroupCommit::keep_log_short() {
  if (connection_ == nullptr || connection_->log_pages() < log_pages_soft) return;
  const int pages = connection_->log_pages();
  if (pages < log_pages_hard) log_pages_patience_ = log_pages_hard;
  const bool wait_for_readers = pages >= std::max(log_pages_patience_, log_pages_hard);
  // A reader that takes long (a backup) is waited for once per stretch of log, not at every commit.
  if (wait_for_readers) log_pages_patience_ = pages + log_pages_hard;
  try {
    connection_->checkpoint(wait_for_readers);
  } catch (const DatabaseError& error) {
    enter(trouble_of(error), error.what());
    abandon(trouble_of(error));
  }
}

void GroupCommit::close() noexcept {
  if (connection_ == nullptr) return;
  try {
    connection_->checkpoint(true);
  } catch (const DatabaseError& error) {
    log::warn("storage_checkpoint_failed", {{"cause", error.what()}});  // the next start reads the log
  }
  connection_.reset();
}

void GroupCommit::enter(Trouble trouble, std::string_view cause) {
  metrics::counter("corohub_storage_errors_total", "Database steps that failed",
                   {{"kind", std::string(name(trouble))}})
      .Increment();
  const StorageState next = state_after(trouble);
  const StorageState before = state_.load();
  if (before != StorageState::corrupt) state_.store(next);  // from a damaged file there is no way back
  const SteadyTime now = clock_.steady();
  const auto pause = before == next ? std::chrono::seconds(reminder_interval) : complaint_interval;
  if (last_complaint_ && now - *last_complaint_ < pause) return;
  last_complaint_ = now;
  complained_ = true;
  log::error("storage_failed", {{"kind", name(trouble)}, {"cause", cause}});
}

void GroupCommit::enter_ok() {
  if (state_.load() == StorageState::ok) return;
  state_.store(StorageState::ok);
  if (std::exchange(complained_, false)) log::info("storage_recovered");
}

}  // namespace corohub::storage
