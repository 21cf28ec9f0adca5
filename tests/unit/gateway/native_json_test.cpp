#include "gateway/protocols/native_json.hpp"

#include <boost/json/parse.hpp>
#include <gtest/gtest.h>

namespace corohub::gateway::native_json {
namespace {

std::string_view refusal_of(const Command& command) {
  const auto* refusal = std::get_if<Refusal>(&command.what);
  return refusal == nullptr ? std::string_view() : refusal->code;
}

TEST(NativeJson, WhatIsNoJsonObjectIsInvalidAndHasNoId) {
  for (const char* text : {"", " ", "hello", "[]", "1", "null", "\"ping\"", "{", R"({"type":"ping"}x)",
                           R"({"id":"1","id":"2","type":"ping"})", "{\"type\":\"ping\xff\"}"}) {
    const Command command = parse(text);
    EXPECT_EQ(refusal_of(command), "invalid_message") << text;
    EXPECT_TRUE(command.id.is_null()) << text;
  }
}

TEST(NativeJson, T54b_DeepNestingIsRefused) {
  EXPECT_EQ(refusal_of(parse(std::string(30'000, '['))), "invalid_message");
}

TEST(NativeJson, AnIdIsAStringOfUpTo64BytesOrAnInteger) {
  EXPECT_EQ(parse(R"({"type":"ping","id":"7"})").id, json::value("7"));
  EXPECT_EQ(parse(R"({"type":"ping","id":-7})").id, json::value(-7));
  EXPECT_EQ(parse(R"({"type":"ping","id":18446744073709551615})").id, json::value(18446744073709551615ULL));
  EXPECT_TRUE(parse(R"({"type":"ping"})").id.is_null());
  const std::string longest(64, 'x');
  EXPECT_EQ(parse(R"({"type":"ping","id":")" + longest + "\"}").id, json::value(longest));
  for (const std::string& id :
       {std::string("null"), std::string("\"\""), "\"" + longest + "x\"", std::string("1.5"),
        std::string("true"), std::string("[]"), std::string("{}")}) {
    const Command command = parse(R"({"type":"ping","id":)" + id + "}");
    EXPECT_EQ(refusal_of(command), "invalid_message") << id;
    EXPECT_TRUE(command.id.is_null()) << id;
  }
}

TEST(NativeJson, KnowsItsCommands) {
  EXPECT_TRUE(std::holds_alternative<Ping>(parse(R"({"type":"ping"})").what));
  const Command refresh = parse(R"({"type":"auth.refresh","id":1,"data":{"token":"abc"}})");
  ASSERT_TRUE(std::holds_alternative<AuthRefresh>(refresh.what));
  EXPECT_EQ(std::get<AuthRefresh>(refresh.what).token, "abc");
}

TEST(NativeJson, RefusesWhatItDoesNotKnow) {
  const Command unknown = parse(R"({"type":"dance","id":"a"})");
  EXPECT_EQ(refusal_of(unknown), "unknown_type");
  EXPECT_EQ(unknown.id, json::value("a"));
  EXPECT_EQ(refusal_of(parse(R"({"type":"PING"})")), "unknown_type");
  EXPECT_EQ(refusal_of(parse(R"({"id":1})")), "invalid_message");
  EXPECT_EQ(refusal_of(parse(R"({"type":7})")), "invalid_message");
  for (const char* data : {"null", "{}", "[]", R"({"token":7})", R"("abc")"})
    EXPECT_EQ(refusal_of(parse(std::string(R"({"type":"auth.refresh","data":)") + data + "}")),
              "invalid_message")
        << data;
}

TEST(NativeJson, AnswersHaveTheServersShape) {
  EXPECT_EQ(json::parse(error_text(json::value("7"), {"unknown_type", "No."})),
            json::parse(R"({"type":"error","id":"7","data":{"code":"unknown_type","message":"No."}})"));
  EXPECT_EQ(json::parse(error_text(nullptr, {"invalid_message", "No."})),
            json::parse(R"({"type":"error","id":null,"data":{"code":"invalid_message","message":"No."}})"));
  EXPECT_EQ(json::parse(reply_text(7, json::value{{"seq", 3}})),
            json::parse(R"({"type":"reply","id":7,"ok":true,"data":{"seq":3}})"));
}

}  // namespace
}  // namespace corohub::gateway::native_json
