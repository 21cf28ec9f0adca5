#include "gateway/engineio/wraps.hpp"

#include "core/encoding.hpp"
#include "gateway/engineio/payload.hpp"
#include "gateway/wire/wraps.hpp"

#include <string>

namespace corohub::gateway::engineio {
namespace {

std::string message_packet(std::string_view text) {
  std::string packet;
  packet.reserve(text.size() + 1);
  packet += '4';
  packet += text;
  return packet;
}

class ItemWrap final : public Wrap {
 public:
  hub::FrameRef frame(std::string_view text, Part part, const hub::Audience& audience,
                      MessageKind kind) const override {
    if (kind == MessageKind::binary)
      return bare().frame(binary_mark + base64(text), Part::whole, audience, MessageKind::text);
    if (part == Part::last) return bare().frame(text, part, audience, MessageKind::text);
    return bare().frame(message_packet(text), part, audience, MessageKind::text);
  }
  bool carries_binary() const noexcept override { return true; }
};

class SocketWrap final : public Wrap {
 public:
  hub::FrameRef frame(std::string_view text, Part part, const hub::Audience& audience,
                      MessageKind kind) const override {
    const bool is_beginning = kind == MessageKind::text && part != Part::last;
    if (!is_beginning) return websocket_text().frame(text, part, audience, kind);
    return websocket_text().frame(message_packet(text), part, audience, kind);
  }
  bool carries_binary() const noexcept override { return true; }
};

}  // namespace

const Wrap& item_wrap() {
  static const ItemWrap wrap;
  return wrap;
}

const Wrap& socket_wrap() {
  static const SocketWrap wrap;
  return wrap;
}

hub::FrameRef frame_of(const Wrap& wrap, std::string_view text, std::span<const std::string_view> buffers,
                       const hub::Audience& audience) {
  hub::FrameRef first = wrap.frame(text, Wrap::Part::whole, audience, MessageKind::text);
  if (buffers.empty()) return first;
  std::string bytes(first->bytes());
  for (const std::string_view buffer : buffers) {
    if (&wrap == &item_wrap()) bytes += separator;
    bytes += wrap.frame(buffer, Wrap::Part::whole, audience, MessageKind::binary)->bytes();
  }
  return bare().frame(bytes, Wrap::Part::whole, audience, MessageKind::text);
}

namespace {

hub::FrameRef rewrap_one(std::string_view item, Wrap::Part part, const hub::Audience& audience) {
  if (part != Wrap::Part::last && item.starts_with(binary_mark))
    return websocket_text().frame(binary_of(item), Wrap::Part::whole, audience, MessageKind::binary);
  return websocket_text().frame(item, part, audience, MessageKind::text);
}

}  // namespace

hub::FrameRef rewrap_item(const hub::Frame& item, bool is_rest) {
  std::string_view bytes = item.bytes();
  const bool is_one = bytes.find(separator) == std::string_view::npos;
  if (is_rest) return rewrap_one(bytes, Wrap::Part::last, item.audience());
  if (is_one)
    return rewrap_one(bytes, item.is_joined_to_next() ? Wrap::Part::first : Wrap::Part::whole,
                      item.audience());
  std::string all;
  while (!bytes.empty()) all += rewrap_one(take_item(bytes), Wrap::Part::whole, item.audience())->bytes();
  return bare().frame(all, Wrap::Part::whole, item.audience(), MessageKind::text);
}

}  // namespace corohub::gateway::engineio
