// Reads beside the writer: a few threads, each with a read-only connection and one short transaction per
// read. read() may be called from any shard's thread and never blocks: a full queue answers overloaded.
#pragma once

#include "core/completion.hpp"
#include "core/error.hpp"
#include "storage/unit_of_work.hpp"

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>
#include <vector>

#include <boost/asio/this_coro.hpp>

namespace corohub::storage {

// One read as the pool sees it.
class Read : public Completion {
 public:
  using Completion::Completion;
  virtual void run(Snapshot& snapshot) = 0;  // reader's thread; may throw
  virtual void fail(Error error) noexcept = 0;
};

// Who waits for a read: a program for its next step, or a person who looks at a list.
enum class Pace : std::uint8_t { prompt, patient };  // patient: at a low priority for the processor

class ReaderPool {
 public:
  ReaderPool(std::filesystem::path database, std::size_t threads = 2, std::size_t queue_reads = 4096,
             Pace pace = Pace::prompt);
  ~ReaderPool();
  ReaderPool(const ReaderPool&) = delete;
  ReaderPool& operator=(const ReaderPool&) = delete;

  // Runs `function`, a Result<T>(Snapshot&) that owns its input, and resumes the caller on its own executor.
  template <class F>
  auto read(F function) -> Task<std::invoke_result_t<F&, Snapshot&>>;

  // Finishes what was accepted, then ends the threads. Later reads answer draining. Idempotent.
  void stop();

 private:
  struct State;

  std::optional<Error> try_enqueue(std::unique_ptr<Read>& read);

  std::unique_ptr<State> impl_;
};

template <class F>
auto ReaderPool::read(F function) -> Task<std::invoke_result_t<F&, Snapshot&>> {
  using Outcome = std::invoke_result_t<F&, Snapshot&>;

  const Executor here = co_await asio::this_coro::executor;
  // Captures references only: this frame outlives the operation.
  const auto initiate = [&](auto handler) {
    using Handler = decltype(handler);
    class Operation final : public Read {
     public:
      Operation(const Executor& origin, F reader, Handler continuation)
          : Read(origin), function_(std::move(reader)), handler_(std::move(continuation)) {}
      void run(Snapshot& snapshot) override { result_.emplace(function_(snapshot)); }
      void fail(Error error) noexcept override { result_.emplace(std::move(error)); }
      void finish() noexcept override {
        Handler handler_here(std::move(handler_));
        std::move(handler_here)(std::move(*result_));
      }

     private:
      F function_;
      Handler handler_;
      std::optional<Outcome> result_;
    };
    std::unique_ptr<Read> operation =
        std::make_unique<Operation>(here, std::move(function), std::move(handler));
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
