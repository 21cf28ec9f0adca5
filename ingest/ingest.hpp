// What the server composes of this room, and its settings.
#pragma once

#include "core/secret.hpp"
#include "flags/flags.hpp"
#include "http/router.hpp"

#include <string>

namespace corohub::ingest {

struct Settings {
  bool enabled = false;                                           // Redis
  Secret url;                                                     // see redis_url.hpp
  std::string channel = "flipt:flags:update";                     // empty: none
  std::string stream;                                             // key of a Redis Stream; empty: none
  flags::NamespaceAccess access = flags::NamespaceAccess::users;  // of namespaces that messages make
};

// POST /api/v1/flags/updates. The flags outlive the router.
void add_update_route(http::Router& router, flags::Flags& flags, flags::NamespaceAccess access);

}  // namespace corohub::ingest
