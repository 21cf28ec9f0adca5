// What the routes of whole environments, segments, schedules and dry runs read of their requests.
#pragma once

#include "core/json.hpp"
#include "flags/answers.hpp"
#include "http/fields.hpp"
#include "users/query_reader.hpp"

#include <cstddef>
#include <initializer_list>
#include <string_view>

namespace corohub::flags {

// Complains of every other member, but for what begins with "$" or "x-"; of so many at most.
inline constexpr std::size_t complaints_max = 100;
void refuse_unknown(http::Fields& fields, const json::object& object,
                    std::initializer_list<std::string_view> known);

// `?name`, `?name=true`, `?name=false`.
bool read_switch(users::QueryReader& query, std::string_view key, bool otherwise);

// The environment that the path names. not_found.
Result<EnvironmentRef> place_of(FlagServices& services, const http::Context& context);

}  // namespace corohub::flags
