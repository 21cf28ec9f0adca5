#include "gateway/wire/upgrade.hpp"

#include "upgrade_requests.hpp"

#include <array>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace corohub::gateway {
namespace {

using test::good_request;
using test::with;

http::Request replaced(std::string_view name, std::string_view value) {
  http::Request request = good_request();
  const http::HeaderList headers = std::move(request.headers);
  request.headers = {};
  for (const http::Header header : headers)
    request.headers.push_back({header.name, header.name == name ? value : header.value});
  return request;
}

http::Request without(std::string_view name) {
  http::Request request = good_request();
  const http::HeaderList headers = std::move(request.headers);
  request.headers = {};
  for (const http::Header header : headers)
    if (header.name != name) request.headers.push_back(header);
  return request;
}

constexpr std::array<std::string_view, 2> known{"corohub.v1", ""};

Result<Upgrade> read(const http::Request& request, bool compression = false) {
  return read_upgrade(request, known, compression);
}

std::optional<ErrorCode> refusal(const http::Request& request) {
  const Result<Upgrade> upgrade = read(request);
  if (upgrade) return std::nullopt;
  return upgrade.error().code;
}

TEST(Upgrade, T5_a_good_one_names_its_key) {
  const Result<Upgrade> upgrade = read(good_request());
  ASSERT_TRUE(upgrade);
  EXPECT_EQ(upgrade->key, "dGhlIHNhbXBsZSBub25jZQ==");
  EXPECT_EQ(upgrade->subprotocol, "");
}

TEST(Upgrade, the_answer_proves_that_the_key_was_read) {
  Upgrade upgrade{.key = "dGhlIHNhbXBsZSBub25jZQ==", .subprotocol = "corohub.v1"};
  const std::string head = switching_protocols(upgrade, "request-1");
  EXPECT_TRUE(head.starts_with("HTTP/1.1 101 "));
  EXPECT_TRUE(head.ends_with("\r\n\r\n"));
  EXPECT_THAT(head, testing::HasSubstr("\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"));
  EXPECT_THAT(head, testing::HasSubstr("\r\nSec-WebSocket-Protocol: corohub.v1\r\n"));
  EXPECT_THAT(head, testing::HasSubstr("\r\nX-Request-Id: request-1\r\n"));
  upgrade.subprotocol = {};
  EXPECT_THAT(
      switching_protocols(upgrade, ""),
      testing::Not(testing::AnyOf(testing::HasSubstr("Protocol:"), testing::HasSubstr("X-Request-Id"))));
}

TEST(Upgrade, says_what_extension_is_agreed_on) {
  const http::Request offer = with(good_request(), "Sec-WebSocket-Extensions", "permessage-deflate");
  const Result<Upgrade> compressed = read(offer, true);
  EXPECT_THAT(
      switching_protocols(*compressed, ""),
      testing::HasSubstr("\r\nSec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover; "
                         "client_no_context_takeover; server_max_window_bits=11\r\n"));
  EXPECT_TRUE(read(offer, false)->extensions.empty());
  EXPECT_THAT(switching_protocols(*read(good_request(), true), ""),
              testing::Not(testing::HasSubstr("Extensions")));
}

TEST(Upgrade, T5_without_upgrade_or_with_another_version_it_is_426) {
  EXPECT_EQ(refusal(without("Upgrade")), ErrorCode::upgrade_required);
  EXPECT_EQ(refusal(replaced("Upgrade", "h2c")), ErrorCode::upgrade_required);
  EXPECT_EQ(refusal(replaced("Upgrade", "websocketx")), ErrorCode::upgrade_required);
  EXPECT_EQ(refusal(replaced("Sec-WebSocket-Version", "8")), ErrorCode::upgrade_required);
  EXPECT_EQ(refusal(replaced("Sec-WebSocket-Version", "013")), ErrorCode::upgrade_required);
  EXPECT_EQ(refusal(without("Sec-WebSocket-Version")), ErrorCode::upgrade_required);
}

TEST(Upgrade, T5_broken_syntax_is_400) {
  EXPECT_EQ(refusal(without("Sec-WebSocket-Key")), ErrorCode::invalid_request);
  for (const char* key : {"", "abc", "dGhlIHNhbXBsZSBub25jZQ=", "dGhlIHNhbXBsZSBub25jZQ==x",
                          "dGhlIHNhbXBsZSBub25j!Q==", "dGhlIHNhbXBsZSBub25jZWFh"})
    EXPECT_EQ(refusal(replaced("Sec-WebSocket-Key", key)), ErrorCode::invalid_request) << key;
  EXPECT_EQ(refusal(with(good_request(), "Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==")),
            ErrorCode::invalid_request);
  EXPECT_EQ(refusal(without("Connection")), ErrorCode::invalid_request);
  EXPECT_EQ(refusal(replaced("Connection", "keep-alive")), ErrorCode::invalid_request);
  http::Request old = good_request();
  old.http11 = false;
  EXPECT_EQ(refusal(old), ErrorCode::invalid_request);
  http::Request body = good_request();
  body.body = "x";
  EXPECT_EQ(refusal(body), ErrorCode::invalid_request);
  EXPECT_EQ(refusal(with(with(good_request(), "Origin", "http://a"), "Origin", "http://a")),
            ErrorCode::invalid_request);
  EXPECT_EQ(refusal(with(good_request(), "Sec-WebSocket-Extensions", "permessage-deflate; =")),
            ErrorCode::invalid_request);
}

TEST(Upgrade, T18_only_our_subprotocol_is_chosen) {
  const auto offer = [](std::string names) {
    return read(with(good_request(), "Sec-WebSocket-Protocol", std::move(names)));
  };
  EXPECT_EQ(offer("corohub.v1")->subprotocol, "corohub.v1");
  EXPECT_EQ(offer("chat, corohub.v1")->subprotocol, "corohub.v1");
  EXPECT_EQ(offer("corohub.v1,bearer.abc.def-ghi_j")->subprotocol, "corohub.v1");
  EXPECT_EQ(offer("chat").error().code, ErrorCode::unsupported_subprotocol);
  EXPECT_EQ(offer("corohub.V1").error().code, ErrorCode::unsupported_subprotocol);
  EXPECT_EQ(offer("bearer.abc").error().code, ErrorCode::unsupported_subprotocol);
  for (const char* names : {"", ",", "corohub.v1,,x", "corohub v1", "corohub.v1, \x80\xff", "a/b"})
    EXPECT_EQ(offer(names).error().code, ErrorCode::invalid_request) << names;
}

TEST(Upgrade, the_first_known_name_is_chosen_and_the_preferred_one_wherever_it_stands) {
  constexpr std::array<std::string_view, 4> all{"corohub.v1", "", "v12.stomp", "v11.stomp"};
  const auto choose = [&](std::string_view names) {
    return std::string(read_upgrade(with(good_request(), "Sec-WebSocket-Protocol", names), all)->subprotocol);
  };
  EXPECT_EQ(choose("v11.stomp, v12.stomp"), "v11.stomp");
  EXPECT_EQ(choose("chat, v12.stomp"), "v12.stomp");
  EXPECT_EQ(choose("v12.stomp, corohub.v1"), "corohub.v1");
  EXPECT_EQ(read_upgrade(good_request(), all)->subprotocol, "");
  constexpr std::array<std::string_view, 1> must{"v12.stomp"};
  EXPECT_EQ(read_upgrade(good_request(), must).error().code, ErrorCode::unsupported_subprotocol);
}

}  // namespace
}  // namespace corohub::gateway
