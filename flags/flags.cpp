#include "flags/flags.hpp"

#include "flags/services.hpp"

#include <utility>

namespace corohub::flags {

Flags::Flags(FlagsParts parts, FlagsSettings settings)
    : services_(std::make_shared<FlagServices>(std::move(parts), settings)) {}

Flags::~Flags() = default;

void Flags::begin(std::size_t shards) { services_->directories.begin(shards, {}); }

void Flags::add_routes(http::Router&) {}

Directories& Flags::directories() noexcept { return services_->directories; }

}  // namespace corohub::flags
