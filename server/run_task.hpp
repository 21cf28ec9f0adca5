// From plain code into a coroutine and back: for start-up and the command line, never on a shard.
#pragma once

#include "core/task.hpp"

#include <exception>
#include <future>
#include <optional>
#include <utility>

#include <boost/asio/co_spawn.hpp>

namespace corohub::server {

namespace detail {
template <class T>
Task<> store(Task<T> task, std::optional<T>& result) {
  result.emplace(co_await std::move(task));
}
}  // namespace detail

// Runs `task` on `context`, which another thread runs, and waits for it.
template <class T>
T wait_for(asio::io_context& context, Task<T> task) {
  std::optional<T> result;
  std::promise<void> done;
  asio::co_spawn(context, detail::store(std::move(task), result), [&](const std::exception_ptr& failure) {
    if (failure)
      done.set_exception(failure);
    else
      done.set_value();
  });
  done.get_future().get();
  return std::move(*result);
}

// Runs `task` on a loop of its own in this thread.
template <class T>
T run_here(asio::io_context& context, Task<T> task) {
  std::optional<T> result;
  std::exception_ptr failure;
  asio::co_spawn(context, detail::store(std::move(task), result),
                 [&](std::exception_ptr error) { failure = std::move(error); });
  context.restart();
  context.run();
  if (failure) std::rethrow_exception(failure);
  return std::move(*result);
}

}  // namespace corohub::server
