// One HTTP request as handlers see it: checked, decoded, independent of the library that read it.
#pragma once

#include "core/clock.hpp"
#include "core/error.hpp"
#include "core/json.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <boost/asio/ip/address.hpp>

namespace corohub::http {

enum class Method : std::uint8_t { get, head, post, put, patch, del, options, other };
std::string_view name(Method method) noexcept;  // "GET"

struct Header {
  std::string name;  // as sent
  std::string value;
};

class Request {
 public:
  Method method = Method::get;
  std::string target;  // as sent ("/path?query"; of an absolute URI what stands behind the authority); never
                       // logged whole
  std::string path;    // percent-decoded
  std::vector<std::pair<std::string, std::string>> query;  // decoded, in order, with duplicates
  std::vector<Header> headers;                             // of the header section; trailers are dropped
  std::string body;
  bool http11 = true;
  bool keep_alive = true;
  boost::asio::ip::address peer;
  std::string id;  // X-Request-Id of the answer

  // First header of that name, compared without case; empty if there is none.
  std::string_view header(std::string_view field) const noexcept;
  std::size_t count(std::string_view field) const noexcept;
  bool has(std::string_view field) const noexcept { return count(field) != 0; }
  // True when a comma-separated list in any header of that name has the token, compared without case.
  bool has_token(std::string_view field, std::string_view token) const noexcept;

  // The target's path as sent, not decoded: what the router matches.
  std::string_view raw_path() const noexcept;

  std::optional<std::string_view> query_value(std::string_view key) const noexcept;  // the first
  std::size_t query_count(std::string_view key) const noexcept;

  // The Bearer token of Authorization: nothing if the header is absent; an empty view if it is there and not
  // Bearer.
  std::optional<std::string_view> bearer() const noexcept;

  // The body as a JSON object: 415 unless Content-Type is application/json (or absent), 400 if it is no JSON
  // object.
  Result<json::object> json_object() const;
};

}  // namespace corohub::http
