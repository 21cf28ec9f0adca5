// If-Match and If-None-Match (RFC 9110, section 13.1) of requests for an entity whose tag is "v<version>".
#pragma once

#include "core/error.hpp"
#include "core/json.hpp"
#include "http/request.hpp"
#include "http/response.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace corohub::flags {

std::string version_tag(std::int64_t version);  // "v3", in quotes

// What If-Match asks of the entity's version.
class IfMatch {
 public:
  // precondition_required if there is none.
  static Result<IfMatch> read(const http::Request& request);
  // The same for what needs no If-Match: without one, any version will do.
  static IfMatch read_optional(const http::Request& request);
  static IfMatch any() { return {}; }
  static IfMatch version(std::int64_t wanted);

  bool holds(std::int64_t version) const noexcept;
  // Of the entity as it is, which has this version: version_mismatch, which shows it. `show` is a
  // json::object() that is called only then.
  template <class F>
  Result<> check(std::int64_t version, F show) const {
    if (holds(version)) return {};
    return mismatch(version, show());
  }

 private:
  static Error mismatch(std::int64_t version, const json::object& current);

  bool any_ = true;                     // no If-Match, or "*"
  std::vector<std::int64_t> versions_;  // of the tags that may match; weak ones never do
};

// Whether the caller has it already: any of the tags is `tag` (weak comparison), or "*".
bool is_known(const http::Request& request, std::string_view tag);
// 304 with the tag. For a body that is the same as long as the tag is: see shows_what_it_was().
http::Response not_modified(std::string tag);

}  // namespace corohub::flags
