// The header that a proxy may send ahead of a connection.
#include "http/proxy_protocol.hpp"

#include <string>

#include <gtest/gtest.h>

namespace corohub::http {
namespace {

using namespace std::string_literals;

const std::string mark = "\r\n\r\n\0\r\nQUIT\n"s;

std::string version_2(int command, int family, const std::string& rest) {
  std::string bytes = mark;
  bytes += static_cast<char>(command);
  bytes += static_cast<char>(family);
  bytes += static_cast<char>(rest.size() >> 8);
  bytes += static_cast<char>(rest.size() & 0xff);
  return bytes + rest;
}

const std::string v4_rest = "\xcb\x00\x71\x07\xc6\x33\x64\x01\x12\x67\x01\xbb"s;
const std::string v6_rest =
    "\x20\x01\x0d\xb8"s + std::string(11, '\0') + "\x01"s + std::string(16, '\x20') + "abcd";

// Shown byte by byte, the header is not known before its last one; the rest is left alone.
std::string source_of(const std::string& header) {
  for (std::size_t size = 0; size < header.size(); ++size) {
    const Result<ProxyHeader> part = read_proxy_header(header.substr(0, size));
    if (!part) return "refused after " + std::to_string(size);
    if (part->size != 0) return "too early";
  }
  const Result<ProxyHeader> whole = read_proxy_header(header + "GET / HTTP/1.1\r\n");
  if (!whole) return "refused";
  if (whole->size != header.size()) return "of another size";
  return whole->source ? whole->source->to_string() : "nobody";
}

TEST(ProxyProtocol, T16_version_1) {
  EXPECT_EQ(source_of("PROXY TCP4 203.0.113.7 198.51.100.1 4711 443\r\n"), "203.0.113.7");
  EXPECT_EQ(source_of("PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n"), "255.255.255.255");
  EXPECT_EQ(source_of("PROXY TCP6 2001:db8::7 2001:db8::1 0 443\r\n"), "2001:db8::7");
  EXPECT_EQ(source_of("PROXY TCP6 ::ffff:203.0.113.7 ::1 1 2\r\n"), "203.0.113.7");
  EXPECT_EQ(source_of("PROXY UNKNOWN\r\n"), "nobody");
  EXPECT_EQ(source_of("PROXY UNKNOWN ffff:f...f:ffff ffff:f...f:ffff 65535 65535\r\n"), "nobody");
  for (const char* line : {
           "PROXY TCP4 203.0.113.7 198.51.100.1 4711 443\n",
           "PROXY TCP4 203.0.113.7 198.51.100.1 4711\r\n",
           "PROXY TCP4 203.0.113.7 198.51.100.1 4711 443 \r\n",
           "PROXY TCP4 203.0.113.7 198.51.100.1 4711 443 1\r\n",
           "PROXY TCP4  203.0.113.7 198.51.100.1 4711 443\r\n",
           "PROXY TCP4 203.0.113.7 198.51.100.1 65536 443\r\n",
           "PROXY TCP4 203.0.113.7 198.51.100.1 04 443\r\n",
           "PROXY TCP4 203.0.113.7 198.51.100.1 -1 443\r\n",
           "PROXY TCP4 203.0.113.7 198.51.100.1 1 443x\r\n",
           "PROXY TCP4 203.0.113.07 198.51.100.1 1 443\r\n",
           "PROXY TCP4 2001:db8::7 2001:db8::1 1 443\r\n",
           "PROXY TCP6 203.0.113.7 198.51.100.1 1 443\r\n",
           "PROXY TCP6 fe80::1%lo 2001:db8::1 1 443\r\n",
           "PROXY TCP4 somebody 198.51.100.1 1 443\r\n",
           "PROXY UDP4 203.0.113.7 198.51.100.1 1 443\r\n",
           "PROXY tcp4 203.0.113.7 198.51.100.1 1 443\r\n",
           "PROXY \r\n",
           "PROXY\r\n",
           "proxy UNKNOWN\r\n",
           "GET / HTTP/1.1\r\n",
       })
    EXPECT_FALSE(read_proxy_header(line)) << line;
  EXPECT_TRUE(read_proxy_header("PROXY UNKNOWN " + std::string(91, 'x') + "\r\n")) << "107 bytes";
  EXPECT_FALSE(read_proxy_header("PROXY UNKNOWN " + std::string(92, 'x') + "\r\n"));
  EXPECT_FALSE(read_proxy_header("PROXY UNKNOWN " + std::string(93, 'x'))) << "no end in sight";
}

TEST(ProxyProtocol, T16_version_2) {
  EXPECT_EQ(source_of(version_2(0x21, 0x11, v4_rest)), "203.0.113.7");
  EXPECT_EQ(source_of(version_2(0x21, 0x21, v6_rest)), "2001:db8::1");
  EXPECT_EQ(source_of(version_2(0x21, 0x11, v4_rest + std::string(300, 't'))), "203.0.113.7")
      << "with extensions";
  EXPECT_EQ(source_of(version_2(0x20, 0x11, v4_rest)), "nobody") << "a health check of the proxy's own";
  EXPECT_EQ(source_of(version_2(0x20, 0x00, "")), "nobody");
  EXPECT_EQ(source_of(version_2(0x21, 0x00, "anything")), "nobody");
  EXPECT_EQ(source_of(version_2(0x21, 0x31, std::string(216, 'p'))), "nobody");
  for (const std::string& bytes : {
           version_2(0x11, 0x11, v4_rest),
           version_2(0x22, 0x11, v4_rest),
           version_2(0x21, 0x12, v4_rest),
           version_2(0x21, 0x41, v4_rest),
           version_2(0x21, 0x11, v4_rest.substr(1)),
           version_2(0x21, 0x21, v6_rest.substr(1)),
           version_2(0x21, 0x11, std::string(4081, 'x')),
           mark.substr(0, 11) + "X" + std::string(4, '\0'),
       })
    EXPECT_FALSE(read_proxy_header(bytes));
  EXPECT_TRUE(read_proxy_header(version_2(0x21, 0x11, std::string(4080, 'x'))));
  EXPECT_FALSE(read_proxy_header(mark + "\x21\x11\xff\xff"s)) << "refused by its length, before it comes";
}

}  // namespace
}  // namespace corohub::http
