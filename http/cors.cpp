#include "http/cors.hpp"

#include "http/serialize.hpp"
#include "http/text.hpp"

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
                              "ETag, Location, X-Request-Id, Corohub-Position, Corohub-Next, Retry-After, "
                              "RateLimit-Limit, RateLimit-Remaining, RateLimit-Reset"});
}

void Cors::apply_preflight(const Request& request, std::string_view allow, Response& response) const {
  if (!request.has("access-control-request-method")) return;
  if (request.count("origin") != 1 || !allows(request.header("origin"))) return;
  response.headers.push_back({"Access-Control-Allow-Methods", std::string(allow)});
  response.headers.push_back({"Access-Control-Allow-Headers",
                              "Authorization, Content-Type, Idempotency-Key, If-Match, If-None-Match, "
                              "Last-Event-ID, X-API-Key, X-Corohub-Client, X-Corohub-Environment, "
                              "X-Corohub-Namespace, X-Request-Id"});
  response.headers.push_back({"Access-Control-Max-Age", "600"});
}

namespace {

constexpr std::size_t requested_headers_bytes_max = 1024;

}  // namespace

void share_with_page(const Request& request, bool allowed, Response& response) {
  const std::string_view wanted = request.header("access-control-request-headers");
  if (!wanted.empty() && wanted.size() <= requested_headers_bytes_max)
    response.headers.push_back({"Access-Control-Allow-Headers", std::string(wanted)});
  response.headers.push_back({"Vary", "Origin"});
  if (!request.has("origin")) {
    response.headers.push_back({"Access-Control-Allow-Origin", "*"});
  } else if (allowed && request.count("origin") == 1) {
    response.headers.push_back({"Access-Control-Allow-Origin", std::string(request.header("origin"))});
    response.headers.push_back({"Access-Control-Allow-Credentials", "true"});
  }
}

namespace {

// "OPTIONS, POST": HEAD needs no permission.
std::string methods_for_pages(std::string_view allow) {
  std::string methods = "OPTIONS";
  while (!allow.empty()) {
    const std::string_view method = trim_blanks(cut(allow, ','));
    if (method != "OPTIONS" && method != "HEAD") methods.append(", ").append(method);
  }
  return methods;
}

}  // namespace

void answer_preflight(std::string_view allow, UnixMs now, Response& response) {
  constexpr std::int64_t year_s = 365 * 24 * 60 * 60;
  const std::string seconds = std::to_string(year_s);
  response.headers.push_back({"Access-Control-Allow-Methods", methods_for_pages(allow)});
  response.headers.push_back({"Access-Control-Max-Age", seconds});
  response.headers.push_back({"Cache-Control", "public, max-age=" + seconds});
  response.headers.push_back({"Expires", http_date(now + year_s * 1000)});
}

}  // namespace corohub::http
