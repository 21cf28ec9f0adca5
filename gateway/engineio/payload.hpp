// Payloads of Engine.IO 4 in long-polling: items joined by a record separator. An item is a packet, or a
// binary message as `b` and base64. Pure.
#pragma once

#include <string>
#include <string_view>

namespace corohub::gateway::engineio {

inline constexpr char separator = '\x1e';
inline constexpr char binary_mark = 'b';

// Adds an item behind those that are there.
void append_item(std::string& payload, std::string_view item);

// Takes the first item off the front. An empty payload is one empty item.
std::string_view take_item(std::string_view& payload) noexcept;

// The bytes of a binary item, whose base64 is well-formed.
std::string binary_of(std::string_view item);

// Whether a client may send all of this: UTF-8, each item a message, or one of close, pong and noop.
bool is_clients_payload(std::string_view payload);

}  // namespace corohub::gateway::engineio
