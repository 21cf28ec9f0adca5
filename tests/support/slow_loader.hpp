// Storage that answers when the test says so: each read of an account waits for its answer, oldest first.
#pragma once

#include "core/account.hpp"
#include "core/error.hpp"
#include "core/task.hpp"

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <stdexcept>
#include <utility>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/basic_waitable_timer.hpp>

namespace corohub::test {

class SlowLoader {
 public:
  explicit SlowLoader(asio::io_context& context) : context_(context) {}

  std::function<Task<Result<AccountRef>>(UserId)> function() {
    return [this](UserId id) { return load(id); };
  }

  void answer(UserId id, Result<AccountRef> result) { take(id)->end(std::move(result)); }
  void fail(UserId id) { take(id)->end(std::nullopt); }
  int reads() const noexcept { return reads_; }

 private:
  using Timer = asio::basic_waitable_timer<std::chrono::steady_clock,
                                           asio::wait_traits<std::chrono::steady_clock>, Executor>;
  struct Read {
    explicit Read(asio::io_context& context) : ended(context.get_executor(), Timer::time_point::max()) {}
    void end(std::optional<Result<AccountRef>> with) {
      result = std::move(with);
      ended.cancel();
    }
    Timer ended;
    std::optional<Result<AccountRef>> result;
  };

  std::shared_ptr<Read> take(UserId id) {
    auto& waiting = waiting_[id];
    if (waiting.empty()) throw std::logic_error("nobody reads this account");
    std::shared_ptr<Read> first = std::move(waiting.front());
    waiting.pop_front();
    return first;
  }

  Task<Result<AccountRef>> load(UserId id) {
    ++reads_;
    const auto read = std::make_shared<Read>(context_);
    waiting_[id].push_back(read);
    co_await read->ended.async_wait(asio::as_tuple(use_task));
    if (!read->result) throw std::runtime_error("storage broke");
    co_return std::move(*read->result);
  }

  asio::io_context& context_;
  std::map<UserId, std::deque<std::shared_ptr<Read>>> waiting_;
  int reads_ = 0;
};

}  // namespace corohub::test
