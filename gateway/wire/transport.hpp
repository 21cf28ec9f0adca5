// What a session and the carrier of its bytes see of each other: nothing of sockets, frames or libraries.
// Everything here happens on the connection's shard.
#pragma once

#include "core/close_reason.hpp"
#include "hub/member.hpp"

#include <cstdint>
#include <string>
#include <string_view>

namespace corohub::gateway {

enum class Drain : bool {
  no,   // what waits is dropped, but for a frame that was started
  yes,  // what waits leaves first, within a bounded time
};

enum class MessageKind : std::uint8_t { text, binary };

// Bytes of one connection going out. Never blocks, throws or re-enters its listener.
class Transport : public hub::Outlet {
 public:
  virtual ~Transport() = default;

  virtual std::string_view name() const noexcept = 0;   // "websocket"
  virtual hub::WireFormat format() const noexcept = 0;  // which Frame of an Event to take
  // The end of our own will; the first reason counts. Nothing pushed afterwards is sent.
  virtual void close(CloseReason reason, Drain drain) noexcept = 0;
  // Reset, now.
  virtual void abort() noexcept = 0;
  // Stops reading behind the message under way, so that the peer is held back by TCP.
  virtual void pause_reading() noexcept = 0;
  virtual void resume_reading() noexcept = 0;
};

// What a transport tells its session. It keeps its listener alive until on_closed() has returned.
class TransportListener {
 public:
  virtual ~TransportListener() = default;

  // The connection stands: from here on frames may be pushed. First call.
  virtual void on_open(Transport& transport) = 0;
  // A whole message within the limits; text is valid UTF-8. The view ends with the call.
  virtual void on_message(MessageKind kind, std::string_view payload) = 0;
  // The client sends more than it may and is not read from for a moment. Once per episode.
  virtual void on_throttled() = 0;
  // The socket was full and has taken all that waited.
  virtual void on_low_water() = 0;
  // `<epoch>:<seq>`: what a client that has read all that was queued so far has had. Empty: there is none.
  virtual std::string position_text() const { return {}; }
  // Exactly once, last call: the transport is not to be touched any more.
  virtual void on_closed(CloseReason reason) noexcept = 0;
};

}  // namespace corohub::gateway
