#include "gateway/socketio/forms.hpp"

#include "core/encoding.hpp"
#include "core/json.hpp"
#include "gateway/engineio/wraps.hpp"
#include "gateway/session/raw_json.hpp"
#include "gateway/socketio/packet.hpp"

#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <tuple>

namespace corohub::gateway::socketio {
namespace {

class EventForm final : public hub::Form {
 public:
  EventForm(std::string_view name_space, const Wrap& wrap, bool with_position) noexcept
      : name_space_(name_space), wrap_(wrap), with_position_(with_position) {}

  hub::FrameRef encode(const hub::Event& event, std::string_view epoch) const override {
    const std::string_view name = name_of(event.type());
    const std::string meta = with_position_ ? meta_of(event, name) : std::string();
    const std::string position = with_position_ ? position_of(event, epoch) : std::string();
    const EventTail tail{meta, position};
    if (const std::optional<std::string> body = binary_body(event))
      return buffer_frame(wrap_, name_space_, name, *body, event, tail);
    return event_frame(wrap_, name_space_, name, event.data(), event.audience(), tail);
  }

 private:
  const std::string_view name_space_;
  const Wrap& wrap_;
  const bool with_position_;
};

}  // namespace

namespace {

std::string packet_of(PacketType type, std::size_t attachments, std::string_view name_space,
                      std::string_view name, std::string_view data, const EventTail& tail) {
  std::string packet;
  packet.reserve(name_space.size() + name.size() + data.size() + tail.meta.size() + tail.position.size() +
                 16);
  packet += packet_head(type, name_space, attachments);
  packet += '[';
  append_json(packet, name);
  packet.append(1, ',').append(data);
  if (!tail.meta.empty()) packet.append(1, ',').append(tail.meta);
  if (!tail.position.empty()) packet.append(R"(,")").append(tail.position).append(1, '"');
  packet += ']';
  return packet;
}

}  // namespace

std::string event_packet(std::string_view name_space, std::string_view name, std::string_view data,
                         const EventTail& tail) {
  return packet_of(PacketType::event, 0, name_space, name, data, tail);
}

std::string meta_of(const hub::Event& event, std::string_view name) {
  std::string meta = "{";
  if (event.durable()) meta.append(R"("seq":)").append(std::to_string(event.seq())).append(1, ',');
  meta.append(R"("timestamp":")").append(rfc3339(event.time())).append(1, '"');
  // No character of a topic or a type needs to be escaped.
  if (!event.topic().empty()) meta.append(R"(,"topic":")").append(event.topic()).append(1, '"');
  if (name == "message" && name != event.type())
    meta.append(R"(,"type":")").append(event.type()).append(1, '"');
  meta += '}';
  return meta;
}

std::string position_of(const hub::Event& event, std::string_view epoch) {
  return event.durable() ? Position{std::string(epoch), event.seq()}.text() : std::string();
}

std::string_view name_of(std::string_view type) noexcept { return is_reserved(type) ? "message" : type; }

hub::FrameRef event_frame(const Wrap& wrap, std::string_view name_space, std::string_view name,
                          std::string_view data, const hub::Audience& readers, const EventTail& tail) {
  return wrap.frame(event_packet(name_space, name, data, tail), Wrap::Part::whole, readers);
}

hub::FrameRef buffer_frame(const Wrap& wrap, std::string_view name_space, std::string_view name,
                           std::string_view bytes, const hub::Event& event, const EventTail& tail) {
  const std::string packet =
      packet_of(PacketType::binary_event, 1, name_space, name, R"({"_placeholder":true,"num":0})", tail);
  return engineio::frame_of(wrap, packet, std::span(&bytes, 1), event.audience());
}

std::optional<std::string> binary_body(const hub::Event& event) {
  if (event.attributes().empty()) return std::nullopt;
  const std::optional<std::string_view> kind = member_text(event.attributes(), "kind");
  const std::string_view data = event.data();
  if (kind != R"("binary")" || data.size() < 2) return std::nullopt;
  return from_base64(data.substr(1, data.size() - 2));
}

// A form is never freed: events keep frames under its address. There are as many as carriers and namespaces,
// twice.
const hub::Form& form_of(std::string_view name_space, const Wrap& wrap, bool with_position) {
  using Key = std::tuple<std::string_view, const Wrap*, bool>;
  static std::mutex mutex;
  static std::map<Key, std::unique_ptr<const EventForm>> all;
  const std::lock_guard lock(mutex);
  std::unique_ptr<const EventForm>& form = all[{name_space, &wrap, with_position}];
  if (!form) form = std::make_unique<const EventForm>(name_space, wrap, with_position);
  return *form;
}

}  // namespace corohub::gateway::socketio
