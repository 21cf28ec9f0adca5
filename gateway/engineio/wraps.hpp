// How messages become bytes of Engine.IO. Each Wrap has an address of its own, the same as long as the
// process lives. Binary messages are whole. Pure; safe from any thread.
#pragma once

#include "gateway/wire/transport.hpp"

#include <span>
#include <string_view>

namespace corohub::gateway::engineio {

// An item of a payload of long-polling: `4` and the text, or `b` and base64.
const Wrap& item_wrap();

// A WebSocket message: `4` and the text, in one frame or in two; or the bytes in a binary frame.
const Wrap& socket_wrap();

// A text and binary messages behind it, in one frame, so that nothing comes between them. `wrap` is one of
// these two.
hub::FrameRef frame_of(const Wrap& wrap, std::string_view text, std::span<const std::string_view> buffers,
                       const hub::Audience& audience);

// An item, or several of frame_of(), as what item_wrap() would have been on a WebSocket. `is_rest`: it is a
// message's last part.
hub::FrameRef rewrap_item(const hub::Frame& item, bool is_rest);

}  // namespace corohub::gateway::engineio
