// Whom a change of an environment may concern. Pure.
#pragma once

#include "flags/evaluation/evaluate.hpp"

namespace corohub::gateway::ofrep {

// Whether this viewer may evaluate something else from here on: false if only flags changed that it does not
// see. Two environments of different keys: the default one has moved.
bool concerns(const flags::Standing& was, const flags::Environment& before, const flags::Standing& is,
              const flags::Environment& after);

}  // namespace corohub::gateway::ofrep
