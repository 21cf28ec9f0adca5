#include "gateway/sockjs/wraps.hpp"

#include "gateway/sockjs/messages.hpp"
#include "gateway/wire/wraps.hpp"

#include <string>

namespace corohub::gateway::sockjs {
namespace {

std::string between(std::string_view before, std::string_view text, std::string_view after, Wrap::Part part) {
  std::string out;
  out.reserve(before.size() + text.size() + text.size() / 8 + after.size());
  if (part != Wrap::Part::last) out += before;
  append_escaped(out, text);
  if (part != Wrap::Part::first) out += after;
  return out;
}

class SocketWrap final : public Wrap {
 public:
  hub::FrameRef frame(std::string_view text, Part part, const hub::Audience& audience,
                      MessageKind /*only text*/) const override {
    return websocket_text().frame(between("a[\"", text, "\"]", part), part, audience, MessageKind::text);
  }
};

class ItemWrap final : public Wrap {
 public:
  hub::FrameRef frame(std::string_view text, Part part, const hub::Audience& audience,
                      MessageKind /*only text*/) const override {
    return bare().frame(between("\"", text, "\"", part), part, audience, MessageKind::text);
  }
};

}  // namespace

const Wrap& socket_wrap() {
  static const SocketWrap wrap;
  return wrap;
}

const Wrap& item_wrap() {
  static const ItemWrap wrap;
  return wrap;
}

}  // namespace corohub::gateway::sockjs
