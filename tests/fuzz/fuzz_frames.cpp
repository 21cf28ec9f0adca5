// Whatever a client sends: the decoder stays within its limits, and says the same however the bytes are cut.
// The first byte says whether messages may be compressed.
#include "gateway/wire/frame_decoder.hpp"

#include <algorithm>
#include <cstdlib>
#include <string>
#include <vector>

namespace {

using namespace corohub;
using namespace corohub::gateway;
using Kind = Received::Kind;

constexpr MessageLimits limits{.bytes = 2000, .fragments = 5, .text_only = false};

void require(bool condition) {
  if (!condition) std::abort();
}

struct Said {
  Kind kind;
  std::string payload;
  CloseReason reason;
  bool operator==(const Said&) const = default;
};

std::vector<Said> decode(std::string bytes, std::size_t step, bool deflate) {
  FrameDecoder decoder(limits, deflate);
  std::vector<Said> all;
  for (std::size_t at = 0; at < bytes.size(); at += step) {
    std::span<char> piece = std::span(bytes).subspan(at, std::min(step, bytes.size() - at));
    for (;;) {
      const Received received = decoder.next(piece);
      if (received.kind == Kind::nothing) break;
      const bool message = received.kind == Kind::text || received.kind == Kind::binary;
      require(received.payload.size() <= (message ? limits.bytes : 125));
      if (received.kind == Kind::text) require(is_utf8(received.payload));
      all.push_back({received.kind, std::string(received.payload), received.reason});
      if (received.kind == Kind::broken) return all;
    }
    require(piece.empty());
  }
  return all;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  if (size == 0) return 0;
  const bool deflate = data[0] % 2 != 0;
  const std::string bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  const std::vector<Said> whole = decode(bytes, std::max<std::size_t>(1, bytes.size()), deflate);
  require(decode(bytes, 1, deflate) == whole);
  require(decode(bytes, 13, deflate) == whole);
  return 0;
}
