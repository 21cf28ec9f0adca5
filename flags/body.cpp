#include "flags/body.hpp"

#include <algorithm>

namespace corohub::flags {

void refuse_unknown(http::Fields& fields, const json::object& object,
                    std::initializer_list<std::string_view> known) {
  std::size_t refused = 0;
  for (const auto& member : object) {
    const std::string_view key = member.key();
    if (key.starts_with('$') || key.starts_with("x-")) continue;
    if (std::ranges::find(known, key) != known.end()) continue;
    if (refused++ == complaints_max) return;
    fields.refuse(key, "unknown_member", "There is no such member.");
  }
}

bool read_switch(users::QueryReader& query, std::string_view key, bool otherwise) {
  const auto word = query.one_of(key, {"true", "", "1", "false", "0"});
  return word ? *word < 3 : otherwise;
}

Result<EnvironmentRef> place_of(FlagServices& services, const http::Context& context) {
  const Result<NamespaceRef> name_space = namespace_of(services, context);
  if (!name_space) return name_space.error();
  return environment_of(**name_space, context);
}

}  // namespace corohub::flags
