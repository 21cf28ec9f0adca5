// How much of the heap is in use, for guards of what one idle connection costs.
#pragma once

#include <cstddef>

#include <malloc.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#include <sanitizer/allocator_interface.h>
#define COROHUB_ASAN_HEAP 1
#endif
#endif

namespace corohub::test {

inline std::size_t heap_in_use() {
#ifdef COROHUB_ASAN_HEAP
  return __sanitizer_get_current_allocated_bytes();
#else
  return mallinfo2().uordblks;
#endif
}

}  // namespace corohub::test
