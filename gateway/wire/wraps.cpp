#include "gateway/wire/wraps.hpp"

#include "gateway/wire/frames.hpp"

#include <string>

namespace corohub::gateway {
namespace {

using Next = hub::Frame::Next;

Next next_of(Wrap::Part part) noexcept { return part == Wrap::Part::first ? Next::is_joined : Next::is_free; }

class WebSocketWrap final : public Wrap {
 public:
  hub::FrameRef frame(std::string_view text, Part part, const hub::Audience& audience,
                      MessageKind kind) const override {
    const Opcode beginning = kind == MessageKind::binary ? Opcode::binary : Opcode::text;
    const Opcode opcode = part == Part::last ? Opcode::continuation : beginning;
    const std::string head = frame_head(opcode, part == Part::first ? Fin::no : Fin::yes, text.size());
    return hub::Frame::make(head, text, audience, next_of(part));
  }
  bool carries_binary() const noexcept override { return true; }
};

class ChunkWrap final : public Wrap {
 public:
  hub::FrameRef frame(std::string_view text, Part part, const hub::Audience& audience,
                      MessageKind /*bytes are bytes*/) const override {
    return hub::Frame::make(chunk_of(text), {}, audience, next_of(part));
  }
};

class BareWrap final : public Wrap {
 public:
  hub::FrameRef frame(std::string_view text, Part part, const hub::Audience& audience,
                      MessageKind /*bytes are bytes*/) const override {
    return hub::Frame::make(text, {}, audience, next_of(part));
  }
};

}  // namespace

const Wrap& websocket_text() {
  static const WebSocketWrap wrap;
  return wrap;
}

const Wrap& websocket_deflate() {
  static const WebSocketWrap wrap;
  return wrap;
}

const Wrap& http_chunk() {
  static const ChunkWrap wrap;
  return wrap;
}

const Wrap& bare() {
  static const BareWrap wrap;
  return wrap;
}

}  // namespace corohub::gateway
