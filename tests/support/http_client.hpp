// A small blocking HTTP/1.1 client for tests of routes. It sends what it is told, right or wrong.
#pragma once

#include "support/tcp_stream.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <boost/json/object.hpp>
#include <boost/json/value.hpp>

namespace corohub::test {

namespace json = boost::json;

struct HttpAnswer {
  int status = 0;  // 0: the connection ended without an answer
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;

  std::string header(std::string_view name) const;  // compared without case; empty: none
  json::value json() const;                         // of the body; throws if it is none
  // A member by a path such as "data.user.id"; null if there is none.
  json::value at(std::string_view path) const;
};

struct HttpCall {
  std::string method = "GET";
  std::string target = "/";
  std::string token{};                 // Authorization: Bearer
  std::optional<json::value> body{};   // sent as application/json
  std::optional<std::string> bytes{};  // or a body as it is
  std::vector<std::pair<std::string, std::string>> headers{};
};

// One connection that is kept alive between calls, and opened again when the server has ended it.
class HttpClient {
 public:
  explicit HttpClient(std::uint16_t port) : port_(port) {}

  HttpAnswer call(const HttpCall& call);

  HttpAnswer get(std::string target, std::string token = {});
  HttpAnswer post(std::string target, json::value body, std::string token = {});
  HttpAnswer put(std::string target, json::value body, std::string token = {});
  HttpAnswer patch(std::string target, json::value body, std::string token = {});
  HttpAnswer del(std::string target, std::string token = {});

 private:
  HttpAnswer exchange(const HttpCall& call);
  HttpAnswer attempt(const std::string& text, bool head);

  std::uint16_t port_;
  std::optional<TcpStream> stream_;
};

// The bytes of a request, with Host and Content-Length.
std::string request_text(const HttpCall& call);

// Reads one answer; `buffer` keeps what came behind it. `head`: the answer to HEAD, which has no body.
HttpAnswer read_answer(TcpStream& stream, std::string& buffer, bool head = false);

}  // namespace corohub::test
