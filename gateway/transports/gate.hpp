// The layer under Beast's WebSocket: it lets Beast believe it has a socket, while the connection decides when
// to read and is the only one to write. Included by the WebSocket's translation units only.
#pragma once

#include "core/task.hpp"

#include <array>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include <boost/asio/async_result.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>
#include <boost/beast/core/async_base.hpp>
#include <boost/beast/core/bind_handler.hpp>
#include <boost/beast/core/buffer_traits.hpp>
#include <boost/beast/core/buffers_range.hpp>
#include <boost/beast/core/role.hpp>
#include <boost/beast/core/saved_handler.hpp>
#include <boost/system/error_code.hpp>

namespace corohub::gateway {

namespace beast = boost::beast;
using boost::system::error_code;

// What the Gate asks of its connection, which outlives every operation of Beast.
class GateKeeper {
 public:
  virtual Socket& socket() noexcept = 0;
  // Bytes came behind the HTTP request and have not been received yet.
  virtual bool has_unread() const noexcept = 0;
  // One non-blocking receive into `size` > 0 bytes. error: would_block, eof, or what broke the connection.
  virtual std::size_t receive(char* data, std::size_t size, error_code& error) noexcept = 0;
  // While true, reads wait in parked(); the keeper invokes it when that changes, from a turn of its own.
  virtual bool reading_held() const noexcept = 0;
  virtual beast::saved_handler& parked() noexcept = 0;
  // The 101 and its headers, then exactly one whole control frame at a time: Beast 1.81 hands each control
  // frame down in one write.
  virtual void write(std::string_view bytes, error_code& error) noexcept = 0;

 protected:
  ~GateKeeper() = default;
};

// Exactly what is asked for. Asio gives std::allocator a block that something else left behind, however much
// larger; this operation waits for as long as its connection lives.
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

// Waits for the socket without a buffer, receives, and hands over.
template <class Buffers, class Handler>
class GateRead : public beast::async_base<Handler, Executor> {
 public:
  using allocator_type = ExactAllocator<void>;
  allocator_type get_allocator() const noexcept { return {}; }

  GateRead(Handler&& handler, GateKeeper& keeper, const Buffers& buffers)
      : beast::async_base<Handler, Executor>(std::move(handler), keeper.socket().get_executor()),
        keeper_(keeper),
        buffers_(buffers) {}

  // Moves itself on, as every step does.
  void begin() {
    if (keeper_.reading_held()) return park();
    if (keeper_.has_unread()) return asio::post(std::move(*this));
    wait();
  }

  // Resumed by the socket, by the keeper, or by begin()'s post.
  void operator()(error_code error = {}) {
    if (!error && keeper_.reading_held()) return park();
    std::size_t size = 0;
    if (!error) {
      const asio::mutable_buffer buffer = *beast::buffers_range_ref(buffers_).begin();
      size = keeper_.receive(static_cast<char*>(buffer.data()), buffer.size(), error);
      if (error == asio::error::would_block) return wait();
    }
    this->complete_now(error, size);
  }

 private:
  void park() { keeper_.parked().emplace(std::move(*this)); }
  void wait() { keeper_.socket().async_wait(Socket::wait_read, std::move(*this)); }

  GateKeeper& keeper_;
  Buffers buffers_;
};

struct InitiateGateRead {
  template <class Handler, class Buffers>
  void operator()(Handler&& handler, GateKeeper* keeper, const Buffers& buffers) const {
    GateRead<Buffers, std::decay_t<Handler>> operation(std::forward<Handler>(handler), *keeper, buffers);
    operation.begin();
  }
};

template <class Buffers>
std::size_t gate_write(GateKeeper& keeper, const Buffers& buffers, error_code& error) {
  const std::size_t size = beast::buffer_bytes(buffers);
  std::array<char, 256> small;
  std::string large;
  if (size > small.size()) large.resize(size);
  char* const bytes = size > small.size() ? large.data() : small.data();
  asio::buffer_copy(asio::mutable_buffer(bytes, size), buffers);
  keeper.write({bytes, size}, error);
  return error ? 0 : size;
}

// Completes when the bytes are queued; how many may wait is bounded by the keeper.
struct InitiateGateWrite {
  template <class Handler, class Buffers>
  void operator()(Handler&& handler, GateKeeper* keeper, const Buffers& buffers) const {
    error_code error;
    const std::size_t size = gate_write(*keeper, buffers, error);
    asio::post(keeper->socket().get_executor(),
               beast::bind_front_handler(std::forward<Handler>(handler), error, size));
  }
};

class Gate {
 public:
  using executor_type = Executor;
  using next_layer_type = Socket;

  explicit Gate(GateKeeper& keeper) noexcept : keeper_(&keeper) {}

  executor_type get_executor() noexcept { return keeper_->socket().get_executor(); }
  next_layer_type& next_layer() noexcept { return keeper_->socket(); }
  const next_layer_type& next_layer() const noexcept { return keeper_->socket(); }

  template <class Buffers, class Token>
  auto async_read_some(const Buffers& buffers, Token&& token) {
    return asio::async_initiate<Token, void(error_code, std::size_t)>(InitiateGateRead{}, token, keeper_,
                                                                      buffers);
  }
  template <class Buffers, class Token>
  auto async_write_some(const Buffers& buffers, Token&& token) {
    return asio::async_initiate<Token, void(error_code, std::size_t)>(InitiateGateWrite{}, token, keeper_,
                                                                      buffers);
  }

  // Beast's synchronous accept writes the 101 through these; nothing reads synchronously.
  template <class Buffers>
  std::size_t write_some(const Buffers& buffers, error_code& error) {
    return gate_write(*keeper_, buffers, error);
  }
  template <class Buffers>
  std::size_t write_some(const Buffers& buffers) {
    error_code error;
    const std::size_t size = gate_write(*keeper_, buffers, error);
    if (error) throw boost::system::system_error(error);
    return size;
  }
  template <class Buffers>
  std::size_t read_some(const Buffers&, error_code& error) noexcept {
    error = asio::error::operation_not_supported;
    return 0;
  }
  template <class Buffers>
  std::size_t read_some(const Buffers&) {
    throw boost::system::system_error(asio::error::operation_not_supported);
  }

 private:
  GateKeeper* keeper_;
};

// What Beast calls when the closing handshake is done or the stream has failed: nothing yet, because the
// connection still has to send what it queued.
template <class Handler>
void async_teardown(beast::role_type, Gate& gate, Handler&& handler) {
  asio::post(gate.get_executor(), beast::bind_front_handler(std::forward<Handler>(handler), error_code()));
}

inline void teardown(beast::role_type, Gate&, error_code& error) noexcept { error = {}; }

}  // namespace corohub::gateway
