#include "storage/reader_pool.hpp"

#include "core/log.hpp"
#include "core/metrics.hpp"
#include "storage/connection.hpp"
#include "storage/trouble.hpp"
#include "storage/work_queue.hpp"

#include <new>
#include <thread>

#include <sys/resource.h>
#include <unistd.h>

namespace corohub::storage {
namespace {

constexpr int patient_nice_level = 10;

}  // namespace

struct ReaderPool::State {
  State(std::filesystem::path path, std::size_t queue_reads, Pace its_pace)
      : database(std::move(path)), pace(its_pace), queue(queue_reads) {}
  ~State() { stop(); }

  void start(std::size_t count) {
    std::vector<std::unique_ptr<Connection>> connections;  // all of them, before any thread
    connections.reserve(count);
    for (std::size_t i = 0; i < count; ++i)
      connections.push_back(std::make_unique<Connection>(database, Access::read));
    for (std::unique_ptr<Connection>& connection : connections)
      threads.emplace_back([this, mine = std::move(connection)]() mutable { serve(std::move(mine)); });
  }

  void stop() {
    queue.close();
    for (std::thread& thread : threads) thread.join();
    threads.clear();
  }

  void serve(std::unique_ptr<Connection> connection) {
    // On Linux this sets the priority of this thread alone. Without the right to do so the thread works on at
    // the usual priority.
    if (pace == Pace::patient) ::setpriority(PRIO_PROCESS, static_cast<id_t>(::gettid()), patient_nice_level);
    while (std::unique_ptr<Read> read = queue.take()) {
      run_one(connection, *read);
      std::vector<std::unique_ptr<Completion>> one;
      one.push_back(std::move(read));
      finish_at_home(std::move(one));
    }
  }

  // Leaves the connection without a transaction, or no connection: then the next read opens one.
  void run_one(std::unique_ptr<Connection>& connection, Read& read) {
    try {
      if (connection == nullptr) connection = std::make_unique<Connection>(database, Access::read);
      connection->run("BEGIN");
      Snapshot snapshot(*connection);
      read.run(snapshot);
    } catch (const DatabaseError& error) {
      const bool statement = trouble_of(error) == Trouble::statement;
      log::error("read_failed", {{"cause", error.what()}});
      read.fail(statement ? Error(ErrorCode::internal_error) : unreadable());
      if (!statement) connection.reset();
    } catch (const std::bad_alloc&) {
      log::warn("read_failed", {{"cause", "out of memory"}});
      read.fail(out_of_memory());
    } catch (const std::exception& error) {
      log::error("read_failed", {{"cause", error.what()}});
      read.fail(Error(ErrorCode::internal_error));
    }
    end_transaction(connection);
  }

  static Error unreadable() {
    return Error(ErrorCode::storage_unavailable, "The database cannot be read.")
        .retry_in(std::chrono::seconds(1));
  }

  static void end_transaction(std::unique_ptr<Connection>& connection) noexcept {
    try {
      if (connection != nullptr && connection->in_transaction()) connection->run("ROLLBACK");
    } catch (const DatabaseError&) {
      connection.reset();
    }
  }

  const std::filesystem::path database;
  const Pace pace;
  WorkQueue<Read> queue;
  metrics::Counter& overflows =
      metrics::counter("corohub_storage_queue_overflows_total", "Requests refused because a queue was full",
                       {{"queue", "readers"}});
  std::vector<std::thread> threads;
};

ReaderPool::ReaderPool(std::filesystem::path database, std::size_t threads, std::size_t queue_reads,
                       Pace pace)
    : impl_(std::make_unique<State>(std::move(database), queue_reads, pace)) {
  impl_->start(threads);
}

ReaderPool::~ReaderPool() = default;

void ReaderPool::stop() { impl_->stop(); }

std::optional<Error> ReaderPool::try_enqueue(std::unique_ptr<Read>& read) {
  using Put = WorkQueue<Read>::Put;
  switch (impl_->queue.try_put(read)) {
    case Put::queued:
      return std::nullopt;
    case Put::full:
      impl_->overflows.Increment();
      return Error(ErrorCode::overloaded, "Too many reads wait for the database.")
          .retry_in(std::chrono::seconds(1));
    case Put::closed:
      break;
  }
  return Error(ErrorCode::draining, "The server is stopping.").retry_in(std::chrono::seconds(1));
}

}  // namespace corohub::storage
