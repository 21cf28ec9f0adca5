#include "gateway/session/raw_json.hpp"

#include <gtest/gtest.h>

namespace corohub::gateway {
namespace {

TEST(RawJson, cuts_blanks_outside_of_strings) {
  EXPECT_EQ(compact_json(" { \"a b\" : [ 1 ,\n2 ] , \"c\":\t\"x \\\" y\" } "),
            R"({"a b":[1,2],"c":"x \" y"})");
}

TEST(RawJson, keeps_a_value_as_it_was_given) {
  const char* object =
      R"({"message":"{\"metadata\":1}", "metadata" : {"n":1.10,"big":123456789012345678901234567890,
                           "e":1e2,"s":"\u00e9 \/","list":[{"}":"]"}]}, "to":{"role":"admin"}})";
  EXPECT_EQ(raw_member(object, "metadata"),
            R"({"n":1.10,"big":123456789012345678901234567890,"e":1e2,"s":"\u00e9 \/","list":[{"}":"]"}]})");
  EXPECT_EQ(raw_member(object, "message"), R"("{\"metadata\":1}")");
  EXPECT_EQ(raw_member(object, "to"), R"({"role":"admin"})");
  EXPECT_EQ(raw_member(object, "role"), std::nullopt) << "only the object's own members";
}

TEST(RawJson, finds_escaped_keys_and_last_members) {
  EXPECT_EQ(raw_member(R"({"\u006detadata":{}})", "metadata"), "{}");
  EXPECT_EQ(raw_member(R"({"a":[],"b":null})", "b"), "null");
  EXPECT_EQ(raw_member("{}", "a"), std::nullopt);
  EXPECT_EQ(raw_member(R"({"a":"\\","b":"\\\""})", "b"), R"("\\\"")");
}

TEST(RawJson, finds_a_member_between_blanks) {
  const char* object = " {\n \"a\" : 1 ,\t\"b\" : { \"c\" : [ 1 , 2 ] } , \"d\" : 1.0e5 \r\n} ";
  EXPECT_EQ(member_text(object, "a"), "1");
  EXPECT_EQ(member_text(object, "b"), R"({ "c" : [ 1 , 2 ] })");
  EXPECT_EQ(member_text(object, "d"), "1.0e5");
  EXPECT_EQ(member_text(object, "c"), std::nullopt);
  EXPECT_EQ(member_text(" { } ", "a"), std::nullopt);
}

}  // namespace
}  // namespace corohub::gateway
