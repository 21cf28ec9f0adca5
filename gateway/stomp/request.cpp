#include "gateway/stomp/request.hpp"

#include <charconv>
#include <cstddef>

namespace corohub::gateway::stomp {
namespace {

// The number in front of a colon; cuts both off.
std::uint32_t cut_number(std::string_view& text) noexcept {
  std::uint32_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  text.remove_prefix(static_cast<std::size_t>(end - text.data()) + 1);
  return number;
}

}  // namespace

// Receipts are the client's and may hold anything, so the length of the first stands before both.
RequestId Request::text() const {
  std::string text(1, static_cast<char>(kind));
  text.append(std::to_string(label)).append(":").append(std::to_string(receipt.size())).append(":");
  return text.append(receipt).append(correlation);
}

Request Request::parse(std::string_view text) {
  Request request{static_cast<Kind>(text.front())};
  text.remove_prefix(1);
  request.label = cut_number(text);
  const std::size_t size = cut_number(text);
  request.receipt = text.substr(0, size);
  request.correlation = text.substr(size);
  return request;
}

}  // namespace corohub::gateway::stomp
