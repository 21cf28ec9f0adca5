// Our reading of a head beside Beast's: stricter in many ways, looser in none.
#include "http/head.hpp"

#include "http/text.hpp"
#include "support/head_fields.hpp"

#include <random>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace corohub::http {
namespace {

class Heads {
 public:
  // Often good, often with one thing wrong, seldom wholly wrong.
  std::string next() {
    static const std::vector<std::string> methods{"GET", "POST", "OPTIONS", "BREW", "get", "G T", "", "G@T"};
    static const std::vector<std::string> targets{"/",    "/a?b=c", "/a%20b",    "*",    "http://a/b",
                                                  "a:80", "/a b",   "/\xc3\xa9", "/a#b", ""};
    static const std::vector<std::string> versions{"HTTP/1.1", "HTTP/1.0", "HTTP/1.2",
                                                   "http/1.1", "HTTP/11",  ""};
    std::string head = pick(methods) + " " + pick(targets) + " " + pick(versions) + line_end();
    if (!seldom()) head += "Host: a" + line_end();
    for (std::size_t fields = below(6); fields > 0; --fields) head += field();
    head += line_end();
    if (seldom()) {
      using namespace std::string_literals;
      static const std::string bytes = "\0\t\n\v\r \"(),/:;<=>?@[]{}\x7f\x80\xff"s + "aZ0";
      head[below(head.size())] = bytes[below(bytes.size())];
    }
    return head;
  }

 private:
  std::size_t below(std::size_t bound) {
    return std::uniform_int_distribution<std::size_t>(0, bound - 1)(source_);
  }
  bool seldom() { return below(8) == 0; }
  // The first few are the good ones.
  const std::string& pick(const std::vector<std::string>& from) {
    return from[seldom() ? below(from.size()) : below(std::min<std::size_t>(from.size(), 3))];
  }
  std::string line_end() { return below(100) == 0 ? (below(2) == 0 ? "\n" : "\r") : "\r\n"; }
  std::string field() {
    static const std::vector<std::string> names{
        "X-A",    "Accept", "Connection",        "Content-Length", "Transfer-Encoding", "Proxy-Connection",
        "Expect", "Host",   "Upgrade",           "connection",     "CONTENT-LENGTH",    "X A",
        "X[",     "",       "Sec-WebSocket-Key", "X\xc3\xa9"};
    static const std::vector<std::string> values{
        "a",       "keep-alive", "close",   "5",        "chunked", "upgrade, close", ",close,, keep-alive,",
        "a b",     ",;,",        "close;x", "a,b c",    "",        "  padded\t",     "\"quoted\"",
        "5, 5",    "+5",         "gzip",    "\xc3\xa9", "a\tb",    "100-continue",   "keep-alive ,\tclose",
        "close,\v"};
    static const std::vector<std::string> colons{": ", ":", ":\t ", " : ", "\t:", " "};
    return names[below(names.size())] + pick(colons) + values[below(values.size())] + line_end();
  }

  std::minstd_rand source_{4};
};

TEST(Head, T6_whatever_we_accept_beast_accepts_with_the_same_fields) {
  Heads heads;
  std::size_t accepted = 0;
  for (int i = 0; i < 50'000; ++i) {
    const std::string bytes = heads.next();
    HeadScanner scanner;
    const ReadLimits limits;
    const Result<std::size_t> size = scanner.scan(bytes, limits);
    if (!size || *size == 0) continue;
    const std::string_view whole = std::string_view(bytes).substr(0, *size);
    HeaderList headers;
    Head head;
    if (!read_head(headers.keep(whole), limits, head, headers)) continue;
    ++accepted;
    const auto opinion = corohub::http::read_by_beast(whole);
    ASSERT_TRUE(opinion) << whole;
    ASSERT_EQ(opinion->method, head.method);
    ASSERT_EQ(opinion->target, head.target);
    corohub::http::HeadFields fields;
    for (const Header header : headers) fields.emplace_back(header.name, header.value);
    ASSERT_EQ(corohub::test::by_name(opinion->fields), corohub::test::by_name(fields)) << whole;
  }
  EXPECT_GT(accepted, 5'000U);
  EXPECT_LT(accepted, 45'000U);
}

TEST(Head, T6_a_list_of_connection_options_is_tokens_with_empty_places) {
  for (const std::string value : {"close", ", close,,keep-alive ,", "", "\t,"})
    EXPECT_TRUE(corohub::http::read_by_beast("GET / HTTP/1.1\r\nConnection: " + value + "\r\n\r\n")) << value;
  const ReadLimits limits;
  for (const std::string name : {"Connection", "proxy-connection"}) {
    const auto accepts = [&](const std::string& value) {
      HeaderList headers;
      Head head;
      return read_head(headers.keep("GET / HTTP/1.1\r\nHost: a\r\n" + name + ": " + value + "\r\n\r\n"),
                       limits, head, headers)
          .has_value();
    };
    for (const std::string value : {"close", ", close,,keep-alive ,", "", "\t,"})
      EXPECT_TRUE(accepts(value)) << value;
    for (const std::string value : {",;,", "close;x", "a b", "\"close\"", "close, \xc3\xa9"})
      EXPECT_FALSE(accepts(value)) << value;
  }
}

TEST(Head, a_byte_set_has_what_it_was_given) {
  for (int c = 0; c < 256; ++c) {
    const bool token =
        std::isalnum(c) != 0 ||
        (c != 0 && std::string_view("!#$%&'*+-.^_`|~").find(static_cast<char>(c)) != std::string_view::npos);
    EXPECT_EQ(is_token_char(static_cast<char>(c)), token) << c;
  }
  EXPECT_FALSE(is_token(""));
  EXPECT_FALSE(is_token("a b"));
  EXPECT_TRUE(is_token("a-b"));
}

}  // namespace
}  // namespace corohub::http
