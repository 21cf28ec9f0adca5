// A coroutine that nobody waits for and that waits for a socket only: the life of a connection. The coroutine
// begins inside the call and holds exactly its own frame; a Task, which can do more, needs three times as
// much.
#pragma once

#include "core/task.hpp"

#include <coroutine>
#include <exception>
#include <memory>
#include <utility>

#include <boost/system/error_code.hpp>

namespace corohub {

// The coroutine's body must catch what it throws. The frame is destroyed when the body ends, or with the
// io_context.
struct Detached {
  struct promise_type {
    Detached get_return_object() noexcept { return {}; }
    std::suspend_never initial_suspend() noexcept { return {}; }
    std::suspend_never final_suspend() noexcept { return {}; }
    void return_void() noexcept {}
    void unhandled_exception() noexcept { std::terminate(); }
  };
};

// Allocates exactly what is asked for. Asio would give std::allocator a recycled block, however much larger,
// and an operation that waits holds its block for as long as its connection lives.
template <class T>
struct ExactAllocator {
  using value_type = T;

  ExactAllocator() noexcept = default;
  template <class U>
  ExactAllocator(const ExactAllocator<U>&) noexcept {}

  T* allocate(std::size_t count) { return std::allocator<T>().allocate(count); }
  void deallocate(T* pointer, std::size_t count) noexcept { std::allocator<T>().deallocate(pointer, count); }

  template <class U>
  bool operator==(const ExactAllocator<U>&) const noexcept {
    return true;
  }
};

// co_await SocketReady(socket, Socket::wait_read): an error_code, none if the socket is ready. In a Detached
// coroutine, on the socket's thread; the socket outlives the wait.
class SocketReady {
 public:
  SocketReady(Socket& socket, Socket::wait_type what) noexcept : socket_(socket), what_(what) {}

  bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> waiting) {
    Resume resume(waiting, *this);
    try {
      socket_.async_wait(what_, std::move(resume));
    } catch (...) {
      resume.release();  // the coroutine goes on with the exception
      throw;
    }
  }
  boost::system::error_code await_resume() const noexcept { return error_; }

 private:
  // Owns the coroutine while it waits: an io_context that goes away takes it along.
  class Resume {
   public:
    using allocator_type = ExactAllocator<void>;
    allocator_type get_allocator() const noexcept { return {}; }

    Resume(std::coroutine_handle<> waiting, SocketReady& result) noexcept
        : waiting_(waiting), result_(&result) {}
    Resume(Resume&& other) noexcept : waiting_(other.release()), result_(other.result_) {}
    Resume& operator=(Resume&&) = delete;
    ~Resume() {
      if (waiting_) waiting_.destroy();
    }

    void operator()(boost::system::error_code error) {
      result_->error_ = error;
      release().resume();
    }
    std::coroutine_handle<> release() noexcept { return std::exchange(waiting_, nullptr); }

   private:
    std::coroutine_handle<> waiting_;
    SocketReady* result_;
  };

  Socket& socket_;
  const Socket::wait_type what_;
  boost::system::error_code error_;
};

}  // namespace corohub
