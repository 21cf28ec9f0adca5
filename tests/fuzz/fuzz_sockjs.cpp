// Messages of SockJS: whatever a client sends is read or refused, and what is read can be said again.
#include "core/encoding.hpp"
#include "core/json.hpp"
#include "gateway/sockjs/messages.hpp"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

namespace {

using namespace corohub::gateway::sockjs;

void require(bool condition) {
  if (!condition) std::abort();
}

constexpr std::size_t messages_max = 100;

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  std::vector<std::string> messages;
  const Reading reading = read_messages(input, messages_max, messages);
  if (reading == Reading::good) {
    require(messages.size() <= messages_max);
    std::string again = "[";
    for (const std::string& message : messages) {
      require(corohub::is_utf8(message));
      again.append(again.size() > 1 ? "," : "").append(json_string(message));
    }
    std::vector<std::string> same;
    require(read_messages(again + "]", messages_max, same) == Reading::good);
    require(same == messages);
  }
  // Boost.JSON has the second opinion: it refuses nothing that is no array, and takes no array that is broken
  // here for other reasons than its elements or their number.
  const auto opinion = corohub::parse_json(input);
  if (reading == Reading::no_array) require(opinion.has_value() && !opinion->is_array());
  if (opinion && opinion->is_array() && reading == Reading::broken) {
    bool strings = opinion->as_array().size() <= messages_max;
    for (const auto& element : opinion->as_array()) strings = strings && element.is_string();
    require(!strings);
  }
  // What is said is JSON for all.
  if (corohub::is_utf8(input)) {
    const auto said = corohub::parse_json(json_string(input));
    require(said.has_value() && said->as_string() == input);
  }
  return 0;
}
