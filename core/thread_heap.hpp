// The calling thread's own part of malloc's memory.
#pragma once

#include <cstddef>

namespace corohub {

// Has glibc prepare `bytes` of the calling thread's heap, all of which it gives back: only the addresses
// stay. Without it each further page of a growing heap costs a system call that waits for the memory map of
// the whole process, and a password hash holds that for milliseconds. Other allocators lose nothing by it.
void prepare_thread_heap(std::size_t bytes) noexcept;

}  // namespace corohub
