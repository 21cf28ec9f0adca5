// What an author wants to publish. A plain value.
#pragma once

#include "hub/audience.hpp"

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>

namespace corohub::gateway {

struct Publication {
  std::string topic;  // a good name; empty: to `audience`
  std::string type = "message";
  std::string data{};             // JSON text, delivered as it is
  std::string idempotency_key{};  // empty: none
  hub::Audience audience{};       // of what is published in no topic
  std::string attributes{};       // what its front end keeps beside the data; empty: nothing
};

// 1 to 128 printable characters of ASCII.
inline bool is_idempotency_key(std::string_view text) noexcept {
  constexpr std::size_t bytes_max = 128;
  return !text.empty() && text.size() <= bytes_max &&
         std::ranges::all_of(text, [](char c) { return c >= ' ' && c <= '~'; });
}

}  // namespace corohub::gateway
