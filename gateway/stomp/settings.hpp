// What an operator decides about STOMP. A plain value.
#pragma once

#include <cstddef>

namespace corohub::gateway::stomp {

struct Settings {
  std::size_t message_bytes_max = 65'536;  // of a client's frame, head and body
  // An event is two fragments of one WebSocket message, of which all share the second. False: one whole
  // message for each client, for clients that cannot read fragments.
  bool fragments = true;
};

}  // namespace corohub::gateway::stomp
