// The pages that are built into the server: test client, set-up, API reference, OpenAPI and AsyncAPI
// documents.
#pragma once

#include "http/router.hpp"

namespace corohub::web {

// Adds GET /setup, /openapi.json, /asyncapi.json and /pages/{file}, for anyone, and with `for_developers`
// also /, /websocket-test.html, /test-websocket.js and /docs. Every answer has an ETag and a policy that lets
// a page load nothing from elsewhere.
void add_page_routes(http::Router& router, bool for_developers);

}  // namespace corohub::web
