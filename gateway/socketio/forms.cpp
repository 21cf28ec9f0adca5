#include "gateway/socketio/forms.hpp"

#include "core/json.hpp"
#include "gateway/socketio/packet.hpp"

#include <map>
#include <memory>
#include <mutex>
#include <tuple>

namespace corohub::gateway::socketio {
namespace {

class EventForm final : public hub::Form {
 public:
  EventForm(std::string_view name_space, const Wrap& wrap, bool with_position) noexcept
      : name_space_(name_space), wrap_(wrap), with_position_(with_position) {}

  hub::FrameRef encode(const hub::Event& event, std::string_view epoch) const override {
    const std::string_view name = name_of(event.type());
    if (!with_position_) return event_frame(wrap_, name_space_, name, event.data(), event, {});
    const std::string meta = meta_of(event, name);
    const std::string position = position_of(event, epoch);
    return event_frame(wrap_, name_space_, name, event.data(), event, {meta, position});
  }

 private:
  const std::string_view name_space_;
  const Wrap& wrap_;
  const bool with_position_;
};

}  // namespace

std::string event_packet(std::string_view name_space, std::string_view name, std::string_view data,
                         const EventTail& tail) {
  std::string packet;
  packet.reserve(name_space.size() + name.size() + data.size() + tail.meta.size() + tail.position.size() +
                 16);
  packet += packet_head(PacketType::event, name_space);
  packet += '[';
  append_json(packet, name);
  packet.append(1, ',').append(data);
  if (!tail.meta.empty()) packet.append(1, ',').append(tail.meta);
  if (!tail.position.empty()) packet.append(R"(,")").append(tail.position).append(1, '"');
  packet += ']';
  return packet;
}

std::string meta_of(const hub::Event& event, std::string_view name) {
  std::string meta = "{";
  if (event.durable()) meta.append(R"("seq":)").append(std::to_string(event.seq())).append(1, ',');
  meta.append(R"("timestamp":")").append(rfc3339(event.time())).append(1, '"');
  // No character of a topic or a type needs to be escaped.
  if (!event.topic().empty()) meta.append(R"(,"topic":")").append(event.topic()).append(1, '"');
  if (name != event.type()) meta.append(R"(,"type":")").append(event.type()).append(1, '"');
  meta += '}';
  return meta;
}

std::string position_of(const hub::Event& event, std::string_view epoch) {
  return event.durable() ? Position{std::string(epoch), event.seq()}.text() : std::string();
}

std::string_view name_of(std::string_view type) noexcept { return is_reserved(type) ? "message" : type; }

hub::FrameRef event_frame(const Wrap& wrap, std::string_view name_space, std::string_view name,
                          std::string_view data, const hub::Event& event, const EventTail& tail) {
  return wrap.frame(event_packet(name_space, name, data, tail), Wrap::Part::whole, event.audience());
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
