#include "ingest/message.hpp"

#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace corohub::ingest {
namespace {

// "bep new-feature enabled true 1640995200000", or "code /field" of each complaint, or the code of the error.
std::string text_of(const Result<Message>& message) {
  if (!message) {
    std::string text;
    for (const FieldError& field : message.error().fields)
      text += (text.empty() ? "" : ", ") + field.code + " " + field.field;
    return text.empty() ? std::string(name(message.error().code)) : text;
  }
  std::string text = message->name_space + " " + message->flag_key + " " + std::string(name(message->action));
  if (message->enabled) text += *message->enabled ? " true" : " false";
  if (message->occurred_at) text += " " + std::to_string(*message->occurred_at);
  return text;
}

struct Case {
  std::string text;
  std::string means;
};

TEST(Message, both_shapes_are_read) {
  const std::vector<Case> cases = {
      {R"({"type":"flag_update","namespace":"bep","flagKey":"new-feature","action":"enabled","enabled":true,"timestamp":1640995200000})",
       "bep new-feature enabled true 1640995200000"},
      {R"({"data":{"action":"enabled","namespace":"bep","flag_key":"new-feature","enabled":true},"source":"flipt-server","timestamp":"2025-07-30T09:52:50Z","type":"flag.update"})",
       "bep new-feature enabled true 1753869170000"},
      // each member in `data`, else at the top
      {R"({"data":{"flagKey":"a"},"namespace":"bep","action":"created","enabled":false})",
       "bep a created false"},
      {R"({"data":{"flagKey":"a","namespace":"one"},"flagKey":"b","namespace":"two","action":"deleted"})",
       "one a deleted"},
      {R"({"data":"no object","flagKey":"a","action":"updated"})", "default a updated"},
      {R"({"data":null,"flagKey":"a","action":"updated"})", "default a updated"},
      // names of the key, in this order
      {R"({"flag":{"key":"c","enabled":false},"action":"updated"})", "default c updated false"},
      {R"({"flag":{"key":"c"},"flag_key":"b","action":"updated"})", "default b updated"},
      {R"({"flag":{"key":"c"},"flag_key":"b","flagKey":"a","action":"updated"})", "default a updated"},
      {R"({"data":{"flag":{"key":"c","enabled":true}},"flagKey":"a","action":"updated"})",
       "default c updated true"},
      {R"({"flag":{"key":"c","enabled":false},"enabled":true,"action":"updated"})", "default c updated true"},
      {R"({"flag":"no object","flagKey":"a","action":"updated"})", "default a updated"},
      // the action in any case; null counts as absent
      {R"({"flagKey":"a","action":"ENABLED"})", "default a enabled"},
      {R"({"flagKey":"a","action":"Disabled","namespace":null,"enabled":null,"timestamp":null})",
       "default a disabled"},
      {R"({"data":{"flagKey":null},"flagKey":"a:b@c","action":"created"})", "default a:b@c created"},
      // times
      {R"({"flagKey":"a","action":"created","timestamp":0})", "default a created 0"},
      {R"({"flagKey":"a","action":"created","timestamp":1640995200000.75})",
       "default a created 1640995200000"},
      {R"({"flagKey":"a","action":"created","timestamp":"2022-01-01T01:00:00.25+01:00"})",
       "default a created 1640995200250"},
      // the rest is passed over
      {R"({"flagKey":"a","action":"created","type":7,"source":[],"version":{"x":1},"variants":[[[]]]})",
       "default a created"},
  };
  for (const Case& one : cases) EXPECT_EQ(text_of(parse_message(one.text)), one.means) << one.text;
}

TEST(Message, what_is_wrong_is_named_where_it_stands) {
  const std::vector<Case> cases = {
      {"", "invalid_json"},
      {"no JSON", "invalid_json"},
      {R"({"flagKey":"a","action":"created"} )"
       "x",
       "invalid_json"},
      {R"({"flagKey":"a","flagKey":"a","action":"created"})", "invalid_json"},
      {"[]", "invalid_type "},
      {"7", "invalid_type "},
      {"{}", "required /flagKey, required /action"},
      {R"({"data":{}})", "required /data/flagKey, required /data/action"},
      {R"({"flagKey":"a","action":"toggled"})", "unknown_value /action"},
      {R"({"flagKey":"a","action":""})", "unknown_value /action"},
      {R"({"flagKey":"a","action":true})", "invalid_type /action"},
      {R"({"flagKey":7,"action":"created"})", "invalid_type /flagKey"},
      {R"({"flagKey":"","action":"created"})", "invalid_format /flagKey"},
      {R"({"flag":{"key":"no blanks"},"action":"created"})", "invalid_format /flag/key"},
      {R"({"data":{"flag_key":"a/b"},"action":"created"})", "invalid_format /data/flag_key"},
      {R"({"flagKey":"a","action":"created","namespace":"a/b"})", "invalid_format /namespace"},
      {R"({"flagKey":"a","action":"created","namespace":""})", "invalid_format /namespace"},
      {R"({"flagKey":"a","action":"created","namespace":["a"]})", "invalid_type /namespace"},
      {R"({"flagKey":"a","action":"created","enabled":"true"})", "invalid_type /enabled"},
      {R"({"flagKey":"a","action":"created","timestamp":"yesterday"})", "invalid_format /timestamp"},
      {R"({"flagKey":"a","action":"created","timestamp":-1})", "invalid_format /timestamp"},
      {R"({"flagKey":"a","action":"created","timestamp":1e300})", "invalid_format /timestamp"},
      {R"({"flagKey":"a","action":"created","timestamp":{}})", "invalid_type /timestamp"},
  };
  for (const Case& one : cases) EXPECT_EQ(text_of(parse_message(one.text)), one.means) << one.text;
  EXPECT_EQ(text_of(read_message(json::object(), "/3")), "required /3/flagKey, required /3/action");
}

TEST(Message, T73_a_message_has_64_KiB_at_most) {
  const std::string frame = R"({"flagKey":"a","action":"created","x":""})";
  const auto of_size = [&](std::size_t size) {
    return R"({"flagKey":"a","action":"created","x":")" + std::string(size - frame.size(), 'x') + "\"}";
  };
  EXPECT_EQ(text_of(parse_message(of_size(message_bytes_max))), "default a created");
  EXPECT_EQ(text_of(parse_message(of_size(message_bytes_max + 1))), "payload_too_large");
  EXPECT_EQ(text_of(read_entry({{"flagKey", "a"}, {"action", "created"}, {"x", std::string(70'000, 'x')}})),
            "payload_too_large");
}

TEST(Message, an_entry_of_a_stream_is_a_text_or_fields) {
  const std::string text = R"({"flagKey":"a","action":"enabled"})";
  const std::vector<std::pair<EntryFields, std::string>> cases = {
      {{{"anything", text}}, "default a enabled"},
      {{{"data", text}}, "default a enabled"},
      {{{"id", "7"}, {"message", text}}, "default a enabled"},
      {{{"payload", text}, {"id", "7"}}, "default a enabled"},
      {{{"flagKey", "a"},
        {"action", "disabled"},
        {"namespace", "007"},
        {"enabled", "False"},
        {"timestamp", "1640995200000"}},
       "007 a disabled false 1640995200000"},
      {{{"data", R"({"flag_key":"a","action":"created"})"}, {"timestamp", "2022-01-01T00:00:00Z"}},
       "default a created 1640995200000"},
      {{{"flag", R"({"key":"true","enabled":true})"}, {"action", "updated"}}, "default true updated true"},
      {{}, "required /flagKey, required /action"},
      {{{"data", "garbage"}}, "invalid_json"},
      {{{"flagKey", "a"}, {"action", "created"}, {"enabled", "maybe"}}, "invalid_type /enabled"},
  };
  for (const auto& [fields, means] : cases) EXPECT_EQ(text_of(read_entry(fields)), means);
}

}  // namespace
}  // namespace corohub::ingest
