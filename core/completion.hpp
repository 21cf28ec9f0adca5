// Work that another thread finishes: how the answer finds its way home, if anybody waits for it there.
#pragma once

#include "core/task.hpp"

#include <memory>
#include <optional>
#include <vector>

#include <boost/asio/executor_work_guard.hpp>

namespace corohub {

// One operation. With an origin it is created on that executor's thread, worked on by another one, and
// finished at home; it keeps the origin's io_context running until then, so `finish` always runs. Without one
// nobody waits for it: it finishes on the thread that has done the work.
class Completion {
 public:
  Completion() = default;
  explicit Completion(const Executor& origin) : origin_(std::in_place, origin) {}
  virtual ~Completion() = default;
  Completion(const Completion&) = delete;
  Completion& operator=(const Completion&) = delete;

  // On the origin's thread, exactly once: resumes whoever waits.
  virtual void finish() noexcept = 0;

  // Nothing: there is none.
  std::optional<Executor> origin() const noexcept {
    if (!origin_) return std::nullopt;
    return origin_->get_executor();
  }

 private:
  std::optional<asio::executor_work_guard<Executor>> origin_;
};

// Sends each of them home; one post per origin. Any thread.
void finish_at_home(std::vector<std::unique_ptr<Completion>> completions);

}  // namespace corohub
