#include "support/allocations.hpp"

#include <cstdlib>
#include <new>

// ThreadSanitizer brings its own operators and cannot have ours beside them: there nothing is counted.
#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define COROHUB_OPERATORS_ARE_TAKEN
#endif
#endif

namespace {

thread_local std::size_t allocations = 0;
thread_local std::size_t releases = 0;

}  // namespace

#ifndef COROHUB_OPERATORS_ARE_TAKEN
namespace {

void* counted(std::size_t size) noexcept {
  ++allocations;
  return std::malloc(size == 0 ? 1 : size);
}

void release(void* memory) noexcept {
  if (memory == nullptr) return;
  ++releases;
  std::free(memory);
}

void* counted_or_throw(std::size_t size) {
  void* memory = counted(size);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}

}  // namespace

void* operator new(std::size_t size) { return counted_or_throw(size); }
void* operator new[](std::size_t size) { return counted_or_throw(size); }
void* operator new(std::size_t size, const std::nothrow_t&) noexcept { return counted(size); }
void* operator new[](std::size_t size, const std::nothrow_t&) noexcept { return counted(size); }
void operator delete(void* memory) noexcept { release(memory); }
void operator delete[](void* memory) noexcept { release(memory); }
void operator delete(void* memory, std::size_t) noexcept { release(memory); }
void operator delete[](void* memory, std::size_t) noexcept { release(memory); }
void operator delete(void* memory, const std::nothrow_t&) noexcept { release(memory); }
void operator delete[](void* memory, const std::nothrow_t&) noexcept { release(memory); }
#endif

namespace corohub::test {

std::size_t allocations_of_this_thread() noexcept { return allocations; }
std::size_t releases_of_this_thread() noexcept { return releases; }

}  // namespace corohub::test
