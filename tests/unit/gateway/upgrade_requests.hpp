// A good upgrade request, to be spoiled.
#pragma once

#include "http/request.hpp"

#include <string_view>

namespace corohub::gateway::test {

inline http::Request good_request() {
  http::Request request;
  request.path = "/ws";
  request.headers = {{"Host", "localhost:8080"},
                     {"Connection", "keep-alive, Upgrade"},
                     {"Upgrade", "WebSocket"},
                     {"Sec-WebSocket-Version", "13"},
                     {"Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="}};
  return request;
}

inline http::Request with(http::Request request, std::string_view name, std::string_view value) {
  request.headers.push_back({name, value});
  return request;
}

}  // namespace corohub::gateway::test
