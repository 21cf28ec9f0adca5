#include "http/response.hpp"

#include <string>

#include <boost/json/parse.hpp>
#include <gtest/gtest.h>

namespace corohub::http {
namespace {

std::string header(const Response& response, std::string_view name) {
  for (const ResponseHeader& header : response.headers)
    if (header.name == name) return header.value;
  return {};
}

Response answer(const Error& error) {
  Request request;
  request.target = "/api/v1/users/me?token=secret";
  request.id = "r-1";
  return problem(error, request);
}

json::object body(const Error& error) { return json::parse(answer(error).body).as_object(); }

TEST(Problem, has_these_members) {
  const Error error = Error(ErrorCode::email_taken, "This address is taken.").because("row 7");
  EXPECT_EQ(answer(error).status, 409);
  EXPECT_EQ(answer(error).content_type, "application/problem+json");
  EXPECT_EQ(body(error),
            json::parse(R"({"type":"urn:corohub:problem:email_taken","title":"E-mail address is taken",
    "status":409,"detail":"This address is taken.","instance":"/api/v1/users/me","success":false,"code":"email_taken",
    "error":"email taken","request_id":"r-1"})"));
}

TEST(Problem, shows_members_of_its_own_with_their_tag) {
  const Error error = Error(ErrorCode::version_mismatch).with(R"({"current":{"key":"a"}})", "\"v3\"");
  EXPECT_EQ(answer(error).status, 412);
  EXPECT_EQ(body(error)["current"], json::parse(R"({"key":"a"})"));
  EXPECT_EQ(header(answer(error), "ETag"), "\"v3\"");
}

TEST(Problem, shows_members_as_they_are_written_however_deep_they_are) {
  const std::string deep = R"({"current":{"a":0.9452706955539223,"b":)" + std::string(60, '[') + "1.5" +
                           std::string(60, ']') + "}}";
  const std::string text = answer(Error(ErrorCode::version_mismatch).with(std::string(deep))).body;
  EXPECT_TRUE(text.ends_with("," + deep.substr(1))) << text;
  EXPECT_EQ(body(Error(ErrorCode::in_use).with("{}"))["code"], "in_use");
}

TEST(Problem, T26_neither_the_query_nor_the_cause_is_told) {
  const Error error = Error(ErrorCode::internal_error).because("password of row 7");
  EXPECT_EQ(answer(error).body.find("secret"), std::string::npos);
  EXPECT_EQ(answer(error).body.find("row 7"), std::string::npos);
  EXPECT_EQ(answer(error).cause, "password of row 7");
}

TEST(Problem, T1_says_unauthorized_for_any_401_without_a_valid_credential) {
  EXPECT_EQ(body(Error(ErrorCode::unauthorized))["error"], "unauthorized");
  EXPECT_EQ(header(answer(Error(ErrorCode::unauthorized)), "WWW-Authenticate"), "Bearer");
  EXPECT_EQ(body(Error(ErrorCode::invalid_token))["error"], "unauthorized");
  EXPECT_EQ(header(answer(Error(ErrorCode::invalid_token)), "WWW-Authenticate"),
            "Bearer error=\"invalid_token\"");
  EXPECT_EQ(header(answer(Error(ErrorCode::invalid_credentials)), "WWW-Authenticate"), "Bearer");
  EXPECT_EQ(body(Error(ErrorCode::forbidden))["error"], "admin access required");
}

TEST(Problem, says_when_to_come_back) {
  const Response limited =
      answer(Error(ErrorCode::rate_limited).retry_in(std::chrono::seconds(7)).limited_to(300));
  EXPECT_EQ(header(limited, "Retry-After"), "7");
  EXPECT_EQ(header(limited, "RateLimit-Limit"), "300");
  EXPECT_EQ(header(limited, "RateLimit-Remaining"), "0");
  EXPECT_EQ(header(limited, "RateLimit-Reset"), "7");
  for (int i = 0; i < 50; ++i) {
    const int seconds = std::stoi(header(answer(Error(ErrorCode::overloaded)), "Retry-After"));
    EXPECT_GE(seconds, 1);
    EXPECT_LE(seconds, 10);
  }
  EXPECT_EQ(header(answer(Error(ErrorCode::overloaded)), "RateLimit-Limit"), "");
}

TEST(Problem, lists_the_fields_of_a_422) {
  const Error error = Error(ErrorCode::validation_failed).at("/email", "invalid_format", "Is no address.");
  EXPECT_EQ(body(error)["errors"],
            json::parse(R"([{"field":"/email","code":"invalid_format","message":"Is no address."}])"));
  EXPECT_FALSE(body(Error(ErrorCode::not_found)).contains("errors"));
}

TEST(Problem, every_code_has_a_status_a_client_can_act_on) {
  for (int i = 0; i <= static_cast<int>(ErrorCode::internal_error); ++i) {
    const auto code = static_cast<ErrorCode>(i);
    EXPECT_EQ(status_of(code) == 500, code == ErrorCode::internal_error) << name(code);
    EXPECT_GE(status_of(code), 400) << name(code);
    EXPECT_FALSE(std::string(body(Error(code))["error"].as_string()).empty());
  }
}

TEST(Response, wraps_data_in_the_envelope) {
  EXPECT_EQ(success({1, 2}).body, R"({"success":true,"data":[1,2]})");
  EXPECT_EQ(success(nullptr, json::object{{"page", 1}}).body,
            R"({"success":true,"data":null,"meta":{"page":1}})");
  EXPECT_EQ(document({{"status", "ok"}}, 503).status, 503);
  EXPECT_EQ(no_content().status, 204);
}

}  // namespace
}  // namespace corohub::http
