#include "bench/process.hpp"

#include "bench/wire.hpp"

#include <ctime>
#include <fstream>
#include <sstream>
#include <string>

#include <unistd.h>

namespace corohub::bench {

std::int64_t cpu_ns(pid_t process) {
  clockid_t clock{};
  timespec time{};
  if (clock_getcpuclockid(process, &clock) != 0 || clock_gettime(clock, &time) != 0)
    fail("no CPU clock of process " + std::to_string(process));
  return std::int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
}

std::int64_t user_ns(pid_t process) {
  std::ifstream file("/proc/" + std::to_string(process) + "/stat");
  std::string line;
  std::getline(file, line);
  // After the name, which may contain anything, in parentheses: the state is field 3, utime is field 14.
  const std::size_t name_end = line.rfind(')');
  if (name_end == std::string::npos) fail("no /proc/" + std::to_string(process) + "/stat");
  std::istringstream fields(line.substr(name_end + 1));
  std::string skipped;
  for (int field = 3; field < 14; ++field) fields >> skipped;
  std::int64_t ticks = 0;
  fields >> ticks;
  return ticks * (1'000'000'000 / sysconf(_SC_CLK_TCK));
}

std::int64_t machine_ns() {
  std::ifstream file("/proc/stat");
  std::string name;
  std::int64_t user = 0;
  std::int64_t nice = 0;
  std::int64_t system = 0;
  if (!(file >> name >> user >> nice >> system)) fail("no /proc/stat");
  return (user + nice + system) * (1'000'000'000 / sysconf(_SC_CLK_TCK));
}

Memory memory_of(pid_t process) {
  std::ifstream file("/proc/" + std::to_string(process) + "/smaps");
  if (!file) fail("no /proc/" + std::to_string(process) + "/smaps");
  Memory memory;
  std::int64_t* mapping = &memory.rest;
  for (std::string line; std::getline(file, line);) {
    std::istringstream fields(line);
    std::string word;
    fields >> word;
    if (word == "Pss:") {
      std::int64_t kilobytes = 0;
      fields >> kilobytes;
      *mapping += kilobytes * 1024;
    } else if (!word.ends_with(':')) {
      // A mapping: addresses, permissions, offset, device, inode, name.
      std::string name;
      for (int field = 0; field < 5; ++field) {
        name.clear();
        fields >> name;
      }
      mapping = name == "[heap]"                            ? &memory.heap
                : name.empty() || name.starts_with("[anon") ? &memory.anonymous
                                                            : &memory.rest;
    }
  }
  return memory;
}

}  // namespace corohub::bench
