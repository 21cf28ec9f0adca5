// Runs one coroutine to its end on an io_context of its own and returns what it returned.
#pragma once

#include "core/task.hpp"

#include <exception>
#include <optional>
#include <stdexcept>
#include <utility>

#include <boost/asio/co_spawn.hpp>

namespace corohub::test {

// `make` is called once and returns the Task<T>; exceptions come out here.
template <class Make>
auto run_task(asio::io_context& context, Make make) {
  using T = typename std::invoke_result_t<Make&>::value_type;
  std::optional<T> result;
  std::exception_ptr failure;
  asio::co_spawn(context, make(), [&](std::exception_ptr error, T value) {
    failure = error;
    if (!error) result.emplace(std::move(value));
  });
  context.restart();
  context.run();
  if (failure) std::rethrow_exception(failure);
  if (!result) throw std::logic_error("the coroutine never ended");
  return std::move(*result);
}

template <class Make>
auto run_task(Make make) {
  asio::io_context context(1);
  return run_task(context, std::move(make));
}

}  // namespace corohub::test
