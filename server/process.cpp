#include "server/process.hpp"

#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>

namespace corohub::server {
namespace {

rlimit descriptors() noexcept {
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  return limit;
}

}  // namespace

void prepare_process() {
  ::umask(077);
  rlimit limit = descriptors();
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
#ifdef NDEBUG  // a debugger and the leak checker need tracing
  ::prctl(PR_SET_DUMPABLE, 0);
#endif
}

std::size_t descriptor_limit() noexcept { return descriptors().rlim_cur; }

}  // namespace corohub::server
