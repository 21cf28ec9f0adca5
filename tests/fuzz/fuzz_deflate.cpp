// Whatever is offered or sent as compressed ends within its limits, and what we compress comes back. The
// first byte says what the rest is.
#include "core/deflate.hpp"
#include "gateway/wire/deflate_offer.hpp"

#include <cstdlib>
#include <string>
#include <string_view>

namespace {

using namespace corohub;

void require(bool condition) {
  if (!condition) std::abort();
}

void negotiate(std::string_view header) {
  http::Request request;
  request.headers.push_back({"Sec-WebSocket-Extensions", std::string(header)});
  const Result<std::string> off = gateway::answer_extensions(request, false);
  const Result<std::string> on = gateway::answer_extensions(request, true);
  require(off.has_value() == on.has_value());
  if (!on) return;
  require(off->empty());
  require(on->empty() || on->starts_with("permessage-deflate; server_no_context_takeover"));
}

void inflate(std::string_view compressed) {
  constexpr std::size_t limit = 65'536;
  const InflatedMessage message = inflate_message(compressed, limit);
  require(message.bytes.size() <= limit);
  require(message.outcome == Inflated::whole || message.bytes.empty());
}

void there_and_back(std::string_view text) {
  const std::string_view compressed = deflate_message(text);
  if (compressed.empty()) return;
  require(compressed.size() < text.size());
  const InflatedMessage back = inflate_message(compressed, text.size());
  require(back.outcome == Inflated::whole && back.bytes == text);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view rest(reinterpret_cast<const char*>(data) + 1, size - 1);
  if (data[0] % 3 == 0) negotiate(rest);
  if (data[0] % 3 == 1) inflate(rest);
  if (data[0] % 3 == 2) there_and_back(rest);
  return 0;
}
