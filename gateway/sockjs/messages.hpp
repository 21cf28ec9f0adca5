// The texts of SockJS 0.3.3: arrays of strings from the client; o, h, a[…] and c[…] to it. Pure.
#pragma once

#include "core/close_reason.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace corohub::gateway::sockjs {

inline constexpr std::string_view open_frame = "o";
inline constexpr std::string_view heartbeat_frame = "h";

enum class Reading : std::uint8_t {
  good,
  no_array,  // JSON, but no array
  broken,    // no JSON, an element that is no string, or more elements than are allowed
};

// What a client sends: a JSON array of strings. Half of a surrogate pair alone becomes U+FFFD, as when a
// browser makes UTF-8 of it. `text` need not be UTF-8; if it is not, it is broken. `messages` are good ones
// alone.
Reading read_messages(std::string_view text, std::size_t messages_max, std::vector<std::string>& messages);

// UTF-8 as what stands between the quotes of a JSON string. Escaped are, beside what JSON demands, those
// characters that some browsers change on their way: U+200C to U+200F, U+2028 to U+202F, U+2060 to U+206F and
// U+FFF0 to U+FFFF.
void append_escaped(std::string& out, std::string_view text);
std::string json_string(std::string_view text);

// a["…"]
std::string message_frame_text(std::string_view text);
// c[1008,"kicked"]
std::string close_frame_text(std::uint16_t code, std::string_view reason);
std::string close_frame_text(CloseReason reason);

}  // namespace corohub::gateway::sockjs
