// Whether Redis is there, as one thing, however many connections there are to it: asked by health from any
// thread, and told to those who listen for what the server says of itself.
#pragma once

#include <atomic>
#include <cstddef>
#include <functional>
#include <string>
#include <string_view>

namespace corohub::ingest {

class RedisStatus {
 public:
  // `tell` is called on the thread that reports.
  explicit RedisStatus(std::function<void(std::string_view message)> tell) : tell_(std::move(tell)) {}

  // Any thread. Before the first try has ended nothing is known, and nothing is wrong.
  bool is_away() const noexcept { return away_.load(std::memory_order_relaxed) > 0; }

  // A connection that was not lost is; what was published meanwhile `may_be_missing`, or waits in a stream.
  void lost(bool may_be_missing);
  // One that was lost is back.
  void back();

 private:
  std::function<void(std::string_view)> tell_;
  std::atomic<int> away_{0};
  bool may_be_missing_ = false;
};

}  // namespace corohub::ingest
