#include "http/request_reader.hpp"

#include "http/beast_head.hpp"
#include "http/target.hpp"

#include <algorithm>

namespace corohub::http {
namespace {

// The names are case-sensitive.
Method method_of(std::string_view text) noexcept {
  for (const Method method :
       {Method::get, Method::post, Method::put, Method::patch, Method::del, Method::head, Method::options})
    if (text == name(method)) return method;
  return Method::other;
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

void RequestReader::limit_body(std::size_t bytes_max) {
  body_max_ = bytes_max;
  if (state_ != State::body) return;
  const Result<> length = check_length();
  if (length) return;
  state_ = State::failed;
  error_ = length.error();
}

// Judges the length that the head states.
Result<> RequestReader::check_length() const {
  if (body_left_ + body_bytes_ <= body_max_ || chunked_) return {};
  return Error(ErrorCode::payload_too_large, "The body is larger than is allowed.");
}

void RequestReader::next() {
  state_ = State::head;
  request_.clear();
  scanner_ = HeadScanner();
  decoder_ = ChunkedDecoder();
  skipped_empty_line_ = false;
  chunked_ = expects_continue_ = false;
  body_max_ = limits_.max_body_bytes;
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
  if (const Result<> length = check_length(); !length) return length.error();
  std::size_t used = std::min(body_left_, bytes.size());
  if (chunked_) {
    ReadLimits limits = limits_;
    limits.max_body_bytes = body_max_;
    Result<std::size_t> decoded = decoder_.feed(bytes, limits, request_.body);
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
  Result<> framing = read_head(request_.headers.keep(head_bytes), limits_, head, request_.headers);
  request_.http11 = head.http11;
  request_.method = method_of(head.method);
  if (!head.target.empty()) {
    Result<> target = read_target(head.target, head.host, request_);
    if (framing && !target) framing = std::move(target);
  }
  if (!framing) {
    request_.headers.clear();  // no header of a failed head can be trusted
    return framing;
  }
  const bool has_body = head.chunked || head.content_length;
  if (has_body && !read_by_beast(head_bytes)) {
    request_.headers.clear();
    return Error(ErrorCode::invalid_request, "The request is malformed.").because("Beast refuses the head");
  }
  if (head.expects_other)
    return Error(ErrorCode::expectation_failed, "The only expectation that can be met is 100-continue.");
  const bool kept = head.http11 || request_.has_token("connection", "keep-alive");
  request_.keep_alive = kept && !request_.has_token("connection", "close");
  chunked_ = head.chunked;
  body_left_ = static_cast<std::size_t>(head.content_length.value_or(0));
  expects_continue_ = head.expects_continue && (chunked_ || body_left_ > 0);
  return {};
}

}  // namespace corohub::http
