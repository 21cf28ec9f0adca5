#include "http/serialize.hpp"

#include <gtest/gtest.h>

namespace corohub::http {
namespace {

Framing framing() {
  Framing framing;
  framing.request_id = "r-1";
  framing.date = "Tue, 06 Jan 2026 10:30:01 GMT";
  return framing;
}

TEST(Serialize, writes_one_message) {
  const Response response = document({{"a", 1}}).with("X-More", "yes");
  EXPECT_EQ(serialize(response, framing()),
            "HTTP/1.1 200 OK\r\nDate: Tue, 06 Jan 2026 10:30:01 GMT\r\nContent-Type: application/json\r\n"
            "Content-Length: 7\r\nX-Request-Id: r-1\r\nX-More: yes\r\nCache-Control: no-store\r\n"
            "X-Content-Type-Options: nosniff\r\nReferrer-Policy: no-referrer\r\n\r\n{\"a\":1}");
}

TEST(Serialize, head_and_204_have_no_body) {
  Framing head = framing();
  head.head_only = true;
  const std::string text = serialize(document({{"a", 1}}), head);
  EXPECT_NE(text.find("Content-Length: 7\r\n"), std::string::npos);
  EXPECT_TRUE(text.ends_with("\r\n\r\n"));
  const std::string empty = serialize(no_content(), framing());
  EXPECT_EQ(empty.find("\r\nContent-"), std::string::npos);
  EXPECT_TRUE(empty.starts_with("HTTP/1.1 204 No Content\r\n"));
}

TEST(Serialize, T54_no_value_ends_its_line) {
  const std::string text = serialize(
      no_content().with("Location", "/a\r\nSet-Cookie: x\n\0y").with("Bad\r\nName", "1"), framing());
  EXPECT_NE(text.find("Location: /a__Set-Cookie: x_\r\n"), std::string::npos);
  EXPECT_EQ(text.find("\nSet-Cookie"), std::string::npos);
  EXPECT_EQ(text.find("Name"), std::string::npos);
}

TEST(Serialize, keeps_what_the_handler_chose) {
  const std::string text = serialize(no_content().with("Cache-Control", "max-age=60"), framing());
  EXPECT_EQ(text.find("no-store"), std::string::npos);
}

TEST(Serialize, says_how_the_connection_goes_on) {
  Framing closing = framing();
  closing.close = true;
  EXPECT_NE(serialize(no_content(), closing).find("\r\nConnection: close\r\n"), std::string::npos);
  Response upgrade = no_content().with("Upgrade", "websocket");
  EXPECT_NE(serialize(upgrade, closing).find("\r\nConnection: upgrade, close\r\n"), std::string::npos);
  EXPECT_EQ(serialize(no_content(), framing()).find("Connection"), std::string::npos);
}

TEST(HttpDate, is_fixed_width) {
  EXPECT_EQ(http_date(1'767'695'401'123), "Tue, 06 Jan 2026 10:30:01 GMT");
  EXPECT_EQ(http_date(0), "Thu, 01 Jan 1970 00:00:00 GMT");
}

}  // namespace
}  // namespace corohub::http
