// An immutable fact and its bytes on the wire. Shared between shards by reference count; safe from any
// thread.
#pragma once

#include "core/clock.hpp"
#include "core/position.hpp"
#include "hub/audience.hpp"

#include <array>
#include <atomic>
#include <cstddef>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include <boost/smart_ptr/intrusive_ptr.hpp>
#include <boost/smart_ptr/intrusive_ref_counter.hpp>

namespace corohub::hub {

// In which shape a transport sends an event.
enum class WireFormat : std::uint8_t {
  websocket_text,     // RFC 6455: unmasked text frame, header and payload
  event_stream,       // server-sent event with its id, as a chunk of HTTP/1.1
  websocket_deflate,  // as websocket_text, an event compressed where that helps (RFC 7692)
  event_stream_bare,  // as event_stream, without the chunk: for HTTP/1.0
};
inline constexpr std::size_t wire_format_count = 4;

// Of shorter events there is nothing to gain: a window that begins empty, and one packet either way.
inline constexpr std::size_t compressed_text_min = 256;

// The exact bytes of one event in one wire format, the same for every client. One allocation: header and
// bytes.
class Frame {
 public:
  static boost::intrusive_ptr<const Frame> make(std::string_view head, std::string_view body,
                                                Audience audience);

  std::string_view bytes() const noexcept { return {reinterpret_cast<const char*>(this + 1), size_}; }
  std::size_t size() const noexcept { return size_; }
  // Whose it is, so that what waits in an outbox can be taken back when rights are lost.
  const Audience& audience() const noexcept { return audience_; }

 private:
  Frame(std::size_t size, Audience audience) noexcept : audience_(audience), size_(size) {}
  friend void intrusive_ptr_add_ref(const Frame* frame) noexcept {
    frame->references_.fetch_add(1, std::memory_order_relaxed);
  }
  friend void intrusive_ptr_release(const Frame* frame) noexcept {
    if (frame->references_.fetch_sub(1, std::memory_order_acq_rel) == 1) destroy(frame);
  }
  static void destroy(const Frame* frame) noexcept;

  mutable std::atomic<std::uint32_t> references_{0};
  Audience audience_;
  std::size_t size_;
};
using FrameRef = boost::intrusive_ptr<const Frame>;

// One text in a format, for one connection alone. `id` is what an event stream says of its position; empty:
// nothing. Other formats have no place for it. Never compressed: that is for what many share, and an answer
// repeats what its client chose beside what others must not learn (T57).
FrameRef make_frame(WireFormat format, std::string_view text, std::string_view id, const Audience& audience);

// The head of an unmasked WebSocket frame (RFC 6455, section 5.2). `first` has FIN, RSV and the opcode.
std::string websocket_head(char first, std::size_t size);

// A piece of a body with Transfer-Encoding: chunked.
std::string http_chunk(std::string_view bytes);

// What an event is made of, before it has its place in the log.
struct EventDraft {
  std::string type;     // "user.updated"
  std::string data;     // JSON text (valid, not empty), delivered as it is
  Audience audience;    // of a topic's event: the roles that may subscribe to it
  std::string topic{};  // empty: not an event of a topic
};

class Event : public boost::intrusive_ref_counter<Event, boost::thread_safe_counter> {
 public:
  // `seq` 0: volatile. `time` is the commit's for a durable event.
  Event(EventDraft draft, Seq seq, UnixMs time);

  Seq seq() const noexcept { return seq_; }
  bool durable() const noexcept { return seq_ > 0; }
  const Audience& audience() const noexcept { return audience_; }
  std::string_view type() const noexcept { return type_; }
  // Goes to the subscribers of this topic and to nobody else; empty: by its audience.
  std::string_view topic() const noexcept { return topic_; }
  // The message of CONTRACT section 3: {"type":…,"data":…,"timestamp":…,"seq":…,"topic":…}.
  std::string_view text() const noexcept { return text_; }

  // Encoded at the first call for each format and kept. `epoch` is the log's: an event stream names it. An
  // event that is short, or would not shrink, has one frame for both formats of a WebSocket.
  const FrameRef& frame(WireFormat format, std::string_view epoch = {}) const;

 private:
  FrameRef encode(WireFormat format, std::string_view epoch) const;

  std::string text_;
  std::string type_;
  std::string topic_;
  Audience audience_;
  Seq seq_;
  mutable std::array<std::once_flag, wire_format_count> encoded_;
  mutable std::array<FrameRef, wire_format_count> frames_;
};
using EventRef = boost::intrusive_ptr<const Event>;

// Frames built since the process started: one per event and format, however many clients (a counted guard).
std::uint64_t frames_built() noexcept;
// Memory of all frames alive in the process. A frame counts once, in however many outboxes it waits.
std::size_t frame_bytes() noexcept;

}  // namespace corohub::hub
