#include "flags/preconditions.hpp"

#include "core/integer.hpp"
#include "core/json_text.hpp"
#include "http/text.hpp"

#include <algorithm>
#include <optional>
#include <utility>

namespace corohub::flags {
namespace {

// Calls `take` with each entity tag of the field, as it stands there: W/"x", "x" or *. What is none of these
// is passed over and so matches nothing. A tag may have commas inside.
template <class Take>
void for_each_tag(const http::Request& request, std::string_view field, Take take) {
  for (const http::Header header : request.headers) {
    if (!http::same_word(header.name, field)) continue;
    std::string_view rest = header.value;
    while (!rest.empty()) {
      rest.remove_prefix(std::min(rest.find_first_not_of(" \t,"), rest.size()));
      const std::size_t open = rest.starts_with("W/\"") ? 3 : rest.starts_with('"') ? 1 : 0;
      std::size_t end = open == 0 ? rest.find(',') : rest.find('"', open);
      if (open != 0 && end != std::string_view::npos) ++end;
      if (const std::string_view tag = rest.substr(0, end); !tag.empty()) take(http::trim_blanks(tag));
      rest.remove_prefix(std::min(end, rest.size()));
    }
  }
}

}  // namespace

std::string version_tag(std::int64_t version) { return "\"v" + std::to_string(version) + '"'; }

IfMatch IfMatch::version(std::int64_t wanted) {
  IfMatch one;
  one.any_ = false;
  one.versions_.push_back(wanted);
  return one;
}

IfMatch IfMatch::read_optional(const http::Request& request) {
  if (!request.has("If-Match")) return {};
  IfMatch read;
  read.any_ = false;
  for_each_tag(request, "If-Match", [&](std::string_view tag) {
    if (tag == "*") read.any_ = true;
    if (!tag.starts_with("\"v") || !tag.ends_with('"') || tag.size() < 4) return;
    if (const std::optional<std::int64_t> version = parse_integer(tag.substr(2, tag.size() - 3)))
      if (version_tag(*version) == tag) read.versions_.push_back(*version);
  });
  return read;
}

Result<IfMatch> IfMatch::read(const http::Request& request) {
  if (request.has("If-Match")) return read_optional(request);
  return Error(ErrorCode::precondition_required, "Say in If-Match which version this is about.");
}

bool IfMatch::holds(std::int64_t version) const noexcept {
  return any_ || std::ranges::find(versions_, version) != versions_.end();
}

Error IfMatch::mismatch(std::int64_t version, const json::object& current) {
  return Error(ErrorCode::version_mismatch, "It has been changed meanwhile.")
      .with(R"({"current":)" + json_text(current) + "}", version_tag(version));
}

bool is_known(const http::Request& request, std::string_view tag) {
  bool known = false;
  for_each_tag(request, "If-None-Match", [&](std::string_view one) {
    if (one.starts_with("W/")) one.remove_prefix(2);
    known = known || one == "*" || one == tag;
  });
  return known;
}

http::Response not_modified(std::string tag) {
  http::Response response;
  response.status = 304;
  response.content_type = {};
  return std::move(response).with("ETag", std::move(tag));
}

}  // namespace corohub::flags
