// Whether a rule is one that flagd's targeting schema (v0, targeting.json) lets pass. For this room only.
#pragma once

#include "core/json.hpp"
#include "flags/evaluation/findings.hpp"

#include <cstdint>

namespace corohub::flags {

enum class RuleOf : std::uint8_t { flag, segment };

// Adds what is wrong: too_complex; unknown_operator and invalid_arguments, of which flagd runs what it can;
// for a segment nested_ref. False: the rule is too large to be looked at any further.
bool check_rule(const json::value& rule, RuleOf whose, Findings& findings);

}  // namespace corohub::flags
