// JSON of strangers: strict, bounded, and read member by member with one error per field.
#pragma once

#include "core/error.hpp"

#include <cstddef>
#include <string>
#include <string_view>

#include <boost/json/object.hpp>
#include <boost/json/value.hpp>

namespace corohub {

namespace json = boost::json;

struct JsonLimits {
  std::size_t depth = 32;
  std::size_t members = 2000;  // of all objects together
};

// RFC 8259 text, strictly UTF-8, without duplicate keys, comments, trailing data, or numbers a double cannot
// hold. Errors: invalid_json with where and why.
Result<json::value> parse_json(std::string_view text, JsonLimits limits = {});

// Whether the text is JSON by its grammar, however large; below 256 levels, or behind an exponent that
// nothing can hold, no further is looked. That it has the same key twice, half of a surrogate pair or a
// number that a double cannot hold is not looked at. Builds nothing.
bool is_json(std::string_view text);

// The text as a JSON string, in quotes, escaped as json::serialize() does.
void append_json(std::string& out, std::string_view text);

// Nesting depth of a value: 1 for a scalar or an empty container.
std::size_t depth(const json::value& value) noexcept;

}  // namespace corohub
