#include "gateway/handshake.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace corohub::gateway {
namespace {

http::Request good_request() {
  http::Request request;
  request.path = "/ws";
  request.headers = {{"Host", "localhost:8080"},
                     {"Connection", "keep-alive, Upgrade"},
                     {"Upgrade", "WebSocket"},
                     {"Sec-WebSocket-Version", "13"},
                     {"Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="}};
  return request;
}

http::Request with(http::Request request, std::string_view name, std::string_view value) {
  request.headers.push_back({name, value});
  return request;
}

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

std::optional<ErrorCode> refusal(const http::Request& request) {
  const Result<Handshake> handshake = read_handshake(request);
  if (handshake) return std::nullopt;
  return handshake.error().code;
}

TEST(Handshake, T5_AGoodOneNamesItsKey) {
  const Result<Handshake> handshake = read_handshake(good_request());
  ASSERT_TRUE(handshake);
  EXPECT_EQ(handshake->key, "dGhlIHNhbXBsZSBub25jZQ==");
  EXPECT_FALSE(handshake->subprotocol);
}

TEST(Handshake, TheAnswerProvesThatTheKeyWasRead) {
  Handshake handshake{.key = "dGhlIHNhbXBsZSBub25jZQ==", .subprotocol = true, .events = {}};
  const std::string head = switching_protocols(handshake, "request-1");
  EXPECT_TRUE(head.starts_with("HTTP/1.1 101 "));
  EXPECT_TRUE(head.ends_with("\r\n\r\n"));
  EXPECT_THAT(head, testing::HasSubstr("\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"));
  EXPECT_THAT(head, testing::HasSubstr("\r\nSec-WebSocket-Protocol: corohub.v1\r\n"));
  EXPECT_THAT(head, testing::HasSubstr("\r\nX-Request-Id: request-1\r\n"));
  handshake.subprotocol = false;
  EXPECT_THAT(
      switching_protocols(handshake, ""),
      testing::Not(testing::AnyOf(testing::HasSubstr("Protocol:"), testing::HasSubstr("X-Request-Id"))));
}

TEST(Handshake, SaysWhatExtensionIsAgreedOn) {
  const http::Request offer = with(good_request(), "Sec-WebSocket-Extensions", "permessage-deflate");
  const Result<Handshake> compressed = read_handshake(offer, true);
  EXPECT_THAT(
      switching_protocols(*compressed, ""),
      testing::HasSubstr("\r\nSec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover; "
                         "client_no_context_takeover; server_max_window_bits=11\r\n"));
  EXPECT_TRUE(read_handshake(offer, false)->extensions.empty());
  EXPECT_THAT(switching_protocols(*read_handshake(good_request(), true), ""),
              testing::Not(testing::HasSubstr("Extensions")));
}

TEST(Handshake, T5_WithoutUpgradeOrWithAnotherVersionItIs426) {
  EXPECT_EQ(refusal(without("Upgrade")), ErrorCode::upgrade_required);
  EXPECT_EQ(refusal(replaced("Upgrade", "h2c")), ErrorCode::upgrade_required);
  EXPECT_EQ(refusal(replaced("Upgrade", "websocketx")), ErrorCode::upgrade_required);
  EXPECT_EQ(refusal(replaced("Sec-WebSocket-Version", "8")), ErrorCode::upgrade_required);
  EXPECT_EQ(refusal(replaced("Sec-WebSocket-Version", "013")), ErrorCode::upgrade_required);
  EXPECT_EQ(refusal(without("Sec-WebSocket-Version")), ErrorCode::upgrade_required);
}

TEST(Handshake, T5_BrokenSyntaxIs400) {
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

TEST(Handshake, T18_OnlyOurSubprotocolIsChosen) {
  const auto offer = [](std::string names) {
    return read_handshake(with(good_request(), "Sec-WebSocket-Protocol", std::move(names)));
  };
  EXPECT_TRUE(offer("corohub.v1")->subprotocol);
  EXPECT_TRUE(offer("chat, corohub.v1")->subprotocol);
  EXPECT_TRUE(offer("corohub.v1,bearer.abc.def-ghi_j")->subprotocol);
  EXPECT_EQ(offer("chat").error().code, ErrorCode::unsupported_subprotocol);
  EXPECT_EQ(offer("corohub.V1").error().code, ErrorCode::unsupported_subprotocol);
  EXPECT_EQ(offer("bearer.abc").error().code, ErrorCode::unsupported_subprotocol);
  for (const char* names : {"", ",", "corohub.v1,,x", "corohub v1", "corohub.v1, \x80\xff", "a/b"})
    EXPECT_EQ(offer(names).error().code, ErrorCode::invalid_request) << names;
}

TEST(Handshake, AMalformedSinceIsRefusedBeforeTheUpgrade) {
  const auto since = [](std::vector<std::string> values) {
    http::Request request = good_request();
    for (std::string& value : values) request.query.emplace_back("since", std::move(value));
    return refusal(request);
  };
  EXPECT_EQ(since({"12"}), std::nullopt);
  EXPECT_EQ(since({"epoch:12"}), std::nullopt);
  for (const char* value : {"", "-1", "abc", "a:b", ":1", "1:", "99999999999999999999"})
    EXPECT_EQ(since({value}), ErrorCode::invalid_since) << value;
  EXPECT_EQ(since({"1", "1"}), ErrorCode::invalid_since);
}

// ---- credentials ----

std::optional<ErrorCode> refused_credential(const http::Request& request, bool query_token = true) {
  const Result<Credential> credential = read_credential(request, query_token);
  if (credential) return std::nullopt;
  return credential.error().code;
}

http::Request with_query(http::Request request, std::string key, std::string value) {
  request.query.emplace_back(std::move(key), std::move(value));
  return request;
}

TEST(Handshake, FindsTheCredentialInEachOfItsPlaces) {
  EXPECT_EQ(read_credential(with_query(good_request(), "token", "abc"), true)->text, "abc");
  EXPECT_EQ(read_credential(with(good_request(), "Authorization", "Bearer abc"), true)->text, "abc");
  EXPECT_EQ(
      read_credential(with(good_request(), "Sec-WebSocket-Protocol", "corohub.v1, bearer.abc"), true)->text,
      "abc");
  const Result<Credential> ticket = read_credential(with_query(good_request(), "ticket", "abc"), true);
  EXPECT_EQ(ticket->kind, Credential::Kind::ticket);
}

TEST(Handshake, T3_ACookieIsNone) {
  EXPECT_EQ(refused_credential(good_request()), ErrorCode::unauthorized);
  EXPECT_EQ(refused_credential(with(good_request(), "Cookie", "token=abc")), ErrorCode::unauthorized);
  EXPECT_EQ(refused_credential(with_query(good_request(), "token", "abc"), false), ErrorCode::unauthorized);
}

TEST(Handshake, T4_TwoCredentialsAreTooMany) {
  const http::Request token = with_query(good_request(), "token", "abc");
  EXPECT_EQ(refused_credential(with_query(token, "token", "abc")), ErrorCode::invalid_request);
  EXPECT_EQ(refused_credential(with_query(token, "ticket", "abc")), ErrorCode::invalid_request);
  EXPECT_EQ(refused_credential(with(token, "Authorization", "Bearer abc")), ErrorCode::invalid_request);
  EXPECT_EQ(refused_credential(with(token, "Sec-WebSocket-Protocol", "corohub.v1, bearer.abc")),
            ErrorCode::invalid_request);
  EXPECT_EQ(refused_credential(
                with(good_request(), "Sec-WebSocket-Protocol", "corohub.v1, bearer.abc, bearer.def")),
            ErrorCode::invalid_request);
}

TEST(Handshake, T1_AForeignSchemeIsABadCredential) {
  EXPECT_EQ(refused_credential(with(good_request(), "Authorization", "Basic abc")), ErrorCode::invalid_token);
  EXPECT_EQ(refused_credential(with(good_request(), "Authorization", "Bearer")), std::nullopt)
      << "judged later";
}

TEST(Handshake, T4_AForeignSchemeBesideACredentialOfOursCountsAsNone) {
  const http::Request basic = with(good_request(), "Authorization", "Basic abc");
  EXPECT_EQ(read_credential(with_query(basic, "token", "abc"), true)->text, "abc");
  EXPECT_EQ(read_credential(with_query(basic, "ticket", "abc"), false)->text, "abc");
  EXPECT_EQ(read_credential(with(basic, "Sec-WebSocket-Protocol", "corohub.v1, bearer.abc"), true)->text,
            "abc");
  EXPECT_EQ(refused_credential(with_query(basic, "token", "abc"), false), ErrorCode::invalid_token);
  EXPECT_EQ(refused_credential(with_query(with_query(basic, "token", "abc"), "ticket", "abc")),
            ErrorCode::invalid_request);
  for (const char* second : {"Basic abc", "Bearer abc"}) {
    http::Request twice = with_query(basic, "token", "abc");
    twice.headers.push_back({"authorization", second});
    EXPECT_EQ(refused_credential(twice), ErrorCode::invalid_request) << second;
  }
  const http::Request empty = with(good_request(), "Authorization", "Bearer");
  EXPECT_EQ(refused_credential(with_query(empty, "token", "abc")), ErrorCode::invalid_request);
}

}  // namespace
}  // namespace corohub::gateway
