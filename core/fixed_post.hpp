// Posts one handler at a time to an io_context, in memory of its own, so that posting cannot fail. It is for
// a wake-up that a flag promises once: after a failed allocation nobody would ever be woken again.
#pragma once

#include "core/task.hpp"

#include <array>
#include <cstddef>
#include <exception>
#include <memory>
#include <utility>

#include <boost/asio/bind_allocator.hpp>
#include <boost/asio/post.hpp>

namespace corohub {

class FixedPost {
 public:
  FixedPost() = default;
  FixedPost(const FixedPost&) = delete;
  FixedPost& operator=(const FixedPost&) = delete;

  // Any thread, but not again before `handler`, a small noexcept function, has begun. A handler that is still
  // posted when this object is destroyed stays with the io_context.
  template <class F>
  void post(asio::io_context& context, F handler) noexcept {
    asio::post(context, asio::bind_allocator(Memory<void>(block_), std::move(handler)));
  }

 private:
  static constexpr std::size_t bytes_max = 128;

  struct Block {
    alignas(std::max_align_t) std::array<std::byte, bytes_max> bytes;
    bool taken = false;  // handed from thread to thread with the flag that allows the next post
  };

  template <class T>
  class Memory {
   public:
    using value_type = T;

    explicit Memory(std::shared_ptr<Block> block) noexcept : block_(std::move(block)) {}
    template <class U>
    Memory(const Memory<U>& other) noexcept : block_(other.block_) {}

    T* allocate(std::size_t count) noexcept {
      static_assert(sizeof(T) <= bytes_max && alignof(T) <= alignof(std::max_align_t));
      if (count != 1 || std::exchange(block_->taken, true)) std::terminate();  // the caller's bug
      return reinterpret_cast<T*>(block_->bytes.data());
    }
    void deallocate(T*, std::size_t) noexcept { block_->taken = false; }

    template <class U>
    bool operator==(const Memory<U>& other) const noexcept {
      return block_ == other.block_;
    }

   private:
    template <class U>
    friend class Memory;
    std::shared_ptr<Block> block_;
  };

  const std::shared_ptr<Block> block_ = std::make_shared<Block>();
};

}  // namespace corohub
