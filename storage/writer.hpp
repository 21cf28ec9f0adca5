// The only way to change the database: one thread, one connection, many requests per commit.
//
// Units wait in a queue that is bounded in number and bytes. The thread takes the units that wait (at most
// 256 units, 1 MiB or 5 ms of work), runs each in a savepoint of one transaction and commits once, with an
// fsync. A unit with effects is answered after every shard has applied them; a unit without, right after the
// commit. A unit that refuses or throws is rolled back alone and answered after the commit too: the reason
// for its refusal may be a change of the same batch. If the batch cannot be committed, every unit in it is
// answered storage_full or storage_unavailable. The writer recovers by itself once the disk does.
//
// commit() may be called from any shard's thread; it never blocks: a full queue answers overloaded.
#pragma once

#include "core/completion.hpp"
#include "core/error.hpp"
#include "storage/unit_of_work.hpp"

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#include <boost/asio/this_coro.hpp>

namespace corohub::storage {

// What a unit left behind once it was answered.
template <class T>
struct Committed {
  T value;
  Seq seq = 0;                // of the last event it appended; 0: none
  std::uint32_t reached = 0;  // outboxes its events were queued for, over all shards
};

// One unit as the writer sees it.
class Unit : public Completion {
 public:
  // `bytes`: of what the unit holds and will write, beside what every unit does.
  explicit Unit(const Executor& origin, std::size_t bytes = 0)
      : Completion(origin), bytes_(own_bytes + bytes) {}
  Unit() : bytes_(own_bytes) {}  // nobody waits for it
  virtual bool run(
      UnitOfWork& work) = 0;  // writer's thread; false: refused with an error of its own; may throw
  virtual void fail(Error error) noexcept = 0;  // replaces whatever run() said
  std::size_t bytes() const noexcept { return bytes_; }

  void set_reached(std::uint32_t outboxes) noexcept { reached_ = outboxes; }
  void set_seq(Seq seq) noexcept { seq_ = seq; }

 private:
  static constexpr std::size_t own_bytes = 512;
  const std::size_t bytes_;

 protected:
  Seq seq_ = 0;
  std::uint32_t reached_ = 0;
};

// A unit whose effects are part of a batch: entries [begin, end) are its own.
struct UnitEffects {
  std::unique_ptr<Unit> unit;
  std::size_t begin = 0;
  std::size_t end = 0;
};

// Where committed effects go (eventlog::Publisher). Called on the writer's thread only.
class CommitSink {
 public:
  virtual ~CommitSink() = default;
  virtual std::unique_ptr<Effects> begin_batch() = 0;
  // Called in commit order. May block until the shards have room. Finishes the units when every shard has
  // applied the effects, with what the effects reached.
  virtual void committed(std::unique_ptr<Effects> effects, std::vector<UnitEffects> units) noexcept = 0;
};

struct WriterLimits {
  std::size_t queue_units = 4096;
  std::size_t queue_bytes = 32 << 20;
  std::size_t batch_units = 256;
  std::size_t batch_bytes = 1 << 20;  // a larger unit is a batch by itself
  std::chrono::milliseconds batch_time{5};
  std::chrono::milliseconds probe_interval{1000};  // while the state is not ok and nobody writes
};

// full and failed end with the first commit that succeeds again; corrupt lasts until the next start.
enum class StorageState : std::uint8_t { ok, full, failed, corrupt };

class Writer {
 public:
  // Opens the writing connection of an already migrated database and starts the thread. Throws on failure.
  // `remember` is called with the seq of the last event of each commit, on the writer's thread, before
  // anybody else hears of the commit.
  Writer(std::filesystem::path database, CommitSink& sink, const Clock& clock, WriterLimits limits = {},
         std::function<void(Seq)> remember = {});
  ~Writer();  // stop() and join
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;

  // Runs `unit`, a Result<T>(UnitOfWork&) that owns its input, and resumes the caller on its own executor
  // with Result<Committed<T>> once the change is on disk and applied by the shards. T must be
  // default-constructible and movable; use Nothing for "no value". `bytes`: the size of what the unit carries
  // that a client chose the length of, so that the limits on the queue and on a batch are limits on memory.
  template <class F>
  auto commit(F unit, std::size_t bytes = 0)
      -> Task<Result<Committed<typename std::invoke_result_t<F&, UnitOfWork&>::value_type>>>;

  // Runs `unit`, a Result<Nothing>(UnitOfWork&) that owns its input, for nobody who waits: the outcome is not
  // told. False: the queue is full or closed, and the unit will not run. May throw for memory.
  template <class F>
  bool commit_later(F unit);

  // Finishes everything that was accepted, then ends the thread. Later commits answer draining. Idempotent.
  void stop();

  StorageState state() const noexcept { return state_.load(std::memory_order_relaxed); }
  // Seq of the last event committed. Any thread.
  Seq committed_seq() const noexcept { return committed_seq_.load(std::memory_order_acquire); }
  void set_committed_seq(Seq seq) noexcept { committed_seq_.store(seq, std::memory_order_release); }

 private:
  struct State;

  std::optional<Error> try_enqueue(std::unique_ptr<Unit>& unit);

  std::atomic<StorageState> state_{StorageState::ok};
  std::atomic<Seq> committed_seq_{0};
  std::unique_ptr<State> impl_;
};

struct Nothing {};

template <class F>
bool Writer::commit_later(F unit) {
  class Operation final : public Unit {
   public:
    explicit Operation(F function) : function_(std::move(function)) {}
    bool run(UnitOfWork& work) override { return function_(work).has_value(); }
    void fail(Error /*nobody waits*/) noexcept override {}
    void finish() noexcept override {}

   private:
    F function_;
  };
  std::unique_ptr<Unit> operation = std::make_unique<Operation>(std::move(unit));
  return !try_enqueue(operation);
}

template <class F>
auto Writer::commit(F unit, std::size_t bytes)
    -> Task<Result<Committed<typename std::invoke_result_t<F&, UnitOfWork&>::value_type>>> {
  using T = typename std::invoke_result_t<F&, UnitOfWork&>::value_type;
  using Outcome = Result<Committed<T>>;

  const Executor here = co_await asio::this_coro::executor;
  // Captures references only: this frame outlives the operation.
  const auto initiate = [&](auto handler) {
    using Handler = decltype(handler);
    class Operation final : public Unit {
     public:
      Operation(const Executor& origin, std::size_t size, F function, Handler continuation)
          : Unit(origin, size), function_(std::move(function)), handler_(std::move(continuation)) {}
      bool run(UnitOfWork& work) override {
        result_.emplace(function_(work));
        return result_->has_value();
      }
      void fail(Error error) noexcept override { result_.emplace(std::move(error)); }
      void finish() noexcept override {
        Handler handler_here(std::move(handler_));
        if (result_->has_error()) return std::move(handler_here)(Outcome(std::move(result_->error())));
        return std::move(handler_here)(Outcome(Committed<T>{std::move(result_->value()), seq_, reached_}));
      }

     private:
      F function_;
      Handler handler_;
      std::optional<Result<T>> result_;
    };
    std::unique_ptr<Unit> operation =
        std::make_unique<Operation>(here, bytes, std::move(unit), std::move(handler));
    if (std::optional<Error> refusal = try_enqueue(operation)) {
      operation->fail(std::move(*refusal));
      std::vector<std::unique_ptr<Completion>> one;
      one.push_back(std::move(operation));
      finish_at_home(std::move(one));
    }
  };
  co_return co_await asio::async_initiate<const asio::use_awaitable_t<Executor>, void(Outcome)>(initiate,
                                                                                                use_task);
}

}  // namespace corohub::storage
