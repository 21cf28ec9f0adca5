#include "client/response_reader.hpp"

#include <gtest/gtest.h>

namespace corohub::client {
namespace {

constexpr std::string_view counted =
    "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-Request-Id:  abc \r\n\r\nhello";
constexpr std::string_view chunked =
    "HTTP/1.1 404 Not Found\r\ntransfer-encoding: Chunked\r\n\r\n"
    "3\r\nhel\r\nA;x=y\r\nlo, world!\r\n0\r\nTrailer: 1\r\n\r\n";

TEST(ResponseReader, reads_bodies_whole_or_byte_by_byte) {
  for (const auto& [text, body] : {std::pair{counted, "hello"}, std::pair{chunked, "hello, world!"}}) {
    ResponseReader whole;
    ASSERT_TRUE(whole.feed(text));
    EXPECT_TRUE(whole.complete());
    EXPECT_EQ(whole.take_body(), body);
    EXPECT_EQ(whole.take_body(), "");

    ResponseReader reader;
    std::string got;
    for (const char c : text) {
      EXPECT_FALSE(reader.complete());
      ASSERT_TRUE(reader.feed({&c, 1}));
      got += reader.take_body();
    }
    EXPECT_TRUE(reader.complete());
    EXPECT_EQ(got, body);
  }
}

TEST(ResponseReader, status_and_headers) {
  ResponseReader reader;
  ASSERT_TRUE(reader.feed(counted));
  EXPECT_EQ(reader.status(), 200);
  EXPECT_EQ(reader.header("x-request-ID"), "abc");
  EXPECT_EQ(reader.header("none"), "");
}

TEST(ResponseReader, an_answer_without_a_body_and_one_that_ends_with_the_connection) {
  ResponseReader empty;
  ASSERT_TRUE(empty.feed("HTTP/1.1 204 No Content\r\n\r\n"));
  EXPECT_TRUE(empty.complete());

  ResponseReader open;
  ASSERT_TRUE(open.feed("HTTP/1.0 200 OK\r\n\r\nab"));
  ASSERT_TRUE(open.feed("c"));
  EXPECT_FALSE(open.complete());
  ASSERT_TRUE(open.end());
  EXPECT_TRUE(open.complete());
  EXPECT_EQ(open.take_body(), "abc");
}

TEST(ResponseReader, an_end_in_the_middle_is_a_lost_connection) {
  ResponseReader reader;
  ASSERT_TRUE(reader.feed(counted.substr(0, counted.size() - 1)));
  EXPECT_EQ(reader.end().error().kind, Failure::Kind::unreachable);
}

TEST(ResponseReader, what_is_no_http_is_refused) {
  const std::vector<std::string> texts{
      "SSH-2.0-OpenSSH\r\n\r\n",
      "HTTP/2 200 OK\r\n\r\n",
      "HTTP/1.1 2x0 OK\r\n\r\n",
      "HTTP/1.1 999 OK\r\n\r\n",
      "HTTP/1.1 200 OK\r\nno header\r\n\r\n",
      "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabcd\r\n",
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + std::string(5000, '1'),
      "HTTP/1.1 200 OK\r\n" + std::string(70'000, 'x'),
  };
  for (const std::string& text : texts) {
    ResponseReader reader;
    const Attempt<> read = reader.feed(text);
    ASSERT_FALSE(read) << text.substr(0, 100);
    EXPECT_EQ(read.error().kind, Failure::Kind::protocol);
  }
}

}  // namespace
}  // namespace corohub::client
