// What another process has used so far, from the kernel's own account.
#pragma once

#include <cstdint>

#include <sys/types.h>

namespace corohub::bench {

// Nanoseconds of user and system time of all its threads together.
std::int64_t cpu_ns(pid_t process);
// Of this in user mode: nanoseconds, by the clock tick (10 ms).
std::int64_t user_ns(pid_t process);
// CPU time of all processes of the machine together: nanoseconds, by the clock tick.
std::int64_t machine_ns();
// Proportional set size: its share of all resident pages, in bytes.
struct Memory {
  std::int64_t heap = 0;       // the mapping [heap]: what malloc took with brk()
  std::int64_t anonymous = 0;  // other anonymous memory: threads' arenas and stacks, heaps of other languages
  std::int64_t rest = 0;       // programs, libraries, files, shared memory, the first stack

  std::int64_t all() const { return heap + anonymous + rest; }
};
Memory memory_of(pid_t process);

}  // namespace corohub::bench
