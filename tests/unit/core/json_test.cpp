#include "core/json.hpp"

#include "core/integer.hpp"

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <boost/json/serialize.hpp>
#include <gtest/gtest.h>

namespace corohub {
namespace {

using namespace std::string_literals;

std::string nested(std::size_t levels) { return std::string(levels, '[') + std::string(levels, ']'); }

TEST(ParseJson, takes_what_rfc_8259_allows) {
  const auto value =
      parse_json(" {\"a\":[1,-2,3.5,1e3,true,false,null,\"\\u00e9\\ud83d\\ude00\\n\"],\"b\":{}} \n");
  ASSERT_TRUE(value);
  EXPECT_EQ(value->at("a").as_array().size(), 8u);
  EXPECT_EQ(value->at("a").at(7).as_string(), "\xc3\xa9\xf0\x9f\x98\x80\n");
  for (const char* text :
       {"1", "\"\"", "null", "[]", "{}", "18446744073709551615", "-9223372036854775808", "1e308"})
    EXPECT_TRUE(parse_json(text)) << text;
}

TEST(ParseJson, reads_the_nearest_double) {
  EXPECT_EQ(parse_json("-4.1e+215")->as_double(), -4.1e+215);
  EXPECT_EQ(parse_json("1.7976931348623157e308")->as_double(), 1.7976931348623157e308);
  EXPECT_EQ(parse_json("5e-324")->as_double(), 5e-324);
  EXPECT_EQ(parse_json("0.1")->as_double(), 0.1);
}

TEST(ParseJson, T54b_refuses_what_is_not_json) {
  for (const std::string& text :
       {""s,          " "s,         "{"s,        "["s,         "\""s,       "nul"s,        "tru"s,
        "NaN"s,       "Infinity"s,  "-"s,        "01"s,        "+1"s,       "1."s,         ".5"s,
        "0x10"s,      "'a'"s,       "{a:1}"s,    "{\"a\"}"s,   "{\"a\":}"s, "{\"a\":1,}"s, "[1,]"s,
        "[,1]"s,      "[1 2]"s,     "]"s,        "/* c */ 1"s, "1 // c"s,   "\"\t\""s,     "\"a\nb\""s,
        "\"\\x41\""s, "\"\\u12\""s, "\"a\0b\""s, "\0"s,        "1\0"s})
    EXPECT_FALSE(parse_json(text)) << text;
}

TEST(ParseJson, T54b_refuses_trailing_data) {
  for (const char* text : {"{} {}", "1 2", "{}x", "[]]", "nullnull", "{},"})
    EXPECT_FALSE(parse_json(text)) << text;
}

TEST(ParseJson, T54b_refuses_a_byte_order_mark) { EXPECT_FALSE(parse_json("\xef\xbb\xbf{}")); }

TEST(ParseJson, T54b_refuses_lone_surrogates) {
  for (const char* text :
       {R"("\ud800")", R"("\udc00")", R"("\ud800\ud800")", R"("\ud83dx")", R"({"\udfff":1})"})
    EXPECT_FALSE(parse_json(text)) << text;
}

TEST(ParseJson, T54b_refuses_bytes_that_are_not_utf8) {
  for (const char* text : {"\"\xff\"", "\"\xc0\xaf\"", "\"\xed\xa0\x80\"", "\"\xe2\x82\"", "{\"\x80\":1}"})
    EXPECT_FALSE(parse_json(text));
}

TEST(ParseJson, T54b_refuses_numbers_a_double_cannot_hold) {
  for (const char* text : {"1e400", "-1e400", "[1,{\"a\":1e999}]", "1e99999999999999999999"})
    EXPECT_FALSE(parse_json(text)) << text;
  EXPECT_FALSE(parse_json(std::string(400, '9')));
  EXPECT_TRUE(parse_json("1e-400"));
}

TEST(ParseJson, T41_refuses_the_same_key_twice) {
  for (const char* text : {R"({"a":1,"a":2})", R"({"a":1,"b":2,"a":1})", R"([{"x":{"k":1,"k":1}}])",
                           R"({"":1,"":2})", R"({"a":1,"\u0061":2})"})
    EXPECT_FALSE(parse_json(text)) << text;
  EXPECT_TRUE(parse_json(R"({"a":{"a":{"a":1}},"A":1})"));
}

TEST(ParseJson, T54b_bounds_the_depth) {
  EXPECT_TRUE(parse_json(nested(4), {4, 10}));
  EXPECT_FALSE(parse_json(nested(5), {4, 10}));
  EXPECT_TRUE(parse_json(nested(32)));
  EXPECT_FALSE(parse_json(nested(33)));
  EXPECT_FALSE(parse_json(std::string(30'000, '[')));
  EXPECT_FALSE(parse_json(nested(30'000)));
  std::string objects;
  for (int i = 0; i < 30'000; ++i) objects += "{\"a\":";
  EXPECT_FALSE(parse_json(objects));
}

TEST(ParseJson, T54b_bounds_the_members_of_all_objects_together) {
  EXPECT_TRUE(parse_json(R"([{"a":1,"b":2},{"c":3}])", {4, 3}));
  EXPECT_FALSE(parse_json(R"([{"a":1,"b":2},{"c":3,"d":4}])", {4, 3}));
}

TEST(ParseJson, says_invalid_json_and_where) {
  const auto value = parse_json("{\"a\":tru}");
  ASSERT_FALSE(value);
  EXPECT_EQ(value.error().code, ErrorCode::invalid_json);
  EXPECT_NE(value.error().detail.find("at byte"), std::string::npos);
}

TEST(ParseJson, H5_a_number_without_a_fraction_is_an_integer_however_it_is_written) {
  for (const auto& [text, number] :
       std::vector<std::pair<const char*, std::int64_t>>{{"25", 25},
                                                         {"25.0", 25},
                                                         {"-25.00", -25},
                                                         {"2.5e1", 25},
                                                         {"1e2", 100},
                                                         {"1E+2", 100},
                                                         {"2500e-2", 25},
                                                         {"0.0", 0},
                                                         {"-0.0", 0},
                                                         {"0.000e-999", 0},
                                                         {"9007199254740991.0", 9007199254740991},
                                                         {"9007199254740992.0", 9007199254740992},
                                                         {"-9007199254740992.0", -9007199254740992},
                                                         {"90071992547409.91e2", 9007199254740991},
                                                         {"9007199254740991000e-3", 9007199254740991},
                                                         {"9007199254740993", 9007199254740993}}) {
    const Result<json::value> value = parse_json(text);
    ASSERT_TRUE(value && value->is_int64()) << text;
    EXPECT_EQ(value->get_int64(), number) << text;
  }
  for (const char* text : {"25.5", "1e-1", "0.1", "9007199254740993.0", "1e16", "-1e300",
                           "25.00000000000000000001", "9007199254740991.5"})
    EXPECT_TRUE(parse_json(text)->is_double()) << text;
  EXPECT_EQ(parse_json("{\"a\":[25.0]}")->at("a").at(0).get_int64(), 25);
}

TEST(ParseInteger, H5_takes_the_text_of_a_query_as_json_would) {
  EXPECT_EQ(parse_integer("25"), 25);
  EXPECT_EQ(parse_integer("-25.0"), -25);
  EXPECT_EQ(parse_integer("1e2"), 100);
  EXPECT_EQ(parse_integer("9007199254740992"), exact_integer_max);
  EXPECT_EQ(parse_integer("9007199254740993"), std::numeric_limits<std::int64_t>::max());
  EXPECT_EQ(parse_integer("-1e400"), std::numeric_limits<std::int64_t>::min());
  EXPECT_EQ(parse_integer("1e99999999999"), std::numeric_limits<std::int64_t>::max());
  EXPECT_EQ(parse_integer(std::string(10'000, '0') + "7"), 7);
  for (const char* text :
       {"", "-", "+1", " 1", "1 ", "25.5", "1.", ".5", "1e", "1e+", "0x1", "1_0", "1,0", "Infinity", "nan"})
    EXPECT_EQ(parse_integer(text), std::nullopt) << text;
}

TEST(Depth, counts_containers_and_the_scalar_in_them) {
  EXPECT_EQ(depth(*parse_json("1")), 1u);
  EXPECT_EQ(depth(*parse_json("[]")), 1u);
  EXPECT_EQ(depth(*parse_json("[[1],2]")), 3u);
  EXPECT_EQ(depth(*parse_json(R"({"a":{"b":[]}})")), 3u);
}

TEST(Json, T54b_what_the_grammar_lets_through_is_json_however_little_of_it_is_taken) {
  const std::string deep = std::string(100, '[') + std::string(100, ']'), too_deep(1'000'000, '[');
  for (const std::string& text : {deep, too_deep, std::string(R"({"a":1,"a":2})"), std::string("[1e999]"),
                                  std::string("[1e99999999999]"), std::string(R"(["\ud83d"])"),
                                  std::string(R"(["\udc00"])"), std::string(R"(["\ud83d\u0041"])")}) {
    EXPECT_TRUE(is_json(text)) << text;
    EXPECT_FALSE(parse_json(text)) << text;
  }
  for (const char* text : {"", "[", "[]]", "[1,]", "{]", "[] []", "[a]", "['a']", "[\"\xff\"]", "[01]",
                           R"(["\ud83d])", R"(["\ud8"])", R"(["\ug83d"])"})
    EXPECT_FALSE(is_json(text)) << text;
}

TEST(Json, text_is_written_as_boost_writes_it) {
  std::string all;
  for (int c = 0; c < 128; ++c) all += static_cast<char>(c);
  for (const std::string& text :
       {std::string(), std::string("plain"), std::string("\xc3\xa9\xf0\x9f\x98\x80"), all,
        std::string("\"\"a\\"), std::string("a\n")}) {
    std::string out;
    append_json(out, text);
    EXPECT_EQ(out, json::serialize(json::value(text)));
  }
}

}  // namespace
}  // namespace corohub
