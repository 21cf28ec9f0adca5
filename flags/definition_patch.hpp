// A change of a definition as PATCH says it, and copies that differ in their state alone. Pure.
#pragma once

#include "flags/evaluation/definition.hpp"

#include <string>

namespace corohub::flags {

// The definition after a merge patch (RFC 7396), in which `variants` and `targeting` are replaced as a whole.
// A rule that the patch does not name was accepted before, as it is: then `reading` is strict no more.
// Errors: those of parse_definition(); field_not_allowed for `key`, `version` and `enabled`.
Result<DefinitionRef> patch_definition(const Definition& base, const json::object& patch, Reading& reading);

// The same definition with this state; itself if it has that already. Compiled rules are shared.
DefinitionRef with_state(const DefinitionRef& definition, State state);

// RFC 7396.
void merge_patch(json::object& target, const json::object& patch);

// The variant that a boolean flag serves while a gate is closed, if nobody says another: its only `false`
// one. Null: none, or more than one, or no boolean flag.
const Variant* default_off_variant(const Definition& definition) noexcept;

// Where the definition's rule names the segment: a JSON pointer into the definition.
std::string place_of_segment(const Definition& definition, const std::string& segment);

}  // namespace corohub::flags
