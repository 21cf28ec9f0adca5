#include "gateway/native/native_json.hpp"

#include <string>
#include <vector>

#include <boost/json/parse.hpp>
#include <gtest/gtest.h>

namespace corohub::gateway::native_json {
namespace {

std::string_view refusal_of(const Message& message) {
  const auto* refusal = std::get_if<Refusal>(&message.command);
  return refusal == nullptr ? std::string_view() : refusal->code;
}

TEST(NativeJson, what_is_no_json_object_is_invalid_and_has_no_id) {
  for (const char* text : {"", " ", "hello", "[]", "1", "null", "\"ping\"", "{", R"({"type":"ping"}x)",
                           R"({"id":"1","id":"2","type":"ping"})", "{\"type\":\"ping\xff\"}"}) {
    const Message message = parse(text);
    EXPECT_EQ(refusal_of(message), "invalid_message") << text;
    EXPECT_EQ(message.id, "null") << text;
  }
}

TEST(NativeJson, T54b_deep_nesting_is_refused) {
  EXPECT_EQ(refusal_of(parse(std::string(30'000, '['))), "invalid_message");
}

TEST(NativeJson, an_id_is_a_string_of_up_to_64_bytes_or_an_integer) {
  EXPECT_EQ(parse(R"({"type":"ping"})").id, "null");
  const std::string longest(64, 'x');
  const std::vector<std::string> good{R"("7")", "-7",  "18446744073709551615", "25.0",
                                      "2.5e1",  "1E2", R"("\u0061\n")",        '"' + longest + '"'};
  for (const std::string& id : good) EXPECT_EQ(parse(R"({"type":"ping","id": )" + id + " }").id, id);
  for (const std::string& id : {std::string("null"), std::string("\"\""), "\"" + longest + "x\"",
                                std::string("1.5"), "25." + std::string(64, '0'), std::string("1e400"),
                                std::string("true"), std::string("[]"), std::string("{}")}) {
    const Message message = parse(R"({"type":"ping","id":)" + id + "}");
    EXPECT_EQ(refusal_of(message), "invalid_message") << id;
    EXPECT_EQ(message.id, "null") << id;
  }
}

TEST(NativeJson, knows_its_commands) {
  EXPECT_TRUE(std::holds_alternative<Ping>(parse(R"({"type":"ping"})").command));
  const Message refresh = parse(R"({"type":"auth.refresh","id":1,"data":{"token":"abc"}})");
  ASSERT_TRUE(std::holds_alternative<AuthRefresh>(refresh.command));
  EXPECT_EQ(std::get<AuthRefresh>(refresh.command).token, "abc");
}

TEST(NativeJson, refuses_what_it_does_not_know) {
  const Message unknown = parse(R"({"type":"dance","id":"a"})");
  EXPECT_EQ(refusal_of(unknown), "unknown_type");
  EXPECT_EQ(unknown.id, R"("a")");
  EXPECT_EQ(refusal_of(parse(R"({"type":"PING"})")), "unknown_type");
  EXPECT_EQ(refusal_of(parse(R"({"id":1})")), "invalid_message");
  EXPECT_EQ(refusal_of(parse(R"({"type":7})")), "invalid_message");
  for (const char* data : {R"("x")", "[1]", "7"})
    EXPECT_EQ(refusal_of(parse(std::string(R"({"type":"flag.watch","data":)") + data + "}")),
              "invalid_message");
  for (const char* data : {"null", "{}", "[]", R"({"token":7})", R"("abc")"})
    EXPECT_EQ(refusal_of(parse(std::string(R"({"type":"auth.refresh","data":)") + data + "}")),
              "invalid_message")
        << data;
}

std::string_view refusal_of(const std::string& type, const std::string& data) {
  return refusal_of(parse(R"({"type":")" + type + R"(","id":1,"data":)" + data + "}"));
}

template <class What>
What read(const std::string& type, const std::string& data) {
  Message message = parse(R"({"type":")" + type + R"(","data":)" + data + "}");
  EXPECT_TRUE(std::holds_alternative<What>(message.command))
      << type << " " << data << " " << refusal_of(message);
  return std::holds_alternative<What>(message.command) ? std::get<What>(std::move(message.command)) : What();
}

TEST(NativeJson, reads_a_publish) {
  const auto plain = read<Publish>("publish", R"({"topic":"rooms/one","data":"hi"})");
  EXPECT_EQ(plain.topic, "rooms/one");
  EXPECT_EQ(plain.type, "message");
  EXPECT_EQ(plain.data, R"("hi")");
  EXPECT_EQ(plain.idempotency_key, "");
  const auto full = read<Publish>(
      "publish", R"({"idempotency_key":"a key~","data":null,"type":"chat.line","topic":"rooms/one"})");
  EXPECT_EQ(full.type, "chat.line");
  EXPECT_EQ(full.data, "null");
  EXPECT_EQ(full.idempotency_key, "a key~");
}

TEST(NativeJson, delivers_data_as_it_was_given) {
  // The message's own data holds the event's data, and each may be anywhere and have any blanks around it.
  Message message = parse(
      "{ \"data\" : { \"data\" : { \"data\" : 12345678901234567890123 , \"x\" : [ 1.10, -0.0, 1e2 ] } ,"
      " \"topic\" : \"t\" } , \"type\" : \"publish\" }");
  ASSERT_TRUE(std::holds_alternative<Publish>(message.command)) << refusal_of(message);
  EXPECT_EQ(std::get<Publish>(message.command).data,
            R"({"data":12345678901234567890123,"x":[1.10,-0.0,1e2]})");
  EXPECT_EQ(read<Publish>("publish", R"({"d\u0061ta":"\u00e9\/","topic":"t"})").data, R"("\u00e9\/")");
}

TEST(NativeJson, refuses_a_bad_publish) {
  for (const char* data :
       {"{}", "[]", "null", "7", R"({"data":1})", R"({"topic":7,"data":1})", R"({"topic":null,"data":1})",
        R"({"topic":"t"})", R"({"topic":"t","data":1,"data":2})", R"({"topic":"t","data":1,"type":7})",
        R"({"topic":"t","data":1,"type":""})", R"({"topic":"t","data":1,"type":"a b"})",
        R"({"topic":"t","data":1,"idempotency_key":""})", R"({"topic":"t","data":1,"idempotency_key":7})",
        R"({"topic":"t","data":1,"idempotency_key":"a\nb"})"})
    EXPECT_EQ(refusal_of("publish", data), "invalid_message") << data;
  EXPECT_EQ(refusal_of(parse(R"({"type":"publish"})")), "invalid_message");
  const std::string key(129, 'k');
  EXPECT_EQ(refusal_of("publish", R"({"topic":"t","data":1,"idempotency_key":")" + key + "\"}"),
            "invalid_message");
  EXPECT_EQ(read<Publish>("publish", R"({"topic":"t","data":1,"idempotency_key":")" + key.substr(1) + "\"}")
                .idempotency_key,
            key.substr(1));
}

TEST(NativeJson, refuses_a_bad_topic) {
  for (const char* topic : {"", "/", "a/", "/a", "a//b", ".", "a/..", "a b", "a*", "rooms/\u00e9"})
    for (const char* type : {"publish", "history"})
      EXPECT_EQ(refusal_of(type, std::string(R"({"data":1,"topic":")") + topic + "\"}"), "invalid_topic")
          << type << " " << topic;
}

TEST(NativeJson, reads_a_history_query) {
  const auto plain = read<HistoryQuery>("history", R"({"topic":"rooms/one","since":null})");
  EXPECT_EQ(plain.topic, "rooms/one");
  EXPECT_FALSE(plain.since);
  EXPECT_EQ(plain.limit, 100U);
  const auto full = read<HistoryQuery>("history", R"({"topic":"t","since":"abc:7","limit":300})");
  EXPECT_EQ(full.since->text(), "abc:7");
  EXPECT_EQ(full.limit, 300U);
  EXPECT_EQ(read<HistoryQuery>("history", R"({"topic":"t","since":7})").since->seq, 7);
  EXPECT_EQ(read<HistoryQuery>("history", R"({"topic":"t","since":7.0,"limit":1e2})").since->seq, 7);
  EXPECT_EQ(read<HistoryQuery>("history", R"({"topic":"t","limit":1e2})").limit, 100U);
  EXPECT_EQ(read<HistoryQuery>("history", R"({"topic":"t","since":"7"})").since->seq, 7);
  for (const char* since : {"-1", "1.5", "true", "{}", R"("")", R"("x")", R"("-1")", R"("a b:1")", "1e30",
                            "18446744073709551615", R"("9223372036854775808")"})
    EXPECT_EQ(refusal_of("history", std::string(R"({"topic":"t","since":)") + since + "}"), "invalid_since")
        << since;
  for (const char* limit : {"0", "301", "-1", "1.5", R"("7")", "true"})
    EXPECT_EQ(refusal_of("history", std::string(R"({"topic":"t","limit":)") + limit + "}"), "invalid_message")
        << limit;
}

TEST(NativeJson, answers_have_the_servers_shape) {
  EXPECT_EQ(reply_text(RequestId(R"("a\"b")"), R"({"n":1.10})"),
            R"({"type":"reply","id":"a\"b","ok":true,"data":{"n":1.10}})");
  EXPECT_EQ(json::parse(error_text(RequestId(R"("7")"), {"unknown_type", "No."})),
            json::parse(R"({"type":"error","id":"7","data":{"code":"unknown_type","message":"No."}})"));
  EXPECT_EQ(json::parse(error_text("null", {"invalid_message", "No."})),
            json::parse(R"({"type":"error","id":null,"data":{"code":"invalid_message","message":"No."}})"));
}

}  // namespace
}  // namespace corohub::gateway::native_json
