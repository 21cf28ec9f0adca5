// What bodies of entities have in common: keys, names, references to others, and patches of what is there.
// Pure.
#pragma once

#include "core/json.hpp"
#include "core/key_name.hpp"
#include "flags/bodies.hpp"
#include "flags/definition_patch.hpp"
#include "http/fields.hpp"

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace corohub::flags {

// The required member `key`; empty: it is refused.
std::string read_key(http::Fields& fields, std::size_t bytes_max = key_name_bytes_max,
                     std::string_view more = {});
// The member `name`, or without one the key.
std::string read_name(http::Fields& fields, const std::string& key);
// The key of another entity, or null.
std::optional<std::string> read_reference(http::Fields& fields, std::string_view member,
                                          std::size_t bytes_max, std::string_view more);

// What only the server sets of every entity, as it is shown.
json::object server_members(const Entity& entity);

// Reads a patch onto the members that are shown. `read` is called with the fields and the patched document,
// which has nothing that only the server sets.
template <class Read>
auto patched(json::object document, const json::object& patch, Words known, const json::object& server_sets,
             std::string at, Read read) {
  http::Fields sent(patch, at);
  refuse_unknown(sent, patch, known, server_sets);
  merge_patch(document, patch);
  for (const json::key_value_pair& member : server_sets) document.erase(member.key());
  http::Fields fields(document, std::move(at));
  fields.merge(std::move(sent));
  return read(fields, document);
}

}  // namespace corohub::flags
