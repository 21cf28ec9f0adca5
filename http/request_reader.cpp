// The only file that sees Beast's HTTP parser. It is the second opinion on a head that http/head.cpp has
// found unambiguous; bodies are read without it (see http/chunked.hpp).
#include "http/request_reader.hpp"

#include "http/target.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/parser.hpp>

namespace corohub::http {
namespace {

namespace beast_http = boost::beast::http;

Method method_of(beast_http::verb verb) noexcept {
  switch (verb) {
    case beast_http::verb::get:
      return Method::get;
    case beast_http::verb::head:
      return Method::head;
    case beast_http::verb::post:
      return Method::post;
    case beast_http::verb::put:
      return Method::put;
    case beast_http::verb::patch:
      return Method::patch;
    case beast_http::verb::delete_:
      return Method::del;
    case beast_http::verb::options:
      return Method::options;
    default:
      return Method::other;
  }
}

}  // namespace

std::size_t RequestReader::feed(std::string_view bytes) {
  Result<std::size_t> used{std::size_t{0}};
  if (state_ == State::head)
    used = take_head(bytes);
  else if (state_ == State::body)
    used = take_body(bytes);
  if (used) return *used;
  state_ = State::failed;
  error_ = used.error();
  return 0;
}

void RequestReader::next() {
  state_ = State::head;
  request_ = Request();
  scanner_ = HeadScanner();
  decoder_ = ChunkedDecoder();
  skipped_empty_line_ = false;
  chunked_ = expects_continue_ = false;
  body_left_ = body_bytes_ = 0;
}

Result<std::size_t> RequestReader::take_head(std::string_view bytes) {
  // One empty line before a request is some clients' habit (RFC 9112 section 2.2).
  if (!skipped_empty_line_ && bytes.starts_with("\r\n")) {
    skipped_empty_line_ = true;
    scanner_ = HeadScanner();
    return std::size_t{2};
  }
  Result<std::size_t> size = scanner_.scan(bytes, limits_);
  if (!size || *size == 0) return size;
  if (Result<> parsed = parse(bytes.substr(0, *size)); !parsed) return parsed.error();
  state_ = chunked_ || body_left_ > 0 ? State::body : State::complete;
  return size;
}

Result<std::size_t> RequestReader::take_body(std::string_view bytes) {
  std::size_t used = std::min(body_left_, bytes.size());
  if (chunked_) {
    Result<std::size_t> decoded = decoder_.feed(bytes, limits_, request_.body);
    if (!decoded) return decoded;
    used = *decoded;
  } else {
    request_.body.append(bytes.substr(0, used));
    body_left_ -= used;
  }
  body_bytes_ += used;
  if (chunked_ ? decoder_.done() : body_left_ == 0) state_ = State::complete;
  return used;
}

Result<> RequestReader::parse(std::string_view head_bytes) {
  Head head;
  Result<> framing = read_head(head_bytes, limits_, head);
  request_.http11 = head.http11;
  request_.method = method_of(beast_http::string_to_verb(head.method));
  if (!head.target.empty()) {
    Result<> target = read_target(head.target, head.host, request_);
    if (framing && !target) return target;
  }
  if (!framing) return framing;

  beast_http::request_parser<beast_http::empty_body> parser;
  parser.skip(true);
  parser.header_limit(static_cast<std::uint32_t>(limits_.max_header_bytes));
  boost::system::error_code failure;
  const std::size_t used =
      parser.put(boost::asio::const_buffer(head_bytes.data(), head_bytes.size()), failure);
  if (failure || used != head_bytes.size() || !parser.is_done())
    return Error(ErrorCode::invalid_request, "The request is malformed.").because(failure.message());

  for (const auto& field : parser.get())
    request_.headers.push_back({std::string(field.name_string()), std::string(field.value())});
  if (head.expects_other)
    return Error(ErrorCode::expectation_failed, "The only expectation that can be met is 100-continue.");
  if (head.content_length.value_or(0) > limits_.max_body_bytes)
    return Error(ErrorCode::payload_too_large, "The body is larger than is allowed.");
  const bool kept = request_.has_token("connection", "keep-alive") || head.http11;
  request_.keep_alive = kept && !request_.has_token("connection", "close");
  chunked_ = head.chunked;
  body_left_ = static_cast<std::size_t>(head.content_length.value_or(0));
  expects_continue_ = head.expects_continue && (chunked_ || body_left_ > 0);
  return {};
}

}  // namespace corohub::http
