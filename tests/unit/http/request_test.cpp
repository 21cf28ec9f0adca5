#include "http/request.hpp"

#include <gtest/gtest.h>

namespace corohub::http {
namespace {

Request with(HeaderList headers, std::string body = {}) {
  Request request;
  request.headers = std::move(headers);
  request.body = std::move(body);
  return request;
}

TEST(Request, finds_headers_without_case) {
  const Request request = with({{"X-One", "1"}, {"x-one", "2"}, {"Connection", "keep-alive , Upgrade"}});
  EXPECT_EQ(request.header("X-ONE"), "1");
  EXPECT_EQ(request.count("x-One"), 2U);
  EXPECT_EQ(request.header("x-two"), "");
  EXPECT_TRUE(request.has_token("connection", "upgrade"));
  EXPECT_FALSE(request.has_token("connection", "grade"));
}

TEST(Request, reads_the_bearer_token) {
  EXPECT_EQ(with({}).bearer(), std::nullopt);
  EXPECT_EQ(with({{"Authorization", "Bearer abc"}}).bearer(), "abc");
  EXPECT_EQ(with({{"authorization", "bEARER  abc "}}).bearer(), "abc");
  EXPECT_EQ(with({{"Authorization", "Basic abc"}}).bearer(), "");
  EXPECT_EQ(with({{"Authorization", "Bearer"}}).bearer(), "");
  EXPECT_EQ(with({{"Authorization", "Bearerabc"}}).bearer(), "");
}

TEST(Request, T54b_takes_json_objects_only) {
  const auto code = [](const std::string& type, const std::string& body) {
    const Result<json::object> object =
        with(type.empty() ? HeaderList{} : HeaderList{{"Content-Type", type}}, body).json_object();
    return object ? std::string_view("ok") : name(object.error().code);
  };
  EXPECT_EQ(code("application/json", R"({"a":1})"), "ok");
  EXPECT_EQ(code("", R"({"a":1})"), "ok");
  EXPECT_EQ(code("Application/JSON; charset=UTF-8", "{}"), "ok");
  EXPECT_EQ(code("application/json ; charset=\"utf-8\"; q=1", "{}"), "ok");
  EXPECT_EQ(code("application/json; charset=latin1", "{}"), "unsupported_media_type");
  EXPECT_EQ(code("text/plain", "{}"), "unsupported_media_type");
  EXPECT_EQ(code("application/x-www-form-urlencoded", "a=1"), "unsupported_media_type");
  EXPECT_EQ(code("application/jsonp", "{}"), "unsupported_media_type");
  EXPECT_EQ(code("application/json", ""), "invalid_json");
  EXPECT_EQ(code("application/json", "[]"), "invalid_json");
  EXPECT_EQ(code("application/json", "null"), "invalid_json");
  EXPECT_EQ(code("application/json", "{"), "invalid_json");
  EXPECT_EQ(code("application/json", "{} x"), "invalid_json");
  EXPECT_EQ(code("application/json", R"({"a":1,"a":2})"), "invalid_json");
  EXPECT_EQ(code("application/json", "\xef\xbb\xbf{}"), "invalid_json");
  EXPECT_EQ(code("application/json", R"({"a":"\ud800"})"), "invalid_json");
  EXPECT_EQ(code("application/json", R"({"a":NaN})"), "invalid_json");
  EXPECT_EQ(code("application/json", std::string(30'000, '[')), "invalid_json");
  EXPECT_EQ(code("application/json", "{\"a\":\"\xff\"}"), "invalid_json");
}

TEST(Request, takes_merge_patches_by_their_name_in_a_patch_alone) {
  Request request = with({{"Content-Type", "application/merge-patch+json; charset=utf-8"}}, "{}");
  request.method = Method::patch;
  EXPECT_TRUE(request.json_object());
  for (const Method method : {Method::post, Method::put}) {
    request.method = method;
    EXPECT_EQ(request.json_object().error().code, ErrorCode::unsupported_media_type) << name(method);
  }
}

TEST(Request, refuses_encoded_and_doubly_typed_bodies) {
  EXPECT_EQ(with({{"Content-Encoding", "gzip"}}, "{}").json_object().error().code,
            ErrorCode::unsupported_media_type);
  EXPECT_EQ(with({{"Content-Type", "application/json"}, {"Content-Type", "text/plain"}}, "{}")
                .json_object()
                .error()
                .code,
            ErrorCode::invalid_request);
}

}  // namespace
}  // namespace corohub::http
