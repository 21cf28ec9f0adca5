// Which flags of an environment a change touches: whose evaluation may be another one, whoever asks. Pure.
#pragma once

#include "flags/evaluation/environment.hpp"

#include <cstdint>
#include <vector>

namespace corohub::flags {

// Places in Environment::flags() before and after; Flag::none: it is not there.
struct TouchedFlag {
  std::uint32_t before;
  std::uint32_t after;
};

struct TouchedFlags {
  std::vector<TouchedFlag> flags;  // sorted by key
  // For each flag of the environment after: its place before, or Flag::none. Empty: every place is the same.
  std::vector<std::uint32_t> moved;
};

// A flag is touched with its own definition, identity or platform, with a segment that its rule names, with
// the metadata of the environment, and with its parent. `all`: every flag, because something else changed on
// which rules may depend; `by_name`: and with its own name, for those who show it. Two different environments
// share no flag's evaluation.
TouchedFlags touched_flags(const Environment& before, const Environment& after, bool all = false,
                           bool by_name = false);

}  // namespace corohub::flags
