// Boost.Beast's reading of a request's head: the second opinion that the tests and the fuzzer ask.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <boost/asio/buffer.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/parser.hpp>

namespace corohub::test {

using HeadFields = std::vector<std::pair<std::string, std::string>>;

struct BeastHead {
  std::string method;
  std::string target;
  HeadFields fields;  // those of one name together
};

// With those of one name together, in their order.
inline std::multimap<std::string, std::pair<std::string, std::string>> by_name(const HeadFields& fields) {
  std::multimap<std::string, std::pair<std::string, std::string>> sorted;
  for (const auto& field : fields) {
    std::string key = field.first;
    for (char& c : key)
      if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
    sorted.emplace(std::move(key), field);
  }
  return sorted;
}

// Nothing: Beast refuses it, or finds its end elsewhere.
inline std::optional<BeastHead> read_by_beast(std::string_view head) {
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

}  // namespace corohub::test
