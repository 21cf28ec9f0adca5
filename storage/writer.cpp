#include "storage/writer.hpp"

#include "core/metrics.hpp"
#include "core/thread_heap.hpp"
#include "storage/group_commit.hpp"
#include "storage/work_queue.hpp"

namespace corohub::storage {
namespace {

constexpr std::size_t heap_bytes = 8 << 20;

}  // namespace

struct Writer::State {
  State(std::filesystem::path database, CommitSink& sink, const Clock& clock, const WriterLimits& limits,
        std::function<void(Seq)> remember, std::atomic<StorageState>& state, std::atomic<Seq>& committed_seq)
      : queue(limits.queue_units, limits.queue_bytes),
        probe_interval(limits.probe_interval),
        commits(std::move(database), sink, clock, limits, std::move(remember), state, committed_seq),
        storage_state(state) {}

  void run() {
    prepare_thread_heap(heap_bytes);
    using Wake = WorkQueue<Unit>::Wake;
    for (;;) {
      std::optional<std::chrono::milliseconds> patience;
      if (storage_state.load() != StorageState::ok) patience = probe_interval;
      const Wake wake = queue.wait(patience);
      if (wake == Wake::closed) break;
      waiting.Set(static_cast<double>(queue.size()));
      if (wake == Wake::timeout)
        commits.probe();
      else
        commits.run(queue);
    }
    commits.close();
  }

  WorkQueue<Unit> queue;
  const std::chrono::milliseconds probe_interval;
  GroupCommit commits;
  std::atomic<StorageState>& storage_state;
  metrics::Gauge& waiting =
      metrics::gauge("corohub_storage_queue_units", "Units that wait for the writer", {{"queue", "writer"}});
  metrics::Counter& overflows =
      metrics::counter("corohub_storage_queue_overflows_total", "Requests refused because a queue was full",
                       {{"queue", "writer"}});
  std::thread thread;
};

Writer::Writer(std::filesystem::path database, CommitSink& sink, const Clock& clock, WriterLimits limits,
               std::function<void(Seq)> remember)
    : impl_(std::make_unique<State>(std::move(database), sink, clock, limits, std::move(remember), state_,
                                    committed_seq_)) {
  impl_->thread = std::thread([state = impl_.get()] { state->run(); });
}

Writer::~Writer() { stop(); }

void Writer::stop() {
  impl_->queue.close();
  if (impl_->thread.joinable()) impl_->thread.join();
}

std::optional<Error> Writer::try_enqueue(std::unique_ptr<Unit>& unit) {
  using Put = WorkQueue<Unit>::Put;
  switch (impl_->queue.try_put(unit)) {
    case Put::queued:
      return std::nullopt;
    case Put::full:
      impl_->overflows.Increment();
      return Error(ErrorCode::overloaded, "Too many changes wait for the disk.")
          .retry_in(std::chrono::seconds(1));
    case Put::closed:
      break;
  }
  return Error(ErrorCode::draining, "The server is stopping.").retry_in(std::chrono::seconds(1));
}

}  // namespace corohub::storage
