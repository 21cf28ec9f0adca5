#include "gateway/native/forms.hpp"

#include "core/deflate.hpp"
#include "core/metrics.hpp"
#include "core/position.hpp"
#include "gateway/wire/frames.hpp"
#include "gateway/wire/wraps.hpp"
#include "hub/event.hpp"

#include <stdexcept>
#include <string>

namespace corohub::gateway::native {
namespace {

using Part = Wrap::Part;

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

std::string position_of(const hub::Event& event, std::string_view epoch) {
  return event.durable() ? Position{std::string(epoch), event.seq()}.text() : std::string();
}

class TextForm final : public hub::Form {
 public:
  hub::FrameRef encode(const hub::Event& event, std::string_view /*epoch*/) const override {
    return websocket_text().frame(event.text(), Part::whole, event.audience());
  }
};

const TextForm& text_form() {
  static const TextForm form;
  return form;
}

// An event that is short, or would not shrink, has one frame in both forms of a WebSocket.
class DeflatedForm final : public hub::Form {
 public:
  hub::FrameRef encode(const hub::Event& event, std::string_view epoch) const override {
    hub::FrameRef compressed = compressed_frame(event);
    return compressed ? compressed : event.frame(text_form(), epoch);
  }
  const hub::Form& unshared() const noexcept override { return text_form(); }

 private:
  // Null: the text is as good as it is.
  static hub::FrameRef compressed_frame(const hub::Event& event) {
    if (event.text().size() < compressed_text_min) return nullptr;
    const std::string_view bytes = deflate_message(event.text());
    if (bytes.empty()) return nullptr;
    counters().compressed.Increment();
    counters().bytes_in.Increment(static_cast<double>(event.text().size()));
    counters().bytes_out.Increment(static_cast<double>(bytes.size()));
    return hub::Frame::make(frame_head(Opcode::text, Fin::yes, bytes.size(), true), bytes, event.audience());
  }
};

class EventStreamForm final : public hub::Form {
 public:
  explicit EventStreamForm(const Wrap& wrap) noexcept : wrap_(wrap) {}
  hub::FrameRef encode(const hub::Event& event, std::string_view epoch) const override {
    const std::string text = server_sent_event(event.text(), position_of(event, epoch));
    return wrap_.frame(text, Part::whole, event.audience());
  }

 private:
  const Wrap& wrap_;
};

}  // namespace

bool is_event_stream(const Wrap& wrap) noexcept { return &wrap == &http_chunk() || &wrap == &bare(); }

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

const hub::Form& form_of(const Wrap& wrap) {
  static const DeflatedForm deflated;
  static const EventStreamForm stream_in_chunks(http_chunk());
  static const EventStreamForm stream_bare(bare());
  if (&wrap == &websocket_text()) return text_form();
  if (&wrap == &websocket_deflate()) return deflated;
  if (&wrap == &http_chunk()) return stream_in_chunks;
  if (&wrap == &bare()) return stream_bare;
  throw std::logic_error("the native protocol has no form for this carrier");
}

hub::FrameRef personal_frame(const Wrap& wrap, std::string_view text, std::string_view id,
                             const hub::Audience& readers) {
  if (!is_event_stream(wrap)) return wrap.frame(text, Part::whole, readers);
  return wrap.frame(server_sent_event(text, id), Part::whole, readers);
}

}  // namespace corohub::gateway::native
