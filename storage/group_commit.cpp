#include "storage/group_commit.hpp"

#include "core/log.hpp"
#include "core/metrics.hpp"

#include <algorithm>
#include <new>
#include <utility>

#include <sqlite3.h>

namespace corohub::storage {
namespace {

struct Instruments {
  metrics::Histogram& commit_seconds =
      metrics::histogram("corohub_storage_commit_seconds", "Time of a COMMIT, with its fsync",
                         {0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 2});
  metrics::Histogram& commit_units = metrics::histogram(
      "corohub_storage_commit_units", "Units answered by one commit", {1, 2, 4, 8, 16, 32, 64, 128, 256});
};

Instruments& instruments() {
  static Instruments instance;
  return instance;
}

std::vector<std::unique_ptr<Completion>> take_units(std::vector<UnitEffects>& units) {
  std::vector<std::unique_ptr<Completion>> out;
  out.reserve(units.size());
  for (UnitEffects& item : units) out.push_back(std::move(item.unit));
  units.clear();
  return out;
}

}  // namespace

GroupCommit::GroupCommit(std::filesystem::path database, CommitSink& sink, const Clock& clock,
                         const WriterLimits& limits, std::function<void(Seq)> remember,
                         std::atomic<StorageState>& state, std::atomic<Seq>& committed_seq)
    : path_(std::move(database)),
      sink_(sink),
      clock_(clock),
      limits_(limits),
      remember_(std::move(remember)),
      state_(state),
      committed_seq_(committed_seq) {
  connection_ = std::make_unique<Connection>(path_, Access::write);
  batch_number_ = read_batch_number(*connection_);
}

void GroupCommit::run(WorkQueue<Unit>& queue) noexcept {
  if (!ready()) return refuse_waiting(queue);

  Batch batch = new_batch();
  const SteadyTime deadline = clock_.steady() + limits_.batch_time;
  std::size_t taken = 0;
  while (taken < limits_.batch_units && connection_ != nullptr) {
    const bool first = batch.bytes == 0;
    const std::size_t room = limits_.batch_bytes - std::min(batch.bytes, limits_.batch_bytes);
    std::unique_ptr<Unit> unit = first ? queue.try_take() : queue.try_take(room);
    if (unit == nullptr) break;
    ++taken;
    execute(batch, std::move(unit));
    if (clock_.steady() >= deadline) break;
  }
  commit(batch);
  keep_log_short();
  if (connection_ == nullptr) ready();
}

GroupCommit::Batch GroupCommit::new_batch() {
  Batch batch;
  batch.effects = sink_.begin_batch();
  return batch;
}

void GroupCommit::begin(Batch& batch) {
  connection_->run("BEGIN IMMEDIATE");
  batch.open = true;
  batch.now = clock_.unix_ms();
}

void GroupCommit::execute(Batch& batch, std::unique_ptr<Unit> unit) {
  batch.bytes += unit->bytes();
  const std::size_t here = batch.effects->size();
  batch.units.push_back({std::move(unit), here, here});
  try {
    if (!batch.open) begin(batch);
    run_in_savepoint(batch);
  } catch (const DatabaseError& error) {
    lose(batch, error, to_error(trouble_of(error)));
  }
}

// Returns with the newest unit's changes kept, or taken back and the unit's answer set; throws when the whole
// transaction is gone.
void GroupCommit::run_in_savepoint(Batch& batch) {
  UnitEffects& entry = batch.units.back();
  UnitOfWork work(*connection_, *batch.effects, batch.now);
  bool kept = false;
  std::optional<DatabaseError> failure;
  connection_->run("SAVEPOINT unit");
  try {
    kept = entry.unit->run(work);
  } catch (const DatabaseError& error) {
    failure = error;
  } catch (const std::bad_alloc&) {
    log::warn("unit_failed", {{"cause", "out of memory"}});
    entry.unit->fail(out_of_memory());
  } catch (const std::exception& error) {
    log::error("unit_failed", {{"cause", error.what()}});
    entry.unit->fail(Error(ErrorCode::internal_error));
  } catch (...) {
    log::error("unit_failed");
    entry.unit->fail(Error(ErrorCode::internal_error));
  }

  if (!connection_->in_transaction())
    throw failure.value_or(DatabaseError(SQLITE_FULL, 0, "the transaction was rolled back inside a unit"));
  if (failure) {
    const Trouble trouble = trouble_of(*failure);
    if (trouble != Trouble::statement && trouble != Trouble::full) throw *failure;
    if (trouble == Trouble::full)
      enter(trouble, failure->what());
    else
      log::error("unit_failed", {{"cause", failure->what()}});
    entry.unit->fail(trouble == Trouble::full ? to_error(trouble) : Error(ErrorCode::internal_error));
  }

  if (!kept) {
    batch.effects->truncate(entry.begin);
    connection_->run("ROLLBACK TO unit");
  }
  connection_->run("RELEASE unit");
  if (!kept) return;
  entry.end = batch.effects->size();
  entry.unit->set_seq(work.last_seq());
  batch.last_seq = std::max(batch.last_seq, work.last_seq());
}

void GroupCommit::commit(Batch& batch) {
  if (!batch.open) return;
  const std::uint64_t commits = connection_->commits();
  bool committing = false;
  try {
    if (batch.effects->size() > 0) write_batch_number();
    committing = true;
    const SteadyTime start = clock_.steady();
    connection_->run("COMMIT");
    instruments().commit_seconds.Observe(std::chrono::duration<double>(clock_.steady() - start).count());
  } catch (const DatabaseError& error) {
    const Trouble trouble = trouble_of(error);
    const bool open_question = committing && (trouble == Trouble::io || trouble == Trouble::corrupt);
    if (!open_question) return lose(batch, error, to_error(trouble));
    if (batch.effects->size() > 0)
      unresolved_.emplace(Unresolved{batch_number_, std::move(batch.effects), batch.last_seq});
    return lose(batch, error, unknown_outcome());
  }
  if (connection_->commits() != commits) enter_ok();
  publish(batch);
}

void GroupCommit::publish(Batch& batch) {
  instruments().commit_units.Observe(static_cast<double>(batch.units.size()));
  advance(batch.last_seq);

  std::vector<std::unique_ptr<Completion>> now;
  std::vector<UnitEffects> later;
  for (UnitEffects& item : batch.units) {
    if (item.begin == item.end)
      now.push_back(std::move(item.unit));
    else
      later.push_back(std::move(item));
  }
  finish_at_home(std::move(now));
  if (batch.effects->size() > 0) sink_.committed(std::move(batch.effects), std::move(later));
}

// Called before anybody can hear of the commit.
void GroupCommit::advance(Seq last_seq) {
  if (last_seq == 0) return;
  if (remember_) remember_(last_seq);
  committed_seq_.store(last_seq, std::memory_order_release);
}

// The transaction has failed as a whole: every unit so far gets `answer`, and the units after it begin anew.
void GroupCommit::lose(Batch& batch, const DatabaseError& why, const Error& answer) {
  const Trouble trouble = trouble_of(why);
  enter(trouble, why.what());
  abandon(trouble);
  for (UnitEffects& item : batch.units) item.unit->fail(Error(answer));
  finish_at_home(take_units(batch.units));
  batch = new_batch();
}

void GroupCommit::abandon(Trouble trouble) noexcept {
  try {
    if (connection_ != nullptr && connection_->in_transaction()) connection_->run("ROLLBACK");
  } catch (const DatabaseError&) {
    connection_.reset();
  }
  if (trouble == Trouble::io || trouble == Trouble::corrupt) connection_.reset();
}

void GroupCommit::refuse_waiting(WorkQueue<Unit>& queue) {
  const Trouble trouble = state_.load() == StorageState::corrupt ? Trouble::corrupt : Trouble::io;
  std::vector<std::unique_ptr<Completion>> refused;
  while (refused.size() < limits_.batch_units) {
    std::unique_ptr<Unit> unit = queue.try_take();
    if (unit == nullptr) break;
    unit->fail(to_error(trouble));
    refused.push_back(std::move(unit));
  }
  finish_at_home(std::move(refused));
}

}  // namespace corohub::storage
