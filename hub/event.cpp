#include "hub/event.hpp"

#include "core/deflate.hpp"
#include "core/metrics.hpp"

#include <charconv>
#include <cstring>
#include <new>
#include <utility>

#include <boost/json/serialize.hpp>
#include <boost/json/string_view.hpp>

namespace corohub::hub {
namespace {

std::atomic<std::uint64_t> frames_made{0};
std::atomic<std::size_t> frame_bytes_alive{0};

struct Counters {
  metrics::Counter& compressed =
      metrics::counter("corohub_compressed_events_total", "Events compressed, once for all clients.");
  metrics::Counter& bytes_in =
      metrics::counter("corohub_compressed_events_in_bytes_total", "Their size before.");
  metrics::Counter& bytes_out =
      metrics::counter("corohub_compressed_events_out_bytes_total", "Their size on the wire.");
};

Counters& counters() {
  static Counters all;
  return all;
}

std::string message_text(const EventDraft& draft, Seq seq, UnixMs time) {
  std::string text;
  text.reserve(draft.type.size() + draft.data.size() + draft.topic.size() + 112);
  text += R"({"type":)";
  text += boost::json::serialize(boost::json::string_view(draft.type.data(), draft.type.size()));
  text += R"(,"data":)";
  text += draft.data;
  text += R"(,"timestamp":")";
  text += rfc3339(time);
  text += '"';
  if (seq > 0) {
    text += R"(,"seq":)";
    text += std::to_string(seq);
  }
  // No character of a topic needs to be escaped.
  if (!draft.topic.empty()) text.append(R"(,"topic":")").append(draft.topic).append("\"");
  text += '}';
  return text;
}

constexpr char fin_text = static_cast<char>(0x81);
constexpr char fin_compressed_text = static_cast<char>(0xC1);  // RSV1, RFC 7692 section 6

// A line may end in CR LF, LF or CR: a line break inside the text must not begin a field (T54d).
std::string server_sent_event(std::string_view text, std::string_view id) {
  std::string out;
  out.reserve(text.size() + id.size() + 16);
  if (!id.empty()) out.append("id: ").append(id).append("\n");
  for (bool last = false; !last;) {
    const std::size_t end = text.find_first_of("\r\n");
    last = end == std::string_view::npos;
    out.append("data: ").append(text.substr(0, end)).append("\n");
    if (last) break;
    const bool pair = text.substr(end).starts_with("\r\n");
    text.remove_prefix(end + (pair ? 2 : 1));
  }
  out += '\n';
  return out;
}

// Null: the text is as good as it is.
FrameRef compressed_frame(std::string_view text, const Audience& audience) {
  if (text.size() < compressed_text_min) return nullptr;
  const std::string_view bytes = deflate_message(text);
  if (bytes.empty()) return nullptr;
  counters().compressed.Increment();
  counters().bytes_in.Increment(static_cast<double>(text.size()));
  counters().bytes_out.Increment(static_cast<double>(bytes.size()));
  return Frame::make(websocket_head(fin_compressed_text, bytes.size()), bytes, audience);
}

std::string position_text(std::string_view epoch, Seq seq) {
  std::string text(epoch);
  if (!epoch.empty()) text += ':';
  text += std::to_string(seq);
  return text;
}

}  // namespace

// The shortest of the three forms of the length.
std::string websocket_head(char first, std::size_t size) {
  constexpr char length_in_16_bits = 126;
  constexpr char length_in_64_bits = 127;
  std::string head(1, first);
  const auto append_big_endian = [&](int bytes) {
    for (int shift = 8 * (bytes - 1); shift >= 0; shift -= 8)
      head += static_cast<char>((static_cast<std::uint64_t>(size) >> shift) & 0xFF);
  };
  if (size < 126) {
    append_big_endian(1);
  } else if (size <= 0xFFFF) {
    head += length_in_16_bits;
    append_big_endian(2);
  } else {
    head += length_in_64_bits;
    append_big_endian(8);
  }
  return head;
}

std::string http_chunk(std::string_view bytes) {
  std::array<char, 16> digits;
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), bytes.size(), 16).ptr;
  std::string out(digits.data(), end);
  out.reserve(out.size() + bytes.size() + 4);
  out.append("\r\n").append(bytes).append("\r\n");
  return out;
}

FrameRef make_frame(WireFormat format, std::string_view text, std::string_view id, const Audience& audience) {
  switch (format) {
    case WireFormat::websocket_text:
    case WireFormat::websocket_deflate:
      return Frame::make(websocket_head(fin_text, text.size()), text, audience);
    case WireFormat::event_stream:
      return Frame::make(http_chunk(server_sent_event(text, id)), {}, audience);
    case WireFormat::event_stream_bare:
      return Frame::make(server_sent_event(text, id), {}, audience);
  }
  return nullptr;
}

FrameRef Frame::make(std::string_view head, std::string_view body, Audience audience) {
  const std::size_t size = head.size() + body.size();
  void* memory = ::operator new(sizeof(Frame) + size);
  Frame* frame = new (memory) Frame(size, audience);
  char* bytes = reinterpret_cast<char*>(frame + 1);
  if (!head.empty()) std::memcpy(bytes, head.data(), head.size());
  if (!body.empty()) std::memcpy(bytes + head.size(), body.data(), body.size());
  frames_made.fetch_add(1, std::memory_order_relaxed);
  frame_bytes_alive.fetch_add(sizeof(Frame) + size, std::memory_order_relaxed);
  return FrameRef(frame);
}

void Frame::destroy(const Frame* frame) noexcept {
  frame_bytes_alive.fetch_sub(sizeof(Frame) + frame->size_, std::memory_order_relaxed);
  frame->~Frame();
  ::operator delete(const_cast<Frame*>(frame));
}

Event::Event(EventDraft draft, Seq seq, UnixMs time)
    : text_(message_text(draft, seq, time)),
      type_(std::move(draft.type)),
      topic_(std::move(draft.topic)),
      audience_(draft.audience),
      seq_(seq) {}

const FrameRef& Event::frame(WireFormat format, std::string_view epoch) const {
  const auto i = static_cast<std::size_t>(format);
  std::call_once(encoded_[i], [&] { frames_[i] = encode(format, epoch); });
  return frames_[i];
}

FrameRef Event::encode(WireFormat format, std::string_view epoch) const {
  if (format == WireFormat::websocket_deflate) {
    FrameRef compressed = compressed_frame(text_, audience_);
    return compressed ? compressed : frame(WireFormat::websocket_text);
  }
  const bool has_id = format == WireFormat::event_stream || format == WireFormat::event_stream_bare;
  const std::string id = durable() && has_id ? position_text(epoch, seq_) : "";
  return make_frame(format, text_, id, audience_);
}

std::uint64_t frames_built() noexcept { return frames_made.load(std::memory_order_relaxed); }
std::size_t frame_bytes() noexcept { return frame_bytes_alive.load(std::memory_order_relaxed); }

}  // namespace corohub::hub
