// Lines of text on their way to a descriptor, written by a thread of their own. Whoever reads the other end
// may stop doing so: the queue is bounded, a full one loses its oldest line and counts it, and the end waits
// for a bounded time. Safe from any thread.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <thread>

namespace corohub {

class LineWriter {
 public:
  // The descriptor stays the caller's, who closes it; writing to it may block.
  LineWriter(int descriptor, std::size_t lines_max);
  // Lines that are still queued are lost unless stop() was called before.
  ~LineWriter();
  LineWriter(const LineWriter&) = delete;
  LineWriter& operator=(const LineWriter&) = delete;

  // Adds the line's end. Does nothing after stop().
  void write(std::string line);

  // Waits until all lines are written, for at most `time`. False: some were lost. Call once.
  bool stop(std::chrono::milliseconds time);

  // Lines lost because the queue was full.
  std::uint64_t dropped() const;

 private:
  struct Queue;

  std::shared_ptr<Queue>
      queue_;  // the thread's, too, which may outlive this object in a write that does not return
  std::thread thread_;
};

}  // namespace corohub
