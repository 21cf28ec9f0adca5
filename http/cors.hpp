// Which foreign pages may read our answers (the Fetch standard's CORS protocol), by configuration. Without
// origins there are no CORS headers at all. Immutable after construction.
#pragma once

#include "http/request.hpp"
#include "http/response.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace corohub::http {

class Cors {
 public:
  // Exact origins ("https://app.example.com"), or "*". Credentials are never allowed: we take no cookies.
  explicit Cors(std::vector<std::string> origins);

  // Adds the headers that an answer to this request needs.
  void apply(const Request& request, Response& response) const;
  // The same for an answer to OPTIONS that may be a preflight; `allow` are the methods of the path.
  void apply_preflight(const Request& request, std::string_view allow, Response& response) const;

 private:
  bool allows(std::string_view origin) const noexcept;

  std::vector<std::string> origins_;
  bool any_ = false;
};

// ---- a route's own rule (RouteOptions::cors) ----

// Lets an allowed page read the answer, with credentials. A request without an Origin comes from no page and
// needs no permission. Whatever headers the page asks for it may send.
void share_with_page(const Request& request, bool allowed, Response& response);
// Says what pages that may read may also send; browsers remember that for a year. `allow` are the methods of
// the path.
void answer_preflight(std::string_view allow, UnixMs now, Response& response);

}  // namespace corohub::http
