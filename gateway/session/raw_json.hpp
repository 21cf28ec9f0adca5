// Values of a JSON text as they stand in it. A parser would round numbers it cannot hold; what a client gave
// is delivered as it was given. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace corohub::gateway {

// The text without blanks between its tokens. `text` must be valid JSON.
std::string compact_json(std::string_view text);

// The value of a member of an object as it stands there, without blanks around it; nothing if there is no
// such member. `object` must be a valid JSON object.
std::optional<std::string_view> member_text(std::string_view object, std::string_view key);

// The value of a member of an object, compact; nothing if there is no such member. `object` must be a valid
// JSON object.
std::optional<std::string> raw_member(std::string_view object, std::string_view key);

// The elements of an array as they stand there, without blanks around them. `array` must be a valid JSON
// array.
std::vector<std::string_view> element_texts(std::string_view array);

}  // namespace corohub::gateway
