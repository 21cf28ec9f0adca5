// JSON as text in the two shapes that people and other programs compare. Numbers stand as ECMAScript writes
// them: integers exactly, a double in the fewest digits that bring it back. Pure.
#pragma once

#include "core/json.hpp"

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

namespace corohub {

// Members in their order, no blanks.
void append_json_text(std::string& out, const json::value& value);
void append_json_text(std::string& out, const json::object& value);
std::string json_text(const json::value& value);
std::string json_text(const json::object& value);

// RFC 8785 (JSON Canonicalization Scheme): members sorted by the UTF-16 units of their names. Integers stand
// exactly, even those that RFC 8785 would round to a double.
void append_canonical_json(std::string& out, const json::value& value);
void append_canonical_json(std::string& out, const json::object& value);

// The number as ECMAScript's Number::toString writes it (ECMA-262, 6.1.6.1.20). Not for NaN and infinities.
inline constexpr std::size_t number_text_bytes_max = 32;
std::string_view number_text(double value, std::span<char, number_text_bytes_max> room);
void append_number(std::string& out, double value);
std::string number_text(double value);

}  // namespace corohub
