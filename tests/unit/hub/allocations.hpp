// Counts what this thread allocates with operator new, which the program replaces.
#pragma once

#include <cstddef>

namespace corohub::hub::test {

std::size_t allocations_of_this_thread() noexcept;

class AllocationCount {
 public:
  std::size_t so_far() const noexcept { return allocations_of_this_thread() - before_; }

 private:
  std::size_t before_ = allocations_of_this_thread();
};

}  // namespace corohub::hub::test
