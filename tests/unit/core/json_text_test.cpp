#include "core/json_text.hpp"

#include <cmath>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace corohub {
namespace {

TEST(NumberText, is_what_ecmascript_writes) {
  const std::vector<std::pair<double, std::string>> table = {
      {0, "0"},
      {-0.0, "0"},
      {1, "1"},
      {-1, "-1"},
      {0.1, "0.1"},
      {0.1 + 0.2, "0.30000000000000004"},
      {1.5, "1.5"},
      {-100.25, "-100.25"},
      {123456789012345680.0, "123456789012345680"},
      {9007199254740993.0, "9007199254740992"},
      {1e20, "100000000000000000000"},
      {123456789e12, "123456789000000000000"},
      {1e21, "1e+21"},
      {-1.5e21, "-1.5e+21"},
      {1e-6, "0.000001"},
      {1.25e-6, "0.00000125"},
      {1e-7, "1e-7"},
      {-1.25e-7, "-1.25e-7"},
      {1.7976931348623157e308, "1.7976931348623157e+308"},
      {std::numeric_limits<double>::denorm_min(), "5e-324"},
      {-2.2250738585072014e-308, "-2.2250738585072014e-308"},
  };
  for (const auto& [number, text] : table) EXPECT_EQ(number_text(number), text);
}

TEST(JsonText, keeps_the_order_of_members_and_every_value) {
  const std::string text =
      R"({"b":[1,-2.5,true,false,null,"a\"\n"],"a":{"x":18446744073709551615,"y":-9223372036854775808},"c":[],"d":{}})";
  EXPECT_EQ(json_text(*parse_json(text)), text);
  EXPECT_EQ(json_text(*parse_json("[1.0, 1e2, 1e21, 0.5]")), "[1,100,1e+21,0.5]");
}

TEST(CanonicalJson, sorts_members_by_their_utf16_units) {
  std::string out;
  append_canonical_json(
      out, *parse_json("{\"\xef\xad\xb3\":1,\"\xf0\x9f\x98\x80\":2,\"\xc3\xb6\":3,\"1\":4,\"\xed\x9f\xbf\":5,"
                       "\"\\r\":6,\"a\":{\"z\":[],\"\":0},\"ab\":8}"));
  EXPECT_EQ(out,
            "{\"\\r\":6,\"1\":4,\"a\":{\"\":0,\"z\":[]},\"ab\":8,\"\xc3\xb6\":3,\"\xed\x9f\xbf\":5,"
            "\"\xf0\x9f\x98\x80\":2,\"\xef\xad\xb3\":1}");
}

}  // namespace
}  // namespace corohub
