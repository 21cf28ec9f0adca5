// How events leave in Socket.IO: packets of type EVENT (2), made once per event, namespace and carrier. The
// text of a packet is without the `4` of Engine.IO, which is the carrier's. Safe from any thread.
#pragma once

#include "core/position.hpp"
#include "gateway/wire/transport.hpp"
#include "hub/audience.hpp"
#include "hub/event.hpp"
#include "hub/form.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace corohub::gateway::socketio {

// What stands behind the data of an event. Empty parts are left out.
struct EventTail {
  std::string_view meta{};      // JSON text of an object
  std::string_view position{};  // `epoch:seq`
};

// 2/admin,["name",data,meta,"epoch:seq"]. `data` is JSON text. A client that may be recovered takes a
// trailing string for the position to go on from: without a position there is a meta object, or data is no
// string.
std::string event_packet(std::string_view name_space, std::string_view name, std::string_view data,
                         const EventTail& tail = {});

// {"seq":…,"timestamp":…,"topic":…}; "seq" of a durable event, "topic" of one that has a topic, and "type" of
// one whose `name` is `message` because clients could not take its type for a name.
std::string meta_of(const hub::Event& event, std::string_view name);

// `epoch:seq`; empty of a volatile event.
std::string position_of(const hub::Event& event, std::string_view epoch);

// What an event with a body that is no text has beside its data, which is base64.
inline constexpr std::string_view binary_attributes = R"({"kind":"binary"})";
// The body of such an event; nothing: it is none.
std::optional<std::string> binary_body(const hub::Event& event);

// The name under which a type of event leaves: itself, but for those with which clients mean the connection
// itself (`connect`, `disconnect`): `message`.
std::string_view name_of(std::string_view type) noexcept;

// Under this name with this data. `readers`: who may still have it when it leaves.
hub::FrameRef event_frame(const Wrap& wrap, std::string_view name_space, std::string_view name,
                          std::string_view data, const hub::Audience& readers, const EventTail& tail);
// The same with a Buffer in the place of the data.
hub::FrameRef buffer_frame(const Wrap& wrap, std::string_view name_space, std::string_view name,
                           std::string_view bytes, const hub::Event& event, const EventTail& tail);

// Events of a namespace as they are: by their type, with their data. A body that is binary is a Buffer.
// `name_space` lives as long as the process.
const hub::Form& form_of(std::string_view name_space, const Wrap& wrap, bool with_position);

}  // namespace corohub::gateway::socketio
