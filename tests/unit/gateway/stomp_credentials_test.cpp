#include "gateway/stomp/credentials.hpp"
#include "gateway/stomp/tasks.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include <gtest/gtest.h>

namespace corohub::gateway::stomp {
namespace {

using namespace std::string_literals;

// ---- credentials ----

// One frame, read as a client sends it.
std::optional<Understood<Credential>> credential_of(const std::string& command, const std::string& headers) {
  Parser parser(10'000);
  const std::string bytes = command + "\n" + headers + "\n\0"s;
  std::string_view left = bytes;
  EXPECT_EQ(parser.next(left), Parser::Got::frame);
  return read_credential(parser.frame());
}

TEST(StompCredentials, are_a_bearer_token_however_the_header_is_written) {
  for (const char* header : {"Authorization", "authorization", "AUTHORIZATION"})
    for (const char* command : {"CONNECT", "SUBSCRIBE", "SEND"}) {
      const auto credential = credential_of(command, std::string(header) + ":bearer abc\n");
      ASSERT_TRUE(credential && *credential) << header;
      EXPECT_EQ((*credential)->kind, Credential::Kind::token);
      EXPECT_EQ((*credential)->text, "abc");
    }
}

TEST(StompCredentials, may_be_missing) {
  EXPECT_FALSE(credential_of("CONNECT", "login:\npasscode:\n"));
  EXPECT_FALSE(credential_of("CONNECT", "login:x\n"));
  EXPECT_FALSE(credential_of("SEND", "login:x\npasscode:y\n"));
}

TEST(StompCredentials, are_a_login_and_a_passcode) {
  const auto credential = credential_of("CONNECT", "login:a@b.de\npasscode:secret123\n");
  ASSERT_TRUE(credential && *credential);
  EXPECT_EQ((*credential)->kind, Credential::Kind::password);
  EXPECT_EQ((*credential)->email, "a@b.de");
  EXPECT_EQ((*credential)->password.reveal(), "secret123");
}

TEST(StompCredentials, are_a_passcode_that_is_a_token) {
  const std::string token = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.0123456789abcdefghij";
  for (const std::string login : {"", "token", "a@b.de"}) {
    const auto credential = credential_of("CONNECT", "login:" + login + "\npasscode:" + token + "\n");
    ASSERT_TRUE(credential && *credential) << login;
    EXPECT_EQ((*credential)->kind, Credential::Kind::token) << login;
    EXPECT_EQ((*credential)->text, token);
  }
}

TEST(StompCredentials, are_one_and_of_our_scheme) {
  const auto two = credential_of("CONNECT", "Authorization:Bearer a\npasscode:b\n");
  ASSERT_TRUE(two);
  EXPECT_EQ(two->error().code, "invalid_request");
  const auto basic = credential_of("CONNECT", "Authorization:Basic abc\n");
  ASSERT_TRUE(basic);
  EXPECT_EQ(basic->error().code, "invalid_token");
}

// ---- tasks ----

TEST(StompTasks, are_commands) {
  EXPECT_TRUE(std::holds_alternative<Ping>(read_task("ping", "")));
  EXPECT_EQ(std::get<AuthRefresh>(read_task("auth.refresh", R"({"token":"t"})")).token, "t");
  EXPECT_EQ(std::get<PresenceQuery>(read_task("presence", R"({"topic":"rooms/one"})")).topic, "rooms/one");
  EXPECT_TRUE(std::get<SetTyping>(read_task("typing", R"({"topic":"rooms/one","typing":true})")).typing);
  const auto history =
      std::get<HistoryQuery>(read_task("history", R"({"topic":"rooms/one","since":"e:7","limit":3})"));
  EXPECT_EQ(history.since->seq, 7);
  EXPECT_EQ(history.limit, 3U);
}

TEST(StompTasks, that_are_not_understood_are_refused) {
  const auto code = [](std::string_view name, std::string_view body) {
    return std::get<Refusal>(read_task(name, body)).code;
  };
  EXPECT_EQ(code("nothing", "{}"), "unknown_type");
  EXPECT_EQ(code("presence", "{"), "invalid_json");
  EXPECT_EQ(code("presence", "[]"), "invalid_message");
  EXPECT_EQ(code("presence", "{}"), "invalid_message");
  EXPECT_EQ(code("presence", R"({"topic":"a b"})"), "invalid_topic");
  EXPECT_EQ(code("typing", R"({"topic":"a"})"), "invalid_message");
  EXPECT_EQ(code("history", R"({"topic":"a","limit":0})"), "invalid_message");
  EXPECT_EQ(code("history", R"({"topic":"a","since":"x"})"), "invalid_since");
  EXPECT_EQ(code("auth.refresh", "{}"), "invalid_message");
}

TEST(StompTasks, are_answered_with_data_alone) {
  EXPECT_EQ(answer_text(Pong{7}), R"({"seq":7})");
  EXPECT_EQ(answer_text(Authenticated{1000}), R"({"token_expires_at":"1970-01-01T00:00:01.000Z"})");
  EXPECT_EQ(answer_text(Authenticated{0}), R"({"token_expires_at":null})") << "of a key without an end";
  EXPECT_EQ(answer_text(TypingNoted{"a", true}), R"({"topic":"a","typing":true})");
  EXPECT_EQ(answer_text(JsonText{"[1]", {}}), "[1]");
}

}  // namespace
}  // namespace corohub::gateway::stomp
