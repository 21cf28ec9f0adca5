// The calling thread's own part of malloc's memory.
#pragma once

#include <cstddef>

namespace corohub {

// Has glibc prepare `bytes` of the calling thread's heap and gives all of them back: only the addresses stay.
// Without that, each further page of a growing heap costs a system call that waits for the memory map of the
// whole process, which a password hash holds for milliseconds. With other allocators nothing is lost.
void prepare_thread_heap(std::size_t bytes) noexcept;

}  // namespace corohub
