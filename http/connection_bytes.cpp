// The side of a Connection that faces its socket: bytes in, bytes out, and the deadline of each phase.
#include "http/connection.hpp"

#include <algorithm>
#include <array>
#include <chrono>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/post.hpp>

namespace corohub::http {
namespace {

using namespace std::chrono_literals;

// A body may be slower than the rate below for so long.
constexpr std::chrono::seconds body_grace = 5s;
constexpr std::size_t body_bytes_per_s_min = 1024;

constexpr std::chrono::seconds linger_time = 2s;          // for the next bytes of a turn
constexpr std::chrono::seconds linger_time_max = 30s;     // for all of them
constexpr std::size_t linger_bytes_max = 64 << 20;        // a body that is too large by mistake has less
constexpr std::size_t linger_bytes_per_turn = 256 << 10;  // then others of the shard have theirs
constexpr std::size_t idle_buffer_bytes_max = 4096;

constexpr auto ready = asio::as_tuple(asio::deferred);

std::array<char, 16'384>& scratch() noexcept {
  static thread_local std::array<char, 16'384> buffer;
  return buffer;
}

}  // namespace

// ---- deadlines ----

// The wheel is not told of every phase: it looks at a connection at the earliest deadline it was told of, and
// the connection then says which deadline holds.
void Connection::enter(Phase phase) noexcept {
  phase_ = phase;
  deadline_ = SteadyTime::max();
}

void Connection::enter(Phase phase, SteadyTime from, std::chrono::milliseconds time) noexcept {
  phase_started_ = shard_->wheel.at(from);
  enter(phase, phase_started_ + time);
}

void Connection::enter(Phase phase, SteadyTime wheel_until) noexcept {
  phase_ = phase;
  deadline_ = wheel_until;
  shard_->wheel.arm_by(*this, deadline());
}

SteadyTime Connection::deadline() const noexcept {
  if (phase_ != Phase::body) return deadline_;
  const std::chrono::seconds earned(reader_.body_bytes() / body_bytes_per_s_min);
  return std::min(deadline_, phase_started_ + body_grace + earned);
}

void Connection::on_due(SteadyTime now) noexcept {
  if (phase_ == Phase::writing && progress_->look(acknowledged(), now)) deadline_ = progress_->next_look();
  if (deadline_ == SteadyTime::max()) return;
  if (now < deadline()) return shard_->wheel.arm(*this, deadline());
  timed_out_ = true;
  if (phase_ == Phase::head) shard_->metrics.header_timeouts.Increment();
  if (phase_ == Phase::body) shard_->metrics.body_timeouts.Increment();
  if (phase_ == Phase::writing) shard_->metrics.write_timeouts.Increment();
  boost::system::error_code ignored;
  socket_.cancel(ignored);
}

// ---- bytes ----

void Connection::feed() {
  std::size_t used = 0;
  std::size_t piece = 0;
  do {
    const RequestReader::State before = reader_.state();
    piece = reader_.feed(std::string_view(inbound_).substr(used));
    used += piece;
    if (reader_.state() != before) break;  // behind the head: the body is the next step
  } while (piece > 0);
  inbound_.erase(0, used);
  if (inbound_.empty() && inbound_.capacity() > idle_buffer_bytes_max) inbound_ = std::string();
}

bool Connection::receive_now(boost::system::error_code& failure) {
  const std::size_t size = socket_.read_some(asio::buffer(scratch()), failure);
  if (!failure) inbound_.append(scratch().data(), size);
  return !failure;
}

// False: nothing more will come (end of stream, deadline, stop).
Task<bool> Connection::receive() {
  boost::system::error_code failure;
  while (!ended()) {
    if (receive_now(failure)) co_return true;
    if (failure != asio::error::would_block) co_return false;
    const auto [wait_failure] = co_await socket_.async_wait(Socket::wait_read, ready);
    if (wait_failure) co_return false;
  }
  co_return false;
}

std::size_t Connection::send_now(std::string_view bytes) {
  boost::system::error_code failure;
  const std::size_t size = socket_.write_some(asio::buffer(bytes.data(), bytes.size()), failure);
  if (failure && failure != asio::error::would_block) broken_ = true;
  if (failure) return 0;
  handed_over_ += size;
  return size;
}

std::uint64_t Connection::acknowledged() noexcept {
  return handed_over_ - unacknowledged_bytes(socket_.native_handle());
}

// A client that reads on gets the whole answer, however long that takes; for a client that does not read, the
// answer is given up.
Task<> Connection::send(std::string bytes) {
  const std::chrono::milliseconds time = shard_->server->settings().write_timeout;
  progress_.emplace(time, acknowledged(), shard_->wheel.at(now()));
  enter(Phase::writing, progress_->next_look());
  for (std::string_view rest = bytes; !rest.empty() && !broken_;) {
    const std::size_t size = send_now(rest);
    rest.remove_prefix(size);
    if (size > 0 || broken_) continue;
    broken_ = ended();
    if (broken_) break;
    const auto [wait_failure] = co_await socket_.async_wait(Socket::wait_write, ready);
    broken_ = wait_failure || ended();
  }
  enter(Phase::handling);
  if (!timed_out_) co_return;
  boost::system::error_code ignored;
  socket_.set_option(asio::socket_base::linger(true, 0), ignored);
}

// The answer to a client that is still sending must not be lost to a reset: the sending side is closed, and
// what comes is read as long as it comes, for a while.
Task<> Connection::linger() {
  boost::system::error_code failure;
  socket_.shutdown(Socket::shutdown_send, failure);
  if (failure) co_return;
  timed_out_ = false;
  const SteadyTime end = now() + linger_time_max;
  enter(Phase::lingering, now(), linger_time);
  std::size_t of_turn = 0;
  for (std::size_t total = 0; total < linger_bytes_max; total += inbound_.size()) {
    inbound_.clear();
    const bool more = co_await receive();
    if (!more) co_return;
    of_turn += inbound_.size();
    if (of_turn < linger_bytes_per_turn) continue;
    of_turn = 0;
    if (now() >= end) co_return;
    enter(Phase::lingering, now(), linger_time);
    co_await asio::post(socket_.get_executor(), asio::deferred);
  }
}

}  // namespace corohub::http
