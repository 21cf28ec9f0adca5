#include "http/beast_head.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/parser.hpp>
// The one translation unit that compiles Beast's implementation (BOOST_BEAST_SEPARATE_COMPILATION).
#include <boost/beast/src.hpp>

namespace corohub::http {

std::optional<BeastHead> read_by_beast(std::string_view head) {
  namespace beast_http = boost::beast::http;
  beast_http::request_parser<beast_http::empty_body> parser;
  parser.skip(true);
  parser.header_limit(1 << 20);
  boost::system::error_code failure;
  const std::size_t used = parser.put(boost::asio::const_buffer(head.data(), head.size()), failure);
  if (failure || used != head.size() || !parser.is_done()) return std::nullopt;
  BeastHead read{std::string(parser.get().method_string()), std::string(parser.get().target()), {}};
  for (const auto& field : parser.get()) read.fields.emplace_back(field.name_string(), field.value());
  return read;
}

}  // namespace corohub::http
