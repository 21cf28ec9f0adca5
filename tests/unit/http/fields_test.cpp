#include "http/fields.hpp"

#include "core/integer.hpp"
#include "core/json.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace corohub::http {
namespace {

json::object object(std::string_view text) { return parse_json(text)->as_object(); }

std::vector<std::string> complaints(const Fields& fields) {
  std::vector<std::string> list;
  if (const Result<> result = fields.result(); !result)
    for (const FieldError& field : result.error().fields) list.push_back(field.field + " " + field.code);
  return list;
}

TEST(Fields, reads_what_is_right) {
  const json::object body = object(R"({"name":"  Ann ","age":30,"flag":true,"role":"admin","to":{"x":1}})");
  Fields fields(body);
  EXPECT_EQ(fields.required_text("name", {.min = 1, .max = 100, .trim = true}), "Ann");
  EXPECT_EQ(fields.required_integer("age", 0, 150), 30);
  EXPECT_EQ(fields.boolean("flag"), true);
  EXPECT_EQ(fields.one_of("role", {"user", "admin"}), "admin");
  EXPECT_NE(fields.object("to"), nullptr);
  EXPECT_EQ(fields.text("missing", {.max = 5}), std::nullopt);
  EXPECT_EQ(fields.integer("missing", 0, 5), std::nullopt);
  EXPECT_TRUE(fields.result());
}

TEST(Fields, names_every_rejected_member_at_once) {
  const json::object body = object(
      R"({"a":"","b":"long","c":"x\u0007","d":5,"e":"5","f":30.5,"g":151,"h":18446744073709551615,"i":null,"j":"x","k":"\u0085","l":1})");
  Fields fields(body);
  fields.required_text("a", {.min = 1, .max = 9});
  fields.text("b", {.max = 3});
  fields.text("c", {.max = 9});
  fields.text("d", {.max = 9});
  fields.integer("e", 0, 9);
  fields.integer("f", 0, 99);
  fields.integer("g", 0, 150);
  fields.integer("h", 0, 150);
  fields.text("i", {.max = 9});
  fields.one_of("j", {"low", "high"});
  fields.text("k", {.max = 9});
  fields.object("l");
  fields.required_text("missing", {.max = 9});
  EXPECT_EQ(fields.result().error().code, ErrorCode::validation_failed);
  EXPECT_THAT(complaints(fields),
              testing::ElementsAre("/a too_short", "/b too_long", "/c invalid_format", "/d invalid_type",
                                   "/e invalid_type", "/f invalid_type", "/g out_of_range", "/h out_of_range",
                                   "/i invalid_type", "/j unknown_value", "/k invalid_format",
                                   "/l invalid_type", "/missing required"));
}

TEST(Fields, H5_an_integer_may_have_a_point_but_no_fraction) {
  const json::object body =
      object(R"({"a":25.0,"b":1e2,"c":25.5,"d":9007199254740993,"e":1e300,"f":9007199254740992.0})");
  Fields fields(body);
  EXPECT_EQ(fields.integer("a", 0, 150), 25);
  EXPECT_EQ(fields.integer("b", 0, 150), 100);
  EXPECT_EQ(fields.integer("f", 1, exact_integer_max), exact_integer_max);
  for (const char* key : {"c", "d", "e"}) fields.integer(key, 1, exact_integer_max);
  EXPECT_THAT(complaints(fields),
              testing::ElementsAre("/c invalid_type", "/d out_of_range", "/e out_of_range"));
}

TEST(Fields, T41_a_forbidden_member_decides_the_code) {
  const json::object body = object(R"({"name":"","role":"admin","id":1})");
  Fields fields(body);
  fields.required_text("name", {.min = 1, .max = 9});
  fields.forbid({"role", "id", "status"});
  EXPECT_EQ(fields.result().error().code, ErrorCode::field_not_allowed);
  EXPECT_THAT(complaints(fields),
              testing::ElementsAre("/name too_short", "/role field_not_allowed", "/id field_not_allowed"));
}

TEST(Fields, counts_characters_and_not_bytes) {
  const json::object body = object("{\"a\":\"\xc3\xa9\xc3\xa9\xc3\xa9\",\"b\":\"line\\nbreak\"}");
  Fields fields(body);
  EXPECT_EQ(fields.text("a", {.min = 3, .max = 3}), "\xc3\xa9\xc3\xa9\xc3\xa9");
  EXPECT_EQ(fields.text("b", {.max = 20, .controls = true}), "line\nbreak");
  EXPECT_TRUE(fields.ok());
}

TEST(Fields, a_nested_reader_points_into_its_object) {
  const json::object body = object(R"({"to":{"a/b~c":"x"}})");
  Fields fields(body);
  Fields nested(*fields.object("to"), "/to");
  nested.integer("a/b~c", 0, 1);
  fields.merge(std::move(nested));
  EXPECT_THAT(complaints(fields), testing::ElementsAre("/to/a~1b~0c invalid_type"));
}

}  // namespace
}  // namespace corohub::http
