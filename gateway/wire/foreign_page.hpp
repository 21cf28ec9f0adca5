// Whether a page may not ask here: for protocols over HTTP, each of whose requests is judged. Pure.
#pragma once

#include "http/request.hpp"

namespace corohub::gateway {

// Whoever sends no Origin is no script of another page, unless its browser says that another site made it
// ask. `service` says of an Origin whether its pages may be here.
template <class Service>
bool is_foreign_page(const Service& service, const http::Request& request) {
  if (request.count("origin") > 1) return true;
  if (request.has("origin")) return !service.allows_origin(request);
  return request.header("sec-fetch-site") == "cross-site";
}

}  // namespace corohub::gateway
