// Work that another thread finishes for a coroutine of a shard: how the answer finds its way home.
#pragma once

#include "core/task.hpp"

#include <memory>
#include <vector>

#include <boost/asio/executor_work_guard.hpp>

namespace corohub {

// One suspended operation. Created on its origin's thread, worked on by another one, finished at home. It
// keeps the origin's io_context running until then, so `finish` always runs.
class Completion {
 public:
  explicit Completion(const Executor& origin) : origin_(origin) {}
  virtual ~Completion() = default;
  Completion(const Completion&) = delete;
  Completion& operator=(const Completion&) = delete;

  // On the origin's thread, exactly once: resumes the coroutine.
  virtual void finish() noexcept = 0;

  Executor origin() const noexcept { return origin_.get_executor(); }

 private:
  asio::executor_work_guard<Executor> origin_;
};

// Sends each of them home; one post per origin. Any thread.
void finish_at_home(std::vector<std::unique_ptr<Completion>> completions);

}  // namespace corohub
