// Counts what this thread allocates with operator new, which the program replaces.
#pragma once

#include <cstddef>

namespace corohub::test {

std::size_t allocations_of_this_thread() noexcept;
std::size_t releases_of_this_thread() noexcept;

class AllocationCount {
 public:
  std::size_t so_far() const noexcept { return allocations_of_this_thread() - before_; }
  // As long as what this thread releases is its own.
  std::size_t still_alive() const noexcept {
    return so_far() - (releases_of_this_thread() - released_before_);
  }

 private:
  std::size_t before_ = allocations_of_this_thread();
  std::size_t released_before_ = releases_of_this_thread();
};

}  // namespace corohub::test
