#include "http/request_reader.hpp"

#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace corohub::http {
namespace {

using State = RequestReader::State;

struct Outcome {
  std::vector<std::string> requests;  // "GET /path body"
  State state = State::head;
  ErrorCode code = ErrorCode::internal_error;  // when failed
  std::size_t unused = 0;
};

// Shows the bytes in pieces of `step`, as a connection does, and collects every request in them.
Outcome read_all(std::string_view bytes, std::size_t step, const ReadLimits& limits = {}) {
  RequestReader reader(limits);
  Outcome outcome;
  std::string inbound;
  for (std::size_t shown = 0; shown < bytes.size() && reader.state() != State::failed;) {
    const std::string_view piece = bytes.substr(shown, step);
    shown += piece.size();
    inbound += piece;
    for (std::size_t used = 1; used > 0;) {
      used = reader.feed(inbound);
      inbound.erase(0, used);
      if (reader.state() != State::complete) continue;
      const Request& request = reader.request();
      outcome.requests.push_back(std::string(name(request.method)) + " " + request.path + " " + request.body);
      reader.next();
    }
  }
  outcome.state = reader.state();
  if (outcome.state == State::failed) outcome.code = reader.error().code;
  outcome.unused = inbound.size();
  return outcome;
}

// However the bytes are cut, the same comes out.
Outcome read_in_every_way(std::string_view bytes, const ReadLimits& limits = {}) {
  const Outcome whole = read_all(bytes, bytes.size(), limits);
  for (const std::size_t step : {std::size_t{1}, std::size_t{2}, std::size_t{7}, std::size_t{64}}) {
    const Outcome cut = read_all(bytes, step, limits);
    EXPECT_EQ(cut.requests, whole.requests) << "step " << step << " of " << bytes.substr(0, 200);
    EXPECT_EQ(cut.state, whole.state) << "step " << step << " of " << bytes.substr(0, 200);
    EXPECT_EQ(cut.code, whole.code) << "step " << step << " of " << bytes.substr(0, 200);
  }
  return whole;
}

struct Shape {
  const char* what;
  std::string bytes;
};

std::string get(const std::string& fields) { return "GET / HTTP/1.1\r\n" + fields + "\r\n"; }
std::string post(const std::string& fields, const std::string& rest) {
  return "POST / HTTP/1.1\r\nHost: a\r\n" + fields + "\r\n" + rest;
}

const std::string smuggled = "GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n";

TEST(RequestReader, T6_refuses_every_doubtful_framing_and_nothing_behind_it_is_read) {
  using namespace std::string_literals;
  const std::vector<Shape> shapes{
      {"length and chunked", post("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n")},
      {"chunked and length", post("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", "0\r\n\r\n")},
      {"two lengths", post("Content-Length: 5\r\nContent-Length: 6\r\n", "aaaaa")},
      {"two equal lengths", post("Content-Length: 5\r\nContent-Length: 5\r\n", "aaaaa")},
      {"a list of lengths", post("Content-Length: 5, 5\r\n", "aaaaa")},
      {"a signed length", post("Content-Length: +5\r\n", "aaaaa")},
      {"a negative length", post("Content-Length: -5\r\n", "aaaaa")},
      {"a hexadecimal length", post("Content-Length: 0x5\r\n", "aaaaa")},
      {"an empty length", post("Content-Length:\r\n", "")},
      {"a length of words", post("Content-Length: five\r\n", "aaaaa")},
      {"a length with a blank inside", post("Content-Length: 5 5\r\n", "aaaaa")},
      {"a length past 64 bits", post("Content-Length: 99999999999999999999\r\n", "aaaaa")},
      {"xchunked", post("Transfer-Encoding: xchunked\r\n", "")},
      {"identity", post("Transfer-Encoding: identity\r\n", "")},
      {"chunked, gzip", post("Transfer-Encoding: chunked, gzip\r\n", "")},
      {"gzip, chunked", post("Transfer-Encoding: gzip, chunked\r\n", "0\r\n\r\n")},
      {"chunked, chunked", post("Transfer-Encoding: chunked, chunked\r\n", "0\r\n\r\n")},
      {"chunked twice", post("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n")},
      {"a quoted chunked", post("Transfer-Encoding: \"chunked\"\r\n", "0\r\n\r\n")},
      {"an empty encoding", post("Transfer-Encoding:\r\n", "")},
      {"a vertical tab before chunked", post("Transfer-Encoding: \vchunked\r\n", "0\r\n\r\n")},
      {"chunked in HTTP/1.0", "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"},
      {"no Host", get("")},
      {"an empty Host", get("Host:\r\n")},
      {"two Hosts", get("Host: a\r\nHost: b\r\n")},
      {"two equal Hosts", get("Host: a\r\nHost: a\r\n")},
      {"a Host with a path", get("Host: a/b\r\n")},
      {"a Host with user information", get("Host: u@a\r\n")},
      {"a Host with a blank", get("Host: a b\r\n")},
      {"a folded field", get("Host: a\r\nX: 1\r\n 2\r\n")},
      {"a folded field by tab", get("Host: a\r\nX: 1\r\n\t2\r\n")},
      {"a blank first field", get(" Host: a\r\n")},
      {"a blank before the colon", get("Host : a\r\n")},
      {"a tab before the colon", get("Host: a\r\nContent-Length\t: 5\r\n")},
      {"a field without a colon", get("Host: a\r\nnonsense\r\n")},
      {"a field without a name", get("Host: a\r\n: x\r\n")},
      {"a name with a bracket", get("Host: a\r\nX[]: 1\r\n")},
      {"a name beyond ASCII", get("Host: a\r\n\xc3\xa9: 1\r\n")},
      {"bare line feeds", "GET / HTTP/1.1\nHost: a\n\n"},
      {"one bare line feed", "GET / HTTP/1.1\r\nHost: a\nX: 1\r\n\r\n"},
      {"a bare return in a value", get("Host: a\r\nX: 1\r2\r\n")},
      {"two returns", "GET / HTTP/1.1\r\r\nHost: a\r\n\r\n"},
      {"NUL in a value", get("Host: a\r\nX: 1\0002\r\n"s)},
      {"NUL in a name", get("Host: a\r\nX\0: 1\r\n"s)},
      {"an escape character in a value", get("Host: a\r\nX: \x1b[31m\r\n")},
      {"DEL in a value", get("Host: a\r\nX: \x7f\r\n")},
      {"no version", "GET /\r\nHost: a\r\n\r\n"},
      {"HTTP/0.9", "GET / HTTP/0.9\r\nHost: a\r\n\r\n"},
      {"HTTP/1.2", "GET / HTTP/1.2\r\nHost: a\r\n\r\n"},
      {"HTTP/2.0", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"},
      {"http in small letters", "GET / http/1.1\r\nHost: a\r\n\r\n"},
      {"two blanks in the request line", "GET  / HTTP/1.1\r\nHost: a\r\n\r\n"},
      {"a blank behind the version", "GET / HTTP/1.1 \r\nHost: a\r\n\r\n"},
      {"a tab in the request line", "GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n"},
      {"a method that is no token", "G@T / HTTP/1.1\r\nHost: a\r\n\r\n"},
      {"no method", " / HTTP/1.1\r\nHost: a\r\n\r\n"},
      {"two empty lines before it", "\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"},
      {"a TLS hello", "\x16\x03\x01\x02\x01\x01"s},
      {"a bad Connection list", get("Host: a\r\nConnection: ,;,\r\n")},
  };
  for (const Shape& shape : shapes) {
    const Outcome outcome = read_in_every_way(shape.bytes + smuggled);
    EXPECT_EQ(outcome.state, State::failed) << shape.what;
    EXPECT_EQ(outcome.code, ErrorCode::invalid_request) << shape.what;
    EXPECT_TRUE(outcome.requests.empty()) << shape.what;
  }
}

TEST(RequestReader, T6_refuses_malformed_chunks) {
  const std::vector<Shape> shapes{
      {"no size", "\r\n"},
      {"a signed size", "+5\r\naaaaa\r\n0\r\n\r\n"},
      {"a prefixed size", "0x5\r\naaaaa\r\n0\r\n\r\n"},
      {"a blank before the size", " 5\r\naaaaa\r\n0\r\n\r\n"},
      {"a blank behind the size", "5 \r\naaaaa\r\n0\r\n\r\n"},
      {"a size past 64 bits", "fffffffffffffffff\r\na"},
      {"a size line that ends with LF", "5\naaaaa\r\n0\r\n\r\n"},
      {"a size line that ends with CR", "5\raaaaa\r\n0\r\n\r\n"},
      {"data longer than its size", "2\r\naaaaa\r\n0\r\n\r\n"},
      {"data that ends with LF", "5\r\naaaaa\n0\r\n\r\n"},
      {"a line feed in an extension", "5;a\nb\r\naaaaa\r\n0\r\n\r\n"},
      {"an endless extension", "5;" + std::string(300, 'x') + "\r\naaaaa\r\n0\r\n\r\n"},
      {"a bare line feed in a trailer", "0\r\nX: 1\nY: 2\r\n\r\n"},
      {"a folded trailer", "0\r\nX: 1\r\n 2\r\n\r\n"},
      {"a trailer without a name", "0\r\n: 1\r\n\r\n"},
      {"no empty line at the end", "0\r\n\rX"},
  };
  for (const Shape& shape : shapes) {
    const Outcome outcome = read_in_every_way(post("Transfer-Encoding: chunked\r\n", shape.bytes) + smuggled);
    EXPECT_EQ(outcome.state, State::failed) << shape.what;
    EXPECT_EQ(outcome.code, ErrorCode::invalid_request) << shape.what;
    EXPECT_TRUE(outcome.requests.empty()) << shape.what;
  }
}

TEST(RequestReader, T6_extensions_of_many_small_chunks_are_bounded_together) {
  std::string body;
  for (int i = 0; i < 40; ++i) body += "1;" + std::string(200, 'x') + "\r\na\r\n";
  const Outcome outcome = read_in_every_way(post("Transfer-Encoding: chunked\r\n", body + "0\r\n\r\n"));
  EXPECT_EQ(outcome.state, State::failed);
}

TEST(RequestReader, reads_pipelined_requests_in_order) {
  const Outcome outcome = read_in_every_way(
      "GET /a?x=1 HTTP/1.1\r\nHost: a\r\n\r\n"
      "\r\nPOST /b HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello"
      "PUT /c HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: Chunked\r\n\r\n3;x=y\r\nabc\r\n2\r\nde\r\n0\r\nT: "
      "1\r\n\r\n"
      "TRACE /d HTTP/1.1\r\nHost: a\r\n\r\n"
      "GET /e HTTP/1.0\r\n\r\n");
  EXPECT_EQ(outcome.requests,
            (std::vector<std::string>{"GET /a ", "POST /b hello", "PUT /c abcde", "other /d ", "GET /e "}));
  EXPECT_EQ(outcome.state, State::head);
  EXPECT_EQ(outcome.unused, 0U);
}

TEST(RequestReader, leaves_what_comes_behind_a_request) {
  RequestReader reader{ReadLimits()};
  const std::string bytes = get("Host: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n") + "\x81\x02hi";
  EXPECT_EQ(reader.feed(bytes), bytes.size() - 4);
  EXPECT_EQ(reader.state(), State::complete);
  EXPECT_EQ(reader.feed("\x81\x02hi"), 0U);
}

TEST(RequestReader, T6_drops_trailers) {
  RequestReader reader{ReadLimits()};
  const std::string head = post("Transfer-Encoding: chunked\r\n", "");
  const std::string body = "0\r\nAuthorization: Bearer x\r\nX-Forwarded-For: 1.2.3.4\r\n\r\n";
  EXPECT_EQ(reader.feed(head + body), head.size());
  EXPECT_EQ(reader.feed(body), body.size());
  EXPECT_EQ(reader.state(), State::complete);
  EXPECT_FALSE(reader.request().has("authorization"));
  EXPECT_FALSE(reader.request().has("x-forwarded-for"));
}

TEST(RequestReader, T7_bounds_the_head) {
  const ReadLimits limits;
  const auto code = [&](const std::string& bytes) { return read_in_every_way(bytes, limits).code; };

  EXPECT_EQ(code(get("Host: a\r\nX: " + std::string(9000, 'x') + "\r\n")), ErrorCode::header_too_large);
  std::string many = "Host: a\r\n";
  for (int i = 0; i < 2000; ++i) many += "X: 1\r\n";
  EXPECT_EQ(code(get(many)), ErrorCode::header_too_large);
  EXPECT_EQ(code("GET /" + std::string(4096, 'x') + " HTTP/1.1\r\nHost: a\r\n\r\n"), ErrorCode::uri_too_long);
  EXPECT_EQ(code("GET /" + std::string(20'000, 'x')), ErrorCode::uri_too_long);
}

TEST(RequestReader, T7_takes_a_head_that_just_fits) {
  const ReadLimits limits;
  std::string fields = "Host: a\r\n";
  for (int i = 1; i < 100; ++i) fields += "X: 1\r\n";
  EXPECT_EQ(read_in_every_way(get(fields)).requests.size(), 1U);
  EXPECT_EQ(read_in_every_way(get(fields + "X: 1\r\n")).code, ErrorCode::header_too_large);

  const std::string long_target = "/" + std::string(limits.max_uri_bytes - 1, 'x');
  EXPECT_EQ(read_in_every_way("GET " + long_target + " HTTP/1.1\r\nHost: a\r\n\r\n").requests.size(), 1U);

  const std::size_t empty = get("Host: a\r\nX: \r\n").size();
  const auto filled = [&](std::size_t size) {
    return get("Host: a\r\nX: " + std::string(size - empty, 'x') + "\r\n");
  };
  EXPECT_EQ(read_in_every_way(filled(limits.max_header_bytes)).requests.size(), 1U);
  EXPECT_EQ(read_in_every_way(filled(limits.max_header_bytes + 1)).code, ErrorCode::header_too_large);
}

TEST(RequestReader, T10_knows_a_large_body_by_its_head_or_by_its_chunks) {
  ReadLimits limits;
  limits.max_body_bytes = 10;
  EXPECT_EQ(read_in_every_way(post("Content-Length: 10\r\n", "0123456789"), limits).requests.size(), 1U);
  EXPECT_EQ(read_in_every_way(post("Content-Length: 11\r\n", ""), limits).code, ErrorCode::payload_too_large);
  EXPECT_EQ(read_in_every_way(post("Content-Length: 10737418240\r\n", ""), limits).code,
            ErrorCode::payload_too_large);
  const std::string chunked = "Transfer-Encoding: chunked\r\n";
  EXPECT_EQ(read_in_every_way(post(chunked, "A\r\n0123456789\r\n0\r\n\r\n"), limits).requests.size(), 1U);
  EXPECT_EQ(read_in_every_way(post(chunked, "b\r\n"), limits).code, ErrorCode::payload_too_large);
  EXPECT_EQ(read_in_every_way(post(chunked, "9\r\n012345678\r\n2\r\n"), limits).code,
            ErrorCode::payload_too_large);
  EXPECT_EQ(read_in_every_way(post(chunked, "ffffffff\r\n"), limits).code, ErrorCode::payload_too_large);
}

TEST(RequestReader, T10_meets_only_the_one_expectation) {
  RequestReader reader{ReadLimits()};
  reader.feed(post("Expect: 100-Continue\r\nContent-Length: 3\r\n", ""));
  EXPECT_EQ(reader.state(), State::body);
  EXPECT_TRUE(reader.expects_continue());

  RequestReader other{ReadLimits()};
  other.feed(get("Host: a\r\nExpect: 100-continue\r\n"));
  EXPECT_FALSE(other.expects_continue());  // there is no body to go on with

  EXPECT_EQ(read_in_every_way(post("Expect: 200-ok\r\n", "")).code, ErrorCode::expectation_failed);
}

TEST(RequestReader, T18_refuses_hostile_targets) {
  const std::vector<std::string> targets{
      "/%00",       "/a/../b",     "/..",           "/a/.",        "/%2e%2e/a", "/a/%2E%2e", "/%c0%ae%c0%ae/",
      "/%ff",       "/%zz",        "/%4",           "/a#b",        "/\xc3\xa9", "a",         "?a",
      "*",          "a:80",        "http://other/", "http://a@a/", "ftp://a/",  "/?a=%00",   "/?%ff",
      "/?a=%c0%af", "/a%2f..%2fb",
  };
  for (const std::string& target : targets) {
    const Outcome outcome = read_in_every_way("GET " + target + " HTTP/1.1\r\nHost: a\r\n\r\n");
    EXPECT_EQ(outcome.state, State::failed) << target;
    EXPECT_EQ(outcome.code, ErrorCode::invalid_request) << target;
  }
  EXPECT_EQ(read_in_every_way("CONNECT a:80 HTTP/1.1\r\nHost: a\r\n\r\n").code, ErrorCode::invalid_request);
}

TEST(RequestReader, decodes_path_and_query) {
  RequestReader reader{ReadLimits()};
  reader.feed("GET /caf%C3%A9/a%2Fb?q=a+b%26c&q=2&empty=&bare&&%C3%A9=x HTTP/1.1\r\nHost: a\r\n\r\n");
  ASSERT_EQ(reader.state(), State::complete);
  const Request& request = reader.request();
  EXPECT_EQ(request.path, "/caf\xc3\xa9/a/b");
  EXPECT_EQ(request.raw_path(), "/caf%C3%A9/a%2Fb");
  EXPECT_EQ(request.query_value("q"), "a b&c");
  EXPECT_EQ(request.query_count("q"), 2U);
  EXPECT_EQ(request.query_value("empty"), "");
  EXPECT_EQ(request.query_value("bare"), "");
  EXPECT_EQ(request.query_value("\xc3\xa9"), "x");
  EXPECT_EQ(request.query.size(), 5U);
}

TEST(RequestReader, takes_an_absolute_target_of_this_host_only) {
  RequestReader reader{ReadLimits()};
  reader.feed("GET http://A:8080/x?y=1 HTTP/1.1\r\nHost: a:8080\r\n\r\n");
  ASSERT_EQ(reader.state(), State::complete);
  EXPECT_EQ(reader.request().target, "/x?y=1");
  reader.next();
  reader.feed("GET http://a HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_EQ(reader.request().target, "/");
}

TEST(RequestReader, keeps_a_connection_as_its_version_says) {
  const auto kept = [](const std::string& head) {
    RequestReader reader{ReadLimits()};
    reader.feed(head);
    EXPECT_EQ(reader.state(), State::complete) << head;
    return reader.request().keep_alive;
  };
  EXPECT_TRUE(kept(get("Host: a\r\n")));
  EXPECT_FALSE(kept(get("Host: a\r\nConnection: close\r\n")));
  EXPECT_FALSE(kept(get("Host: a\r\nConnection: keep-alive, Close\r\n")));
  EXPECT_FALSE(kept("GET / HTTP/1.0\r\n\r\n"));
  EXPECT_TRUE(kept("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n"));
}

TEST(RequestReader, keeps_the_target_of_what_it_refuses_for_the_log) {
  RequestReader reader{ReadLimits()};
  reader.feed("GET /x?token=secret HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n");
  ASSERT_EQ(reader.state(), State::failed);
  EXPECT_EQ(reader.request().raw_path(), "/x");
}

}  // namespace
}  // namespace corohub::http
