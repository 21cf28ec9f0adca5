// Lets coroutines of one thread through a few at a time, first come, first served: a crowd that arrives
// together is spread over turns of the loop, whose other work goes on in between. Used on its context's
// thread only.
#pragma once

#include "core/task.hpp"
#include "core/turns.hpp"

#include <cstddef>
#include <deque>
#include <memory>
#include <utility>

#include <boost/asio/async_result.hpp>
#include <boost/asio/post.hpp>

namespace corohub::http {

class Turnstile {
 public:
  Turnstile(Executor executor, std::size_t per_turn) noexcept : executor_(executor), per_turn_(per_turn) {}

  // True: the caller is through at once. False: it has to co_await wait().
  bool pass_now() {
    std::shared_ptr<Line> line = line_.lock();
    if (!line) {
      line = std::make_shared<Line>(Line{executor_, {per_turn_, turns_of_a_crowd}});
      line_ = line;
      post(line);
    }
    return line->turns.goes_now(line->waiting.size());
  }

  // Waits for a later turn of the loop. Call it right after pass_now() has answered false.
  Task<> wait() {
    const auto initiate = [this](auto handler) {
      line_.lock()->waiting.push_back(std::make_unique<WaiterOf<decltype(handler)>>(std::move(handler)));
    };
    co_await asio::async_initiate<const asio::use_awaitable_t<Executor>, void()>(initiate, use_task);
  }

 private:
  static constexpr std::size_t turns_of_a_crowd = 64;

  class Waiter {
   public:
    virtual ~Waiter() = default;
    virtual void go() = 0;
  };
  template <class Handler>
  class WaiterOf final : public Waiter {
   public:
    explicit WaiterOf(Handler handler) : handler_(std::move(handler)) {}
    void go() override { std::move(handler_)(); }

   private:
    Handler handler_;
  };
  struct Line {
    const Executor executor;
    Turns turns;
    std::deque<std::unique_ptr<Waiter>> waiting{};
  };

  // The line belongs to the operation that is posted: it is destroyed with the context, together with the
  // coroutines that wait.
  static void post(std::shared_ptr<Line> line) {
    const Executor executor = line->executor;
    asio::post(executor, [line = std::move(line)] { next_turn(line); });
  }

  static void next_turn(const std::shared_ptr<Line>& line) {
    const bool was_idle = line->turns.idle();
    std::size_t through = line->turns.begin(line->waiting.size());
    if (!was_idle || through > 0) post(line);
    for (; through > 0; --through) {
      const std::unique_ptr<Waiter> first = std::move(line->waiting.front());
      line->waiting.pop_front();
      first->go();
    }
  }

  const Executor executor_;
  const std::size_t per_turn_;
  std::weak_ptr<Line> line_;
};

}  // namespace corohub::http
