// Whatever a client sends: the frames are the same however the bytes are cut, the parser stays within its
// limits, and what the writer makes of a value reads as that value again. The first byte chooses the version
// and the cut.
#include "gateway/stomp/frame.hpp"

#include <algorithm>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

namespace {

using namespace corohub::gateway::stomp;

constexpr std::size_t frame_bytes_max = 10'000;

void require(bool condition) {
  if (!condition) std::abort();
}

struct Read {
  std::vector<std::string> frames;
  std::string fault;
  bool is_within_frame = false;
  bool operator==(const Read&) const = default;
};

std::string text_of(const ClientFrame& frame) {
  require(frame.headers.all().size() <= Parser::headers_max);
  require(frame.body.size() <= frame_bytes_max);
  std::string text(1, static_cast<char>('a' + static_cast<int>(frame.command)));
  for (const auto& [header, value] : frame.headers.all())
    text.append(header).append("=").append(value).append("\n");
  return text.append(frame.body);
}

Read read(std::string_view bytes, std::size_t step, Version version) {
  Parser parser(frame_bytes_max);
  parser.set_version(version);
  Read all;
  for (std::size_t at = 0; at < bytes.size(); at += step) {
    std::string_view piece = bytes.substr(at, step);
    Parser::Got got = Parser::Got::frame;
    while ((got = parser.next(piece)) == Parser::Got::frame) all.frames.push_back(text_of(parser.frame()));
    if (got == Parser::Got::fault) {
      all.fault = parser.fault().message;
      return all;
    }
    require(piece.empty());
  }
  all.is_within_frame = parser.is_within_frame();
  return all;
}

// 1.2 alone can express every value but NUL.
void write_and_read(std::string_view value) {
  if (value.size() > 1000) return;
  const std::string text = FrameWriter(Version::v1_2, "SEND").header("a", value).header("end", "1").frame();
  Parser parser(frame_bytes_max);
  std::string_view left = text;
  if (parser.next(left) != Parser::Got::frame) {
    require(parser.fault().message == "Headers are UTF-8.");
    return;
  }
  std::string meant(value);
  std::ranges::replace(meant, '\0', ' ');
  require(parser.frame().headers.all().size() == 2 && parser.frame().headers.value("a") == meant);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  if (size == 0) return 0;
  const auto version = static_cast<Version>(data[0] % version_count);
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  const Read whole = read(bytes, std::max<std::size_t>(1, bytes.size()), version);
  require(read(bytes, 1, version) == whole);
  require(read(bytes, 1 + data[0] / version_count, version) == whole);
  write_and_read(bytes);
  return 0;
}
