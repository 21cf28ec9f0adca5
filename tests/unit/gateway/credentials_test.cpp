#include "gateway/credentials.hpp"

#include "upgrade_requests.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <gtest/gtest.h>

namespace corohub::gateway {
namespace {

using test::good_request;
using test::with;

std::optional<ErrorCode> refused_credential(const http::Request& request, bool query_token = true) {
  const Result<std::optional<Credential>> credential = credential_of(request, query_token);
  if (credential && !*credential) return ErrorCode::unauthorized;
  if (credential) return std::nullopt;
  return credential.error().code;
}

http::Request with_query(http::Request request, std::string key, std::string value) {
  request.query.emplace_back(std::move(key), std::move(value));
  return request;
}

TEST(Credentials, finds_the_credential_in_each_of_its_places) {
  EXPECT_EQ((*credential_of(with_query(good_request(), "token", "abc"), true))->text, "abc");
  EXPECT_EQ((*credential_of(with(good_request(), "Authorization", "Bearer abc"), true))->text, "abc");
  EXPECT_EQ(
      (*credential_of(with(good_request(), "Sec-WebSocket-Protocol", "corohub.v1, bearer.abc"), true))->text,
      "abc");
  EXPECT_EQ((*credential_of(with(good_request(), "X-API-Key", " abc "), true))->text, "abc");
  const Result<std::optional<Credential>> ticket =
      credential_of(with_query(good_request(), "ticket", "abc"), true);
  EXPECT_EQ((*ticket)->kind, Credential::Kind::ticket);
}

TEST(Credentials, T3_a_cookie_is_none) {
  EXPECT_EQ(refused_credential(good_request()), ErrorCode::unauthorized);
  EXPECT_EQ(refused_credential(with(good_request(), "Cookie", "token=abc")), ErrorCode::unauthorized);
  EXPECT_EQ(refused_credential(with_query(good_request(), "token", "abc"), false), ErrorCode::unauthorized);
}

TEST(Credentials, T4_two_credentials_are_too_many) {
  const http::Request token = with_query(good_request(), "token", "abc");
  EXPECT_EQ(refused_credential(with_query(token, "token", "abc")), ErrorCode::invalid_request);
  EXPECT_EQ(refused_credential(with_query(token, "ticket", "abc")), ErrorCode::invalid_request);
  EXPECT_EQ(refused_credential(with(token, "Authorization", "Bearer abc")), ErrorCode::invalid_request);
  EXPECT_EQ(refused_credential(with(token, "X-API-Key", "abc")), ErrorCode::invalid_request);
  EXPECT_EQ(refused_credential(with(token, "Sec-WebSocket-Protocol", "corohub.v1, bearer.abc")),
            ErrorCode::invalid_request);
  EXPECT_EQ(refused_credential(
                with(good_request(), "Sec-WebSocket-Protocol", "corohub.v1, bearer.abc, bearer.def")),
            ErrorCode::invalid_request);
}

TEST(Credentials, T1_a_foreign_scheme_is_a_bad_credential) {
  EXPECT_EQ(refused_credential(with(good_request(), "Authorization", "Basic abc")), ErrorCode::invalid_token);
  EXPECT_EQ(refused_credential(with(good_request(), "Authorization", "Bearer")), std::nullopt)
      << "judged later";
}

TEST(Credentials, T4_a_foreign_scheme_beside_a_credential_of_ours_counts_as_none) {
  const http::Request basic = with(good_request(), "Authorization", "Basic abc");
  EXPECT_EQ((*credential_of(with_query(basic, "token", "abc"), true))->text, "abc");
  EXPECT_EQ((*credential_of(with_query(basic, "ticket", "abc"), false))->text, "abc");
  EXPECT_EQ((*credential_of(with(basic, "Sec-WebSocket-Protocol", "corohub.v1, bearer.abc"), true))->text,
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
