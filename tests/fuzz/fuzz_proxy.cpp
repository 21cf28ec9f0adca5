// What stands before HTTP, or beside it, to say who calls: read within bounds, and the same however the bytes
// are cut.
#include "http/caller.hpp"
#include "http/proxy_protocol.hpp"

#include <algorithm>
#include <cstdlib>
#include <string>
#include <string_view>

namespace {

using namespace corohub;
using namespace corohub::http;

void require(bool condition) {
  if (!condition) std::abort();
}

void read_in_pieces(std::string_view bytes) {
  const Result<ProxyHeader> whole = read_proxy_header(bytes);
  if (whole) require(whole->size <= bytes.size() && whole->size <= proxy_header_bytes_max);
  for (std::size_t size = 0; size < std::min(bytes.size(), 2 * proxy_header_bytes_max); ++size) {
    const Result<ProxyHeader> part = read_proxy_header(bytes.substr(0, size));
    if (!part) return require(!whole);
    if (part->size == 0) continue;
    require(whole && whole->size == part->size && whole->source == part->source);
    return;
  }
  require(!whole || whole->size == 0 || whole->size == bytes.size());
}

void read_lists(std::string_view value) {
  static const auto peer = boost::asio::ip::make_address("10.0.0.1");
  static const auto added = boost::asio::ip::make_address("192.0.2.1");
  static const auto trusted = auth::CidrList::parse({"10.0.0.0/8", "fd00::/8"}).value();
  for (const std::string_view name : {"X-Forwarded-For", "Forwarded", "X-Forwarded-Host"}) {
    Request request;
    request.by_proxy = request.over_loopback = true;
    request.headers.push_back({name, value});
    const auto alone = find_caller(request.headers, peer, trusted);
    (void)forwarded_host(request);
    (void)is_local(request);
    // What a proxy adds behind it decides, whatever it is.
    request.headers = {{name, std::string(value) + ", 192.0.2.1"}};
    if (name == "X-Forwarded-For") require(find_caller(request.headers, peer, trusted) == added);
    request.headers = {{name, std::string(value) + ", for=192.0.2.1"}};
    if (name == "Forwarded") require(find_caller(request.headers, peer, trusted) == added);
    if (name == "X-Forwarded-Host") require(alone == peer);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  read_in_pieces(bytes);
  if (size <= 8192) read_lists(bytes);
  return 0;
}
