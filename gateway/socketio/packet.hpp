// Packets of Socket.IO 5: <type>[<attachments>-][<namespace>,][<id>][<JSON>]. Pure.
#pragma once

#include "core/json.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace corohub::gateway::socketio {

enum class PacketType : std::uint8_t {
  connect,
  disconnect,
  event,
  ack,
  connect_error,
  binary_event,
  binary_ack,
};

inline constexpr std::string_view root = "/";
inline constexpr std::size_t attachments_max = 10;
inline constexpr std::size_t name_space_bytes_max = 64;

// The number under which a client waits for an acknowledgement; nothing: it does not wait.
using AckId = std::optional<std::uint64_t>;

struct Packet {
  PacketType type{};
  std::size_t attachments = 0;
  std::string_view name_space = root;
  AckId id{};
  std::string_view payload{};  // of the text that was read; empty: there is none
};

// A packet such as a client sends. Nothing: it is none. What the payload says is not looked at, but whether
// there is one.
std::optional<Packet> read_packet(std::string_view text) noexcept;

// What a CONNECT says: an object; an empty one for no payload. Nothing: another value, or no JSON.
std::optional<json::object> read_auth(std::string_view payload);

// An event of the client: ["name",argument,…].
struct Call {
  std::string name;
  json::array arguments;          // without the name; a Buffer in them is a placeholder
  std::string_view first_text{};  // the first argument as it stands in the packet; empty: there is none
  std::string_view all_text{};    // all of them, with the commas between them
  std::vector<std::string> attachments{};  // the Buffers, in the order of their numbers
  AckId ack{};
};

// Of the payload of an event, of which the Call has views. Nothing: no array that begins with a name, a name
// that clients keep for what the connection itself does, or a placeholder without a Buffer.
std::optional<Call> read_call(std::string_view payload, AckId ack, std::vector<std::string> attachments = {});

// Whether a payload that read_auth() or read_call() does not read is JSON all the same, only larger or deeper
// than is taken here, or of members, texts or numbers that no two parsers agree on.
bool is_too_much(std::string_view payload);

// Of the payload of an acknowledgement.
bool is_array(std::string_view payload);

// The number of the Buffer that stands here; nothing: the value is no placeholder.
std::optional<std::size_t> placeholder_of(const json::value& value) noexcept;

// Whether clients mean the connection itself by this name: they never send such an event, and would take one
// for what it is not.
bool is_reserved(std::string_view name) noexcept;

// What stands before the id and the payload: "2/admin,"; "2" in the namespace `/`; "51-" with a Buffer.
std::string packet_head(PacketType type, std::string_view name_space, std::size_t attachments = 0);

}  // namespace corohub::gateway::socketio
