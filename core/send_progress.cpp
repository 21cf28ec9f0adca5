#include "core/send_progress.hpp"

#include <algorithm>

#include <linux/sockios.h>
#include <sys/ioctl.h>

namespace corohub {

bool SendProgress::look(std::uint64_t acknowledged, SteadyTime now) noexcept {
  if (static_cast<std::int64_t>(acknowledged - mark_) >= bytes_wanted()) {
    mark_ = acknowledged;
    ends_ = now + time_;
  }
  next_look_ = std::min(ends_, now + look_interval());
  return now < ends_;
}

std::size_t unacknowledged_bytes(int socket) noexcept {
  int bytes = 0;
  return ::ioctl(socket, SIOCOUTQ, &bytes) == 0 ? static_cast<std::size_t>(bytes) : 0;
}

}  // namespace corohub
