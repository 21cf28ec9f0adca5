// What a STOMP client asked, as it is written into a session's RequestId and read again when the answer
// comes. Pure.
#pragma once

#include "gateway/session/command.hpp"

#include <cstdint>
#include <string>
#include <string_view>

namespace corohub::gateway::stomp {

struct Request {
  enum class Kind : char {
    connect = 'c',     // the credential of a CONNECT
    credential = 'w',  // of another frame, which waits until it is judged
    refresh = 'r',     // a new credential that came with another frame
    subscribe = 's',
    plain = 'p',  // answered with a RECEIPT, if with anything
    task = 't',   // a SEND to /app/…
  };

  RequestId text() const;
  // Of what text() has made.
  static Request parse(std::string_view text);

  Kind kind = Kind::plain;
  std::uint32_t label = 0;    // of a subscription
  std::string receipt{};      // empty: none was asked for
  std::string correlation{};  // the client's name for a task; empty: none
};

}  // namespace corohub::gateway::stomp
