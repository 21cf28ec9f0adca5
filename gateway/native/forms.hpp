// How events of the native protocol leave: as WebSocket messages, compressed where that helps (RFC 7692), or
// as server-sent events (WHATWG HTML, section 9.2). Safe from any thread.
#pragma once

#include "gateway/wire/transport.hpp"
#include "hub/form.hpp"

#include <cstddef>
#include <string>
#include <string_view>

namespace corohub::gateway::native {

// A shorter event gains nothing by compression: the window begins empty, and the event is one packet either
// way.
inline constexpr std::size_t compressed_text_min = 256;

// The form of events over a carrier with this wrap, which is one of wire/wraps.hpp.
const hub::Form& form_of(const Wrap& wrap);

// The carrier is an event stream.
bool is_event_stream(const Wrap& wrap) noexcept;

// One event of a stream with this text. `id`: its position; empty: it has none.
std::string server_sent_event(std::string_view text, std::string_view id);

// A text for one connection alone. `id`: what an event stream says of its position; empty: nothing. Other
// carriers have no place for an id. Such a text is never compressed: it repeats what its client chose beside
// what others must not learn (T57). Throws for memory.
hub::FrameRef personal_frame(const Wrap& wrap, std::string_view text, std::string_view id,
                             const hub::Audience& readers);

}  // namespace corohub::gateway::native
