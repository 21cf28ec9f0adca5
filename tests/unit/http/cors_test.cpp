#include "http/cors.hpp"

#include <string>

#include <gtest/gtest.h>

namespace corohub::http {
namespace {

std::string header(const Response& response, std::string_view name) {
  for (const ResponseHeader& header : response.headers)
    if (header.name == name) return header.value;
  return {};
}

Request from(std::string origin) {
  Request request;
  request.headers.push_back({"Origin", std::move(origin)});
  return request;
}

TEST(Cors, an_exact_origin_may_read) {
  const Cors cors({"https://app.example.com"});
  Response response;
  cors.apply(from("https://app.example.com"), response);
  EXPECT_EQ(header(response, "Access-Control-Allow-Origin"), "https://app.example.com");
  EXPECT_EQ(header(response, "Vary"), "Origin");
  EXPECT_NE(header(response, "Access-Control-Expose-Headers").find("Corohub-Position"), std::string::npos);
  EXPECT_EQ(header(response, "Access-Control-Allow-Credentials"), "");
}

TEST(Cors, T2_a_foreign_origin_gets_no_headers) {
  const Cors cors({"https://app.example.com"});
  for (const char* origin : {"https://evil.com", "https://app.example.com.evil.com", "http://app.example.com",
                             "https://app.example.com:8443", "null", "", "https://evilapp.example.com"}) {
    Response response;
    cors.apply(from(origin), response);
    cors.apply_preflight(from(origin), "GET", response);
    EXPECT_EQ(header(response, "Access-Control-Allow-Origin"), "") << origin;
    EXPECT_EQ(header(response, "Access-Control-Allow-Methods"), "") << origin;
  }
  Request twice = from("https://app.example.com");
  twice.headers.push_back({"Origin", "https://evil.com"});
  Response response;
  cors.apply(twice, response);
  EXPECT_EQ(header(response, "Access-Control-Allow-Origin"), "");
}

TEST(Cors, without_origins_there_is_no_cors) {
  const Cors cors({});
  Response response;
  cors.apply(from("https://app.example.com"), response);
  EXPECT_TRUE(response.headers.empty());
}

TEST(Cors, a_star_is_for_everybody) {
  const Cors cors({"*"});
  Response response;
  cors.apply(from("https://anywhere.example"), response);
  EXPECT_EQ(header(response, "Access-Control-Allow-Origin"), "*");
}

TEST(Cors, a_preflight_learns_methods_and_headers) {
  const Cors cors({"https://app.example.com"});
  Request request = from("https://app.example.com");
  request.headers.push_back({"Access-Control-Request-Method", "PATCH"});
  Response response;
  cors.apply_preflight(request, "GET, PATCH", response);
  EXPECT_EQ(header(response, "Access-Control-Allow-Methods"), "GET, PATCH");
  EXPECT_NE(header(response, "Access-Control-Allow-Headers").find("Authorization"), std::string::npos);
  EXPECT_EQ(header(response, "Access-Control-Max-Age"), "600");
}

}  // namespace
}  // namespace corohub::http
