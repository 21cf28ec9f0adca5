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

hub::FrameRef rewrap_item(const hub::Frame& item, bool is_rest) {
  const std::string_view bytes = item.bytes();
  if (!is_rest && bytes.starts_with(binary_mark))
    return websocket_text().frame(binary_of(bytes), Wrap::Part::whole, item.audience(), MessageKind::binary);
  const Wrap::Part beginning = item.is_joined_to_next() ? Wrap::Part::first : Wrap::Part::whole;
  return websocket_text().frame(bytes, is_rest ? Wrap::Part::last : beginning, item.audience(),
                                MessageKind::text);
}

}  // namespace corohub::gateway::engineio
