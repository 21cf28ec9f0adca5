// The bodies of the routes: members, lengths, what only the server
// sets. Pure. Errors: validation_failed and field_not_allowed with every rejected member.
#pragma once

#include "core/error.hpp"
#include "core/json.hpp"
#include "flags/edits.hpp"
#include "flags/evaluation/definition.hpp"
#include "flags/evaluation/environment.hpp"
#include "http/fields.hpp"

#include <array>
#include <cstddef>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>

namespace corohub::flags {

inline constexpr std::size_t entity_name_max = 100;        // code points
inline constexpr std::size_t description_max = 2'000;      // code points
inline constexpr std::size_t tags_max = 20;                // of a flag
inline constexpr std::size_t tag_max = 50;                 // code points
inline constexpr std::size_t application_bytes_max = 128;  // of tenant_id and app_id
inline constexpr std::size_t metadata_bytes_max = 8 << 10;
inline constexpr std::size_t flag_key_bytes_max = 128;
inline constexpr std::string_view flag_key_characters = ":@";  // beside those of every key

// Complains of every member that is neither known nor foreign, of so many at most, and of each that only the
// server sets. Those are given as they are shown: whoever sends back what was shown may repeat them, but not
// with another value.
inline constexpr std::size_t complaints_max = 100;
using Words = std::initializer_list<std::string_view>;
void refuse_unknown(http::Fields& fields, const json::object& object, Words known,
                    const json::object& server_sets = {});

// The same for members that were taken out of a body before the entity was at hand; others are not looked at.
Result<> check_repeated(const json::object& sent, const json::object& server_sets);

Result<NamespaceProperties> read_new_namespace(const json::object& body);
Result<NamespaceProperties> patch_namespace(const Namespace& base, const json::object& patch);

struct NewEnvironment {
  EnvironmentParts parts;
  std::string copy_from;  // empty: the default one
};
Result<NewEnvironment> read_new_environment(const json::object& body);
Result<EnvironmentParts> patch_environment(const EnvironmentParts& base, const json::object& patch);

struct NewFlag {
  FlagIdentity identity;
  DefinitionRef definition;
  std::string environment;  // empty: the default one
};
// Without `state` the flag is DISABLED.
Result<NewFlag> read_new_flag(const json::object& body, Reading& reading);
// The members of an identity in another document: `at` points at it. A member that is absent is as in `base`.
Result<FlagIdentity> patch_identity(const FlagIdentity& base, const json::object& patch, std::string at = {});
// The same of what a route shows, which has members beside the identity's own.
Result<FlagIdentity> patch_shown_identity(const Namespace& name_space, const FlagIdentity& base,
                                          const json::object& patch);

// What the server shows beside a definition.
inline constexpr std::array<std::string_view, 3> shown_with_definition = {"key", "version", "enabled"};
// A whole definition; what is shown with it is passed over.
Result<DefinitionRef> read_definition(json::object body, Reading& reading);

}  // namespace corohub::flags
