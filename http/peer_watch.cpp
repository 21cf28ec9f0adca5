#include "http/peer_watch.hpp"

#include <array>
#include <cstddef>
#include <new>
#include <utility>

#include <boost/asio/buffer.hpp>

namespace corohub::http {
namespace {

constexpr std::size_t kept_bytes_max = 16 * 1024;

}  // namespace

// Shared with the operation under way, which may outlive the watch by a turn.
struct PeerWatch::Wait {
  // Reads what has come. False: the peer's end is there, or there is more than may be kept.
  bool take_in() {
    std::array<char, 4096> bytes;
    while (inbound.size() < kept_bytes_max) {
      boost::system::error_code failure;
      const std::size_t size = socket.read_some(asio::buffer(bytes), failure);
      if (failure == asio::error::would_block) return true;
      if (failure) {
        std::exchange(then, nullptr)();
        return false;
      }
      inbound.append(bytes.data(), size);
    }
    return false;
  }

  Socket& socket;
  std::string& inbound;
  std::function<void()> then;
  bool over = false;
};

PeerWatch::~PeerWatch() {
  if (!wait_) return;
  wait_->over = true;
  boost::system::error_code ignored;
  socket_.cancel(ignored);
}

void PeerWatch::on_end(std::function<void()> then) {
  wait_ = std::make_shared<Wait>(Wait{socket_, inbound_, std::move(then)});
  wait(wait_);
}

void PeerWatch::wait(std::shared_ptr<Wait> state) {
  Socket& socket = state->socket;
  socket.async_wait(Socket::wait_read, [state = std::move(state)](const boost::system::error_code& failure) {
    if (state->over) return;
    try {
      if (failure)
        std::exchange(state->then, nullptr)();  // the connection was closed from our side
      else if (state->take_in())
        wait(state);
    } catch (const std::bad_alloc&) {
      if (state->then) std::exchange(state->then, nullptr)();  // nobody would watch any more
    }
  });
}

}  // namespace corohub::http
