#include "core/line_writer.hpp"

#include <cerrno>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <string_view>
#include <utility>

#include <poll.h>
#include <unistd.h>

namespace corohub {
namespace {

// Text that cannot be written is given up: there is nobody to tell.
void write_all(int descriptor, std::string_view text) noexcept {
  while (!text.empty()) {
    const ssize_t written = ::write(descriptor, text.data(), text.size());
    if (written > 0) {
      text.remove_prefix(static_cast<std::size_t>(written));
    } else if (written < 0 &&
               errno == EAGAIN) {  // another process that shares the descriptor has made it non-blocking
      pollfd room{descriptor, POLLOUT, 0};
      ::poll(&room, 1, -1);
    } else if (written == 0 || errno != EINTR) {
      return;
    }
  }
}

}  // namespace

struct LineWriter::Queue {
  explicit Queue(std::size_t most) : lines_max(most) {}

  void run(int descriptor);

  const std::size_t lines_max;
  std::mutex mutex;
  std::condition_variable changed;
  std::deque<std::string> lines;
  std::uint64_t dropped = 0;
  bool stopping = false;
  bool done = false;
};

void LineWriter::Queue::run(int descriptor) {
  std::unique_lock lock(mutex);
  for (;;) {
    changed.wait(lock, [this] { return stopping || !lines.empty(); });
    if (lines.empty()) break;
    const std::string line = std::move(lines.front());
    lines.pop_front();
    lock.unlock();
    write_all(descriptor, line);
    lock.lock();
  }
  done = true;
  changed.notify_all();
}

LineWriter::LineWriter(int descriptor, std::size_t lines_max)
    : queue_(std::make_shared<Queue>(lines_max)),
      thread_([queue = queue_, descriptor] { queue->run(descriptor); }) {}

LineWriter::~LineWriter() { stop(std::chrono::milliseconds(0)); }

void LineWriter::write(std::string line) {
  line += '\n';
  {
    const std::lock_guard lock(queue_->mutex);
    if (queue_->stopping) return;
    if (queue_->lines.size() == queue_->lines_max) {
      queue_->lines.pop_front();
      ++queue_->dropped;
    }
    queue_->lines.push_back(std::move(line));
  }
  queue_->changed.notify_one();
}

bool LineWriter::stop(std::chrono::milliseconds time) {
  if (!thread_.joinable()) return true;
  std::unique_lock lock(queue_->mutex);
  queue_->stopping = true;
  queue_->changed.notify_all();
  const bool done = queue_->changed.wait_for(lock, time, [this] { return queue_->done; });
  queue_->lines.clear();  // a writer that goes on after all ends with the line it has begun
  lock.unlock();
  if (done)
    thread_.join();
  else
    thread_.detach();
  return done;
}

std::uint64_t LineWriter::dropped() const {
  const std::lock_guard lock(queue_->mutex);
  return queue_->dropped;
}

}  // namespace corohub
