// The routes below /api/v1/namespaces, as tests of management ask them.
#pragma once

#include "support/test_server.hpp"

#include <string>
#include <utility>
#include <vector>

namespace corohub::test {

using Headers = std::vector<std::pair<std::string, std::string>>;

// `path` goes on behind /api/v1/namespaces; an empty body is none, others are JSON.
inline HttpAnswer ask_namespaces(HttpClient& client, const std::string& method, const std::string& path,
                                 const std::string& body, Headers headers, const std::string& token) {
  HttpCall call;
  call.method = method;
  call.target = "/api/v1/namespaces" + path;
  call.token = token;
  if (!body.empty()) {
    call.bytes = body;
    headers.emplace_back("Content-Type", "application/json");
  }
  call.headers = std::move(headers);
  return client.call(call);
}

}  // namespace corohub::test
