// What an operator decides about STOMP. A plain value.
#pragma once

#include "core/token_bucket.hpp"

#include <cstddef>

namespace corohub::gateway::stomp {

struct Settings {
  std::size_t message_bytes_max = 65'536;  // of a client's frame, head and body
  // An event is two fragments of one WebSocket message, of which all share the second. False: one whole
  // message for each client, for clients that cannot read fragments.
  bool fragments = true;
  // Frames of a client, however many stand in a message of its carrier (T58).
  TokenBucket::Rate frames{.per_second = 100, .burst = 200};
};

}  // namespace corohub::gateway::stomp
