#include "http/cors.hpp"

#include <algorithm>

namespace corohub::http {

Cors::Cors(std::vector<std::string> origins)
    : origins_(std::move(origins)), any_(std::ranges::find(origins_, "*") != origins_.end()) {}

bool Cors::allows(std::string_view origin) const noexcept {
  return any_ || std::ranges::find(origins_, origin) != origins_.end();
}

void Cors::apply(const Request& request, Response& response) const {
  if (origins_.empty()) return;
  if (!any_) response.headers.push_back({"Vary", "Origin"});
  if (request.count("origin") != 1 || !allows(request.header("origin"))) return;
  response.headers.push_back(
      {"Access-Control-Allow-Origin", any_ ? std::string("*") : std::string(request.header("origin"))});
  response.headers.push_back({"Access-Control-Expose-Headers",
                              "X-Request-Id, Corohub-Position, Corohub-Next, Retry-After, RateLimit-Limit, "
                              "RateLimit-Remaining, RateLimit-Reset"});
}

void Cors::apply_preflight(const Request& request, std::string_view allow, Response& response) const {
  if (!request.has("access-control-request-method")) return;
  if (request.count("origin") != 1 || !allows(request.header("origin"))) return;
  response.headers.push_back({"Access-Control-Allow-Methods", std::string(allow)});
  response.headers.push_back({"Access-Control-Allow-Headers",
                              "Authorization, Content-Type, Idempotency-Key, Last-Event-ID, X-Request-Id"});
  response.headers.push_back({"Access-Control-Max-Age", "600"});
}

}  // namespace corohub::http
