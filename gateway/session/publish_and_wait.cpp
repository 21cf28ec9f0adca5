#include "gateway/session/publish_and_wait.hpp"

#include "core/completion.hpp"

#include <memory>
#include <utility>
#include <vector>

#include <boost/asio/async_result.hpp>
#include <boost/asio/this_coro.hpp>

namespace corohub::gateway {
namespace {

using Outcome = Result<std::uint32_t>;

class Waiting : public Completion {
 public:
  using Completion::Completion;
  Outcome outcome = Error(ErrorCode::overloaded, "The hub has no room for this.");
};

template <class Handler>
class WaitingFor final : public Waiting {
 public:
  WaitingFor(const Executor& origin, Handler handler) : Waiting(origin), handler_(std::move(handler)) {}
  void finish() noexcept override {
    Handler handler(std::move(handler_));
    std::move(handler)(std::move(outcome));
  }

 private:
  Handler handler_;
};

// The caller goes on once the entry was applied, or thrown away.
class Receipt final : public hub::BatchDone {
 public:
  explicit Receipt(std::unique_ptr<Waiting> waiting) : waiting_(std::move(waiting)) {}
  ~Receipt() override {
    std::vector<std::unique_ptr<Completion>> one;
    one.push_back(std::move(waiting_));
    finish_at_home(std::move(one));
  }
  void applied(const std::vector<std::uint32_t>& reached) noexcept override {
    waiting_->outcome = reached[0];
  }

 private:
  std::unique_ptr<Waiting> waiting_;
};

}  // namespace

Task<Result<std::uint32_t>> publish_and_wait(hub::Hub& hub, hub::Entry entry) {
  const Executor here = co_await asio::this_coro::executor;
  // Captures references only: this frame outlives the operation.
  const auto initiate = [&](auto handler) {
    using Handler = decltype(handler);
    std::vector<hub::Entry> entries;
    entries.push_back(std::move(entry));
    auto receipt = std::make_unique<Receipt>(std::make_unique<WaitingFor<Handler>>(here, std::move(handler)));
    hub.try_publish(std::make_shared<hub::Batch>(std::move(entries), std::move(receipt)));
  };
  co_return co_await asio::async_initiate<const asio::use_awaitable_t<Executor>, void(Outcome)>(initiate,
                                                                                                use_task);
}

}  // namespace corohub::gateway
