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
std::int64_t pss_bytes(pid_t process);

}  // namespace corohub::bench
