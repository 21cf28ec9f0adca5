// What a session and the carrier of its bytes see of each other: nothing of sockets, frames or libraries.
// Everything here happens on the connection's shard.
#pragma once

#include "core/close_reason.hpp"
#include "hub/member.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace corohub::gateway {

enum class Drain : bool {
  no,   // what waits is dropped, but for a frame that was started
  yes,  // what waits leaves first, within a bounded time
};

enum class MessageKind : std::uint8_t { text, binary };

// A protocol's text as the bytes of a carrier. A Wrap lives as long as the process. Safe from any thread.
class Wrap {
 public:
  // What a frame holds of a message: all of it; or the beginning, which names the addressee and is joined to
  // the next frame; or the rest, which all addressees share.
  enum class Part : std::uint8_t { whole, first, last };

  // Throws for memory. `kind` binary: only of a wrap that carries_binary().
  virtual hub::FrameRef frame(std::string_view text, Part part, const hub::Audience& audience,
                              MessageKind kind = MessageKind::text) const = 0;
  virtual bool carries_binary() const noexcept { return false; }

 protected:
  ~Wrap() = default;
};

// Several outboxes that leave by one socket in turn, in whole messages. A turn ends when the outbox is empty
// or has sent as much as waited in it when its turn began: one that is refilled all the time keeps no other
// waiting.
class OutboxQueue {
 public:
  // Whose turn is next; null: nothing waits in any of them. What still waits in the one in hand is behind all
  // others.
  virtual hub::Outbox* next_outbox(const hub::Outbox& in_hand) noexcept = 0;

 protected:
  ~OutboxQueue() = default;
};

inline constexpr std::size_t small_message_bytes = 65'536;

// Bytes of one connection going out. Never blocks, throws or re-enters its listener.
class Transport : public hub::Outlet {
 public:
  virtual ~Transport() = default;

  virtual std::string_view name() const noexcept = 0;  // "websocket"
  // How a text becomes its bytes; the same as long as it is open.
  virtual const Wrap& wrap() const noexcept = 0;
  // What empties the outbox: this, or the transport it stands before, so that a delivery finds what it sends
  // from without a detour.
  virtual hub::Outlet& outlet() noexcept { return *this; }
  // The end of our own will; the first reason counts. Nothing pushed afterwards is sent.
  virtual void close(CloseReason reason, Drain drain) noexcept = 0;
  // Reset, now.
  virtual void abort() noexcept = 0;
  // Stops reading behind the message under way, so that the peer is held back by TCP.
  virtual void pause_reading() noexcept = 0;
  virtual void resume_reading() noexcept = 0;
  // Until its listener knows who the peer is, a transport takes no message of more than small_message_bytes.
  virtual void allow_large_messages() noexcept {}
  // A message of the peer has begun and not ended.
  virtual bool is_receiving() const noexcept { return false; }
  // A text that leaves before what waits, between two messages: a heartbeat must not wait for a slow client.
  // False: this carrier can't, or too much waits.
  virtual bool send_ahead(std::string_view /*text*/) noexcept { return false; }
  // ---- for a listener that has several outboxes ----
  // From here on the transport asks the queue at the end of each turn; at first the outbox in hand is the one
  // it began with. The queue outlives the transport, or is replaced by null.
  virtual void take_turns(OutboxQueue*) noexcept {}
  // As flush(), when something waits in an outbox of the queue.
  virtual void flush_queue() noexcept {}
  // `from` is going: if it is in hand, `to`, which is empty, replaces it. What was begun leaves all the same.
  virtual void leave(hub::Outbox& /*from*/, hub::Outbox& /*to*/) noexcept {}

  // What it has told as one message were so many more: its limits count them, too.
  virtual void count_messages(std::uint32_t /*more*/) noexcept {}
};

// What a transport tells its session. It keeps its listener alive until on_closed() has returned.
class TransportListener {
 public:
  virtual ~TransportListener() = default;

  // The connection stands: from here on frames may be pushed. First call.
  virtual void on_open(Transport& transport) = 0;
  // A whole message within the limits; text is valid UTF-8. The view ends with the call.
  virtual void on_message(MessageKind kind, std::string_view payload) = 0;
  // Whether a message says only that the peer is there: it counts as a ping does.
  virtual bool is_heartbeat(std::string_view) const noexcept { return false; }
  // The client sends more than it may and is not read from for a moment. Once per episode.
  virtual void on_throttled() = 0;
  // The socket was full and has taken all that waited.
  virtual void on_low_water() = 0;
  // `<epoch>:<seq>`: what a client that has read all that was queued so far has had. Empty: there is none.
  virtual std::string position_text() const { return {}; }
  // The protocol's last message, as text, before the carrier's own last bytes; empty: none. Asked once, when
  // an end begins, whoever begins it.
  virtual std::string farewell(CloseReason) { return {}; }
  // Of a listener that is itself a carrier for another: what it says behind that, as text.
  virtual std::string carrier_farewell(CloseReason) { return {}; }
  // Exactly once, last call: the transport is not to be touched any more.
  virtual void on_closed(CloseReason reason) noexcept = 0;
};

}  // namespace corohub::gateway
