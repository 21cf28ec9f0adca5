// Everything the routes of this room work with. For this room only; flags.hpp is what others see.
#pragma once

#include "flags/flags.hpp"

namespace corohub::flags {

struct FlagServices {
  FlagServices(FlagsParts its_parts, FlagsSettings its_settings)
      : parts(std::move(its_parts)), settings(its_settings) {}

  const FlagsParts parts;
  const FlagsSettings settings;
  Directories directories;
};

}  // namespace corohub::flags
