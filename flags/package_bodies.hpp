// The bodies of the routes of platforms and packages: members, lengths, what only the server sets. Pure.
// Errors: validation_failed and field_not_allowed with every rejected member.
#pragma once

#include "core/error.hpp"
#include "core/json.hpp"
#include "flags/evaluation/environment.hpp"

#include <cstddef>
#include <string>

namespace corohub::flags {

inline constexpr std::size_t platform_config_bytes_max = 16 << 10;
inline constexpr std::size_t currency_max = 16;  // code points
inline constexpr double price_max = 1e12;
inline constexpr std::size_t limits_max = 20;                       // of one feature
inline constexpr std::size_t limits_bytes_max = 4 << 10;            // of one feature, as JSON
inline constexpr std::size_t package_limits_bytes_max = 256 << 10;  // of all features, as JSON

Result<Platform> read_new_platform(const json::object& body);
// A whole platform in place of this one: what is absent is as in a new one.
Result<Platform> read_platform(const Platform& base, const json::object& body);
Result<Platform> patch_platform(const Platform& base, const json::object& patch);

// The namespace knows the flags that the features name; unknown_flag for another.
Result<Package> read_new_package(const Namespace& name_space, const json::object& body);
Result<Package> read_package(const Namespace& name_space, const Package& base, const json::object& body);
Result<Package> patch_package(const Namespace& name_space, const Package& base, const json::object& patch);

// What a package says of one flag.
Result<json::object> read_limits(const json::object& body);
// The package with the feature, in place of the one that it has of this flag. validation_failed: its limits
// are too many.
Result<Package> with_feature(Package package, Feature feature);

}  // namespace corohub::flags
