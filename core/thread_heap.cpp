#include "core/thread_heap.hpp"

#include <cstdlib>
#include <new>
#include <vector>

namespace corohub {
namespace {

// Smaller than what malloc maps on its own.
constexpr std::size_t block_bytes = 64 << 10;

}  // namespace

void prepare_thread_heap(std::size_t bytes) noexcept {
  try {
    std::vector<void*> blocks;
    blocks.reserve(bytes / block_bytes);
    while (blocks.size() < blocks.capacity()) {
      void* const block = std::malloc(block_bytes);
      if (block == nullptr) break;
      blocks.push_back(block);
    }
    // Freed in the order of their addresses, so that the blocks join the end of the heap as one piece.
    for (void* const block : blocks) std::free(block);
  } catch (const std::bad_alloc&) {  // the heap then grows as it needs
  }
}

}  // namespace corohub
