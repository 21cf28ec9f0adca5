#include "http/proxy_protocol.hpp"

#include "http/caller.hpp"
#include "http/text.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <string>

namespace corohub::http {
namespace {

namespace ip = boost::asio::ip;

constexpr std::string_view text_prefix = "PROXY ";
constexpr std::size_t text_bytes_max = 107;  // with its CR LF

constexpr std::string_view binary_prefix{"\r\n\r\n\0\r\nQUIT\n", 12};
constexpr std::size_t binary_fixed_bytes = 16;

Error refused(const char* what) {
  return Error(ErrorCode::invalid_request, "The PROXY header is malformed.").because(what);
}

// Whether the bytes agree with the prefix, as far as there are bytes.
bool may_begin(std::string_view bytes, std::string_view prefix) noexcept {
  const std::size_t size = std::min(bytes.size(), prefix.size());
  return bytes.substr(0, size) == prefix.substr(0, size);
}

bool is_port(std::string_view text) noexcept {
  std::uint16_t port = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), port);
  const bool whole = !text.empty() && failure == std::errc() && end == text.data() + text.size();
  return whole && (text.size() == 1 || text.front() != '0');
}

std::optional<ip::address> read_address(std::string_view text, bool v6) {
  boost::system::error_code failure;
  const ip::address address = ip::make_address(std::string(text), failure);
  if (failure || address.is_v6() != v6 || text.find('%') != std::string_view::npos) return std::nullopt;
  return unmapped(address);
}

// Reads a line such as "TCP4 192.0.2.1 198.51.100.1 4711 443".
Result<std::optional<ip::address>> read_text_line(std::string_view line) {
  const bool blank_end = line.ends_with(' ');
  const std::string_view family = cut(line, ' ');
  if (family == "UNKNOWN") return std::optional<ip::address>();
  if (family != "TCP4" && family != "TCP6") return refused("the family of version 1");
  std::array<std::string_view, 4> words;
  for (std::string_view& word : words) word = cut(line, ' ');
  const auto& [source, destination, source_port, destination_port] = words;
  const bool v6 = family == "TCP6";
  std::optional<ip::address> address = read_address(source, v6);
  if (!address || !read_address(destination, v6)) return refused("an address of version 1");
  if (blank_end || !line.empty() || !is_port(source_port) || !is_port(destination_port))
    return refused("a port of version 1");
  return address;
}

Result<ProxyHeader> read_text(std::string_view bytes) {
  const std::size_t end = bytes.substr(0, text_bytes_max).find('\n');
  if (end == std::string_view::npos) {
    if (bytes.size() >= text_bytes_max) return refused("version 1 has no end");
    return ProxyHeader();
  }
  if (bytes[end - 1] != '\r') return refused("version 1 ends without CR");
  const auto source = read_text_line(bytes.substr(text_prefix.size(), end - 1 - text_prefix.size()));
  if (!source) return source.error();
  return ProxyHeader{end + 1, *source};
}

template <class Address>
ip::address address_in(std::string_view bytes) {
  typename Address::bytes_type raw;
  std::copy_n(reinterpret_cast<const unsigned char*>(bytes.data()), raw.size(), raw.begin());
  return unmapped(Address(raw));
}

// Source and destination with their ports lie at the beginning of what follows the fixed part.
Result<std::optional<ip::address>> read_binary_source(unsigned family, std::string_view rest) {
  switch (family) {
    case 0x00:  // unspecified
    case 0x31:  // a socket in the file system
    case 0x32:
      return std::optional<ip::address>();
    case 0x11:
      if (rest.size() < 12) return refused("version 2 is too short for IPv4");
      return std::optional(address_in<ip::address_v4>(rest));
    case 0x21:
      if (rest.size() < 36) return refused("version 2 is too short for IPv6");
      return std::optional(address_in<ip::address_v6>(rest));
    default:
      return refused("the family of version 2");
  }
}

Result<ProxyHeader> read_binary(std::string_view bytes) {
  if (bytes.size() < binary_fixed_bytes) return ProxyHeader();
  const auto byte = [&](std::size_t at) {
    return static_cast<unsigned>(static_cast<unsigned char>(bytes[at]));
  };
  const unsigned command = byte(12);
  if (command != 0x20 && command != 0x21) return refused("the version or command of version 2");
  const std::size_t size = binary_fixed_bytes + (byte(14) << 8 | byte(15));
  if (size > proxy_header_bytes_max) return refused("version 2 is too long");
  if (bytes.size() < size) return ProxyHeader();
  if (command == 0x20) return ProxyHeader{size};  // LOCAL: the rest of the header does not count
  const auto source =
      read_binary_source(byte(13), bytes.substr(binary_fixed_bytes, size - binary_fixed_bytes));
  if (!source) return source.error();
  return ProxyHeader{size, *source};
}

}  // namespace

Result<ProxyHeader> read_proxy_header(std::string_view bytes) {
  if (may_begin(bytes, text_prefix))
    return bytes.size() < text_prefix.size() ? ProxyHeader() : read_text(bytes);
  if (may_begin(bytes, binary_prefix))
    return bytes.size() < binary_prefix.size() ? ProxyHeader() : read_binary(bytes);
  return refused("there is none");
}

}  // namespace corohub::http
