// What each operator gives, one row for each thing that is said of it.
#include "support.hpp"

#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace corohub::flags {
namespace {

using test::result_of;
using test::segment_of;

using Table = std::vector<std::pair<std::string, std::string>>;

const std::string context = R"({
  "name":"ann","age":18,"ten":"10","blank":" ","empty":"","null":null,"yes":true,"no":false,"zero":0,
  "list":[1,"a",null,true],"numbers":[3,1,2],"nothing":[],"object":{"a":{"b":[{"c":"deep"}]},"":"unnamed"},
  "none":{},"items":[{"n":"x","p":5},{"n":"y","p":7}],"version":"v1.2.3","text":"a\u00e4\u20ac\ud83d\ude00z",
  "targetingKey":"user-4"})";

void expect(const Table& table) {
  for (const auto& [rule, expected] : table) EXPECT_EQ(result_of(rule, context), expected) << rule;
}

TEST(Operators, var_leads_through_objects_and_lists) {
  expect({
      {R"({"var":"name"})", R"("ann")"},
      {R"({"var":["name"]})", R"("ann")"},
      {R"({"var":"object.a.b.0.c"})", R"("deep")"},
      {R"({"var":"list.1"})", R"("a")"},
      {R"({"var":"list.4"})", "null"},
      {R"({"var":"list.x"})", "null"},
      {R"({"var":"list.-1"})", "null"},
      {R"({"var":"name.length"})", "null"},
      {R"({"var":"missing"})", "null"},
      {R"({"var":["missing",7]})", "7"},
      {R"({"var":["null",7]})", "7"},
      {R"({"var":["empty",7]})", R"("")"},
      {R"({"var":["missing",{"var":"age"}]})", "18"},
      {R"({"var":{"cat":["na","me"]}})", R"("ann")"},
      {R"({"var":[{"cat":["mis","sing"]},5]})", "5"},
      {R"({"var":{"var":"yes"}})", "PARSE_ERROR"},
      {R"({"!!":{"var":""}})", "true"},
      {R"({"map":[{"var":"numbers"},{"var":""}]})", "[3,1,2]"},
      {R"({"map":[{"var":"numbers"},{"var":[]}]})", "[3,1,2]"},
      {R"({"map":[[[7,8]],{"var":1}]})", "[8]"},
      {R"({"var":"$flagd.flagKey"})", R"("the-flag")"},
      {R"({"var":"$flagd.timestamp"})", "1700000000"},
      {R"({"map":[[1],{"var":"$flagd.flagKey"}]})", "[null]"},
  });
}

TEST(Operators, missing_counts_null_and_not_the_empty_text) {
  expect({
      {R"({"missing":["name","empty","null","gone","object.a","object.x"]})",
       R"(["null","gone","object.x"])"},
      {R"({"missing":"gone"})", R"(["gone"])"},
      {R"({"missing":{"merge":[["gone"],"name"]}})", R"(["gone"])"},
      {R"({"missing":[["gone","name"]]})", R"(["gone"])"},
      {R"({"missing":[true]})", "PARSE_ERROR"},
      {R"({"missing_some":[1,["gone","name"]]})", "[]"},
      {R"({"missing_some":[2,["gone","name","null"]]})", R"(["gone","null"])"},
      {R"({"missing_some":["a",["name"]]})", "PARSE_ERROR"},
  });
}

TEST(Operators, conditions_are_lazy) {
  expect({
      {R"({"if":[true,1,{"foo":1}]})", "1"},
      {R"({"if":[false,{"foo":1},2]})", "2"},
      {R"({"if":[false,1,0,2,"",3,[],4,{"var":"none"},5,null,6]})", "null"},
      {R"({"if":[false,1,true,2,3]})", "2"},
      {R"({"if":[7]})", "7"},
      {R"({"if":[]})", "null"},
      {R"({"if":[true]})", "true"},
      {R"({"if":{"var":"list"}})", "PARSE_ERROR"},
      {R"({"?:":[true,1,2]})", "1"},
      {R"({"and":[1,"a",{"var":"zero"},{"foo":1}]})", "0"},
      {R"({"and":[1,"a"]})", R"("a")"},
      {R"({"or":[0,"",{"var":"name"},{"foo":1}]})", R"("ann")"},
      {R"({"or":[0,[]]})", "[]"},
      {R"({"and":[]})", "null"},
      {R"({"or":true})", "PARSE_ERROR"},
      {R"({"!":[0]})", "true"},
      {R"({"!":{"var":"nothing"}})", "true"},
      {R"({"!":[{"var":"none"}]})", "true"},
      {R"({"!!":["0"]})", "true"},
      {R"({"!!":{"var":"list"}})", "true"},
      {R"({"!":[]})", "true"},
  });
}

TEST(Operators, comparisons) {
  expect({
      {R"({"==":[1,1.0]})", "true"},
      {R"({"==":[{"var":"ten"},10]})", "true"},
      {R"({"==":[true,1]})", "true"},
      {R"({"==":["",0]})", "true"},
      {R"({"==":["abc",1]})", "false"},
      {R"({"!=":["abc",1]})", "true"},
      {R"({"==":["1e1","10"]})", "false"},
      {R"({"==":[null,null]})", "true"},
      {R"({"==":[{"var":"gone"},0]})", "false"},
      {R"({"==":[{"var":"list"},{"var":"list"}]})", "false"},
      {R"({"===":[1,1]})", "true"},
      {R"({"===":[1,"1"]})", "false"},
      {R"({"!==":[1,true]})", "true"},
      {R"({"===":[null,{"var":"gone"}]})", "true"},
      {R"({"<":[1,2]})", "true"},
      {R"({"<":["10","9"]})", "true"},
      {R"({"<":["10",9]})", "false"},
      {R"({"<":[{"var":"gone"},5]})", "true"},
      {R"({">=":["abc",1]})", "false"},
      {R"({"<":["abc",1]})", "false"},
      {R"({"<=":[5,5]})", "true"},
      {R"({">":["b","a"]})", "true"},
      {R"({">=":[2,3]})", "false"},
      {R"({"<":[1,{"var":"age"},20]})", "true"},
      {R"({"<":[1,1,2]})", "false"},
      {R"({"<=":[1,1,2]})", "true"},
      {R"({">":[3,2,1]})", "true"},
      {R"({">=":[3,3,4]})", "false"},
      {R"({"==":[1]})", "false"},
      {R"({"<":["1e-400",1]})", "true"},
      {R"({">":["-1e-400",-1]})", "true"},
      {R"({"<":[5,"1e999"]})", "true"},
      {R"({"<":["-1E+999",5]})", "true"},
      {R"({"<":["1e999x",5]})", "false"},
      {R"({">":["1e999x",5]})", "false"},
  });
  const auto is_less = [](std::size_t bytes) {
    return result_of(R"({"<":["1.)" + std::string(bytes - 2, '0') + "\",2]}");
  };
  EXPECT_EQ(is_less(read_number_bytes_max), "true");
  EXPECT_EQ(is_less(read_number_bytes_max + 1), "false");
}

TEST(Operators, arithmetic_wants_numbers) {
  expect({
      {R"({"+":[1,2.5,"3"]})", "6.5"},
      {R"({"+":[0.1,0.2]})", "0.30000000000000004"},
      {R"({"+":"5"})", "5"},
      {R"({"+":[" 5 "]})", "5"},
      {R"({"+":{"var":"numbers"}})", "6"},
      {R"({"+":[]})", "0"},
      {R"({"-":[5,2,1]})", "2"},
      {R"({"-":[5]})", "-5"},
      {R"({"*":[2,3,4]})", "24"},
      {R"({"*":[]})", "1"},
      {R"({"/":[1,4]})", "0.25"},
      {R"({"%":[-7,3]})", "-1"},
      {R"({"%":[5.5,2]})", "1.5"},
      {R"({"min":[3,1,"2"]})", "1"},
      {R"({"max":{"var":"numbers"}})", "3"},
      {R"({"max":[]})", "null"},
      {R"({"+":[1,null]})", "PARSE_ERROR"},
      {R"({"-":[1,true]})", "PARSE_ERROR"},
      {R"({"*":[1,"x"]})", "PARSE_ERROR"},
      {R"({"+":[1,""]})", "PARSE_ERROR"},
      {R"({"+":[1,"0x10"]})", "PARSE_ERROR"},
      {R"({"+":[1,"+-5"]})", "PARSE_ERROR"},
      {R"({"+":[1,"Infinity"]})", "PARSE_ERROR"},
      {R"({"max":[1,[2]]})", "PARSE_ERROR"},
      {R"({"min":[{"var":"object"}]})", "PARSE_ERROR"},
      {R"({"/":[1,0]})", "PARSE_ERROR"},
      {R"({"/":[0,0]})", "PARSE_ERROR"},
      {R"({"%":[1,0]})", "PARSE_ERROR"},
      {R"({"%":[1]})", "PARSE_ERROR"},
      {R"({"*":[1e308,10]})", "PARSE_ERROR"},
      {R"({"+":[1,"1e-400"]})", "1"},
      {R"({"+":["1e999"]})", "PARSE_ERROR"},
      {R"({"max":[1,"1e999"]})", "PARSE_ERROR"},
      {R"({"min":["-1e999",1]})", "PARSE_ERROR"},
      {R"({"min":[1,"1e999"]})", "1"},
  });
}

TEST(Operators, texts) {
  expect({
      {R"({"cat":["a",null,{"var":"gone"},true,false,1,0.5,1e21]})", R"("atruefalse10.51e+21")"},
      {R"({"cat":[" a ","b "]})", R"(" a b ")"},
      {R"({"cat":"a"})", R"("a")"},
      {R"({"cat":7})", R"("7")"},
      {R"({"cat":[]})", R"("")"},
      {R"({"cat":[{"var":"list"}]})", "PARSE_ERROR"},
      {R"({"cat":{"var":"numbers"}})", R"("312")"},
      {R"({"substr":["jsonlogic",4]})", R"("logic")"},
      {R"({"substr":["jsonlogic",-5]})", R"("logic")"},
      {R"({"substr":["jsonlogic",1,3]})", R"("son")"},
      {R"({"substr":["jsonlogic",4,-2]})", R"("log")"},
      {R"({"substr":["jsonlogic",-50,2]})", R"("js")"},
      {R"({"substr":["jsonlogic",50]})", R"("")"},
      {R"({"substr":["jsonlogic","x"]})", R"("jsonlogic")"},
      {R"({"substr":["jsonlogic",4,-9]})", R"("")"},
      {R"({"substr":["abc",-0.5]})", R"("abc")"},
      {R"({"substr":["abc",-1.5]})", R"("c")"},
      {R"({"substr":["abc",0.9]})", R"("abc")"},
      {R"({"substr":["abc",0,-0.5]})", R"("")"},
      {R"({"substr":["abc",0,-1.5]})", R"("ab")"},
      {R"({"substr":["abc",0,0.9]})", R"("")"},
      {R"({"substr":["abc",0,"1e999"]})", R"("abc")"},
      {R"({"substr":["abc","-1e999",2]})", R"("ab")"},
      {R"({"substr":[{"var":"text"},1,3]})", "\"\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80\""},
      {R"({"substr":[12345,1,2]})", R"("23")"},
      {R"({"substr":[true,1]})", "PARSE_ERROR"},
      {R"({"substr":["a",{"var":"gone"}]})", "PARSE_ERROR"},
      {R"({"substr":[{"var":"list"},1]})", "PARSE_ERROR"},
      {R"({"starts_with":[{"var":"name"},"an"]})", "true"},
      {R"({"starts_with":[{"var":"name"},"nn"]})", "false"},
      {R"({"ends_with":[{"var":"name"},"nn"]})", "true"},
      {R"({"ends_with":[{"var":"age"},"8"]})", "null"},
      {R"({"starts_with":["a"]})", "null"},
      {R"({"starts_with":["a","a","a"]})", "null"},
      {R"({"starts_with":"a"})", "null"},
      {R"({"in":["nn",{"var":"name"}]})", "true"},
      {R"({"in":["",{"var":"name"}]})", "true"},
      {R"({"in":[1,"a1"]})", "true"},
      {R"({"in":[{"var":"gone"},"null"]})", "false"},
      {R"({"in":["a",{"var":"list"}]})", "true"},
      {R"({"in":["1",{"var":"list"}]})", "false"},
      {R"({"in":[null,{"var":"list"}]})", "true"},
      {R"({"in":["a",{"var":"gone"}]})", "false"},
      {R"({"in":["a",5]})", "false"},
      {R"({"in":[{"var":"age"},[16,17,18]]})", "true"},
      {R"({"log":["x"]})", R"("x")"},
      {R"({"log":{"var":"age"}})", "18"},
  });
}

TEST(Operators, lists) {
  expect({
      {R"({"merge":[1,[2,[3]],{"var":"numbers"},null]})", "[1,2,[3],3,1,2,null]"},
      {R"({"merge":"a"})", R"(["a"])"},
      {R"({"map":[{"var":"items"},{"var":"p"}]})", "[5,7]"},
      {R"({"map":[{"var":"gone"},{"var":""}]})", "[]"},
      {R"({"map":[{"var":"name"},{"var":""}]})", "PARSE_ERROR"},
      {R"({"filter":[{"var":"object"},true]})", "PARSE_ERROR"},
      {R"({"filter":[{"var":"empty"},true]})", "[]"},
      {R"({"none":["text",true]})", "true"},
      {R"({"all":[{"var":"name"},true]})", "false"},
      {R"({"all":[{"var":"gone"},true]})", "false"},
      {R"({"none":[{"var":"name"},true]})", "PARSE_ERROR"},
      {R"({"none":[{"var":"gone"},true]})", "true"},
      {R"({"reduce":[{"var":"age"},{"var":"current"},3]})", "PARSE_ERROR"},
      {R"({"map":[[1,2],7]})", "[7,7]"},
      {R"({"filter":[{"var":"items"},{">":[{"var":"p"},5]}]})", R"([{"n":"y","p":7}])"},
      {R"({"filter":[[1,0,"",2],{"var":""}]})", "[1,2]"},
      {R"({"all":[{"var":"numbers"},{">":[{"var":""},0]}]})", "true"},
      {R"({"all":[{"var":"numbers"},{">":[{"var":""},1]}]})", "false"},
      {R"({"all":[{"var":"nothing"},true]})", "false"},
      {R"({"none":[{"var":"nothing"},true]})", "true"},
      {R"({"none":[{"var":"numbers"},{"==":[{"var":""},2]}]})", "false"},
      {R"({"some":[{"var":"nothing"},true]})", "false"},
      {R"({"some":[{"var":"numbers"},{"==":[{"var":""},2]}]})", "true"},
      {R"({"some":[{"var":"age"},true]})", "PARSE_ERROR"},
      {R"({"some":[{"var":"gone"},true]})", "false"},
      {R"({"some":[[1],{"var":"name"}]})", "false"},
      {R"({"reduce":[{"var":"numbers"},{"+":[{"var":"current"},{"var":"accumulator"}]},10]})", "16"},
      {R"({"reduce":[{"var":"gone"},{"var":"current"},10]})", "10"},
      {R"({"reduce":[{"var":"items"},{"max":[{"var":"current.p"},{"var":"accumulator"}]},{"var":"zero"}]})",
       "7"},
      {R"({"reduce":[{"var":"items"},{"var":"age"},0]})", "null"},
      {R"({"reduce":[[1,2],{"merge":[{"var":""}]},0]})",
       R"([{"accumulator":[{"accumulator":0,"current":1}],"current":2}])"},
      {R"({"filter":{"var":"list"}})", "PARSE_ERROR"},
      {R"([1,{"var":"age"}])", "[1,18]"},
  });
}

TEST(Operators, what_is_not_known_fails_where_it_is_reached) {
  expect({
      {R"({"foo":1})", "PARSE_ERROR"},
      {R"({"or":[true,{"foo":1}]})", "true"},
      {R"({"and":[true,{"foo":1}]})", "PARSE_ERROR"},
      {R"({"$ref":"gone"})", "PARSE_ERROR"},
      {R"({"if":[false,{"$ref":"gone"},1]})", "1"},
      {R"({"$ref":5})", "PARSE_ERROR"},
      {R"({"!!":[{"a":1,"b":2}]})", "true"},
      {R"({"!!":[{}]})", "false"},
  });
}

TEST(Operators, a_reference_is_the_segments_rule_in_its_place) {
  const std::vector<SegmentRef> segments = {segment_of("adult", R"({">=":[{"var":"age"},18]})"),
                                            segment_of("big", R"({">":[{"var":""},1]})")};
  EXPECT_EQ(result_of(R"({"if":[{"$ref":"adult"},"a","b"]})", context, segments), R"("a")");
  EXPECT_EQ(result_of(R"({"filter":[{"var":"numbers"},{"$ref":"big"}]})", context, segments), "[3,2]");
}

TEST(Operators, sem_ver) {
  expect({
      {R"({"sem_ver":[{"var":"version"},"=","1.2.3"]})", "true"},
      {R"({"sem_ver":[{"var":"version"},">=",{"cat":["1.2"]}]})", "true"},
      {R"({"sem_ver":["1.2","=","1.2.0"]})", "true"},
      {R"({"sem_ver":["V2","=","2.0.0"]})", "true"},
      {R"({"sem_ver":[2,"=","2.0.0"]})", "true"},
      {R"({"sem_ver":["1.2.3","!=","1.2.3+build"]})", "false"},
      {R"({"sem_ver":["1.2.3-rc.1","<","1.2.3"]})", "true"},
      {R"({"sem_ver":["1.2.3-9","<","1.2.3-10"]})", "true"},
      {R"({"sem_ver":["1.2.3-alpha","<","1.2.3-alpha.1"]})", "true"},
      {R"({"sem_ver":["1.2.3-1","<","1.2.3-a"]})", "true"},
      {R"({"sem_ver":["10.0.0",">","9.0.0"]})", "true"},
      {R"({"sem_ver":["99999999999999999999.0.0","<=","100000000000000000000.0.0"]})", "true"},
      {R"({"sem_ver":["1.9.0","^","1.2.3"]})", "true"},
      {R"({"sem_ver":["2.0.0","^","1.2.3"]})", "false"},
      {R"({"sem_ver":["1.2.9","~","1.2.3"]})", "true"},
      {R"({"sem_ver":["1.3.0","~","1.2.3"]})", "false"},
      {R"({"sem_ver":["1.2.3.4","=","1.2.3"]})", "null"},
      {R"({"sem_ver":["01.2.3","=","1.2.3"]})", "null"},
      {R"({"sem_ver":["1.2-rc","=","1.2.3"]})", "null"},
      {R"({"sem_ver":["1.2.3-","=","1.2.3"]})", "null"},
      {R"({"sem_ver":["1.2.3+","=","1.2.3"]})", "null"},
      {R"({"sem_ver":["1.2.3-01","=","1.2.3"]})", "null"},
      {R"({"sem_ver":["1.","=","1.0.0"]})", "null"},
      {R"({"sem_ver":["","=","1.0.0"]})", "null"},
      {R"({"sem_ver":[{"var":"gone"},"=","1.0.0"]})", "null"},
      {R"({"sem_ver":["1.0.0","==","1.0.0"]})", "null"},
      {R"({"sem_ver":["1.0.0","="]})", "null"},
      {R"({"sem_ver":["1.0.0","=","1.0.0","x"]})", "null"},
  });
  const auto with_build = [](std::size_t bytes) {
    const std::string version = "1.2.3+" + std::string(bytes - 6, 'a');
    return result_of(R"({"sem_ver":[")" + version + R"(","=","1.2.3"]})") + " " +
           result_of(R"({"sem_ver":["1.2.3","=",")" + version + "\"]}");
  };
  EXPECT_EQ(with_build(version_bytes_max), "true true");
  EXPECT_EQ(with_build(version_bytes_max + 1), "null null");
}

TEST(Operators, fractional_gives_null_for_bad_input) {
  expect({
      {R"({"fractional":["key",["a",0],["b",1]]})", R"("b")"},
      {R"({"fractional":["key",["a",-5],["b",1]]})", R"("b")"},
      {R"({"fractional":["key",[true,1]]})", "true"},
      {R"({"fractional":["key",[7]]})", "7"},
      {R"({"fractional":["key",[null]]})", "null"},
      {R"({"fractional":["key",["a",{"-":[1,5]}],[{"cat":["b","c"]},{"var":"age"}]]})", R"("bc")"},
      {R"({"fractional":["key",["a",0],["b",{"var":"age"}]]})", R"("b")"},
      {R"({"fractional":["key",["a",0]]})", "null"},
      {R"({"fractional":["key",["a",1.5],["b",1]]})", "null"},
      {R"({"fractional":["key",["a","1"]]})", "null"},
      {R"({"fractional":["key",["a",null]]})", "null"},
      {R"({"fractional":["key",["a",{"var":"gone"}],["b",1]]})", "null"},
      {R"({"fractional":["key",["a",2147483647]]})", R"("a")"},
      {R"({"fractional":["key",["a",2147483647],["b",1]]})", "null"},
      {R"({"fractional":["key",["a",2147483648]]})", "null"},
      {R"({"fractional":["key",[["a"],1]]})", "null"},
      {R"({"fractional":["key",[]]})", "null"},
      {R"({"fractional":["key","a"]})", "null"},
      {R"({"fractional":["key"]})", "null"},
      {R"({"fractional":[]})", "null"},
      {R"({"fractional":"key"})", "null"},
      {R"({"fractional":[{"var":"age"},["a",1]]})", "null"},
      {R"({"fractional":[{"foo":1},["a",1]]})", "PARSE_ERROR"},
      {R"({"fractional":[["a",{"foo":1}]]})", "PARSE_ERROR"},
  });
  EXPECT_EQ(result_of(R"({"fractional":[["a",1]]})", "{}"), "null");  // nothing to hash
}

TEST(Operators, fractional_falls_back_to_flag_and_targeting_key) {
  const std::string buckets = R"(["a",1],["b",1],["c",1],["d",1],["e",1],["f",1],["g",1])";
  const std::string by_key = result_of(R"({"fractional":["the-flaguser-4",)" + buckets + "]}", context);
  EXPECT_EQ(result_of("{\"fractional\":[" + buckets + "]}", context), by_key);
  EXPECT_EQ(result_of(R"({"fractional":[{"var":"gone"},)" + buckets + "]}", context), by_key);
  EXPECT_EQ(result_of(R"({"fractional":[null,)" + buckets + "]}", context), by_key);
  EXPECT_NE(result_of(R"({"fractional":[{"var":"empty"},)" + buckets + "]}", context), by_key);
  // The same through a list that is not known before.
  EXPECT_EQ(result_of(R"({"fractional":{"merge":[[)" + buckets + "]]}}", context), by_key);
}

TEST(Fractional, hashes_bytes_as_murmur3_does) {
  // From the reference implementation, MurmurHash3_x86_32 with seed 0.
  const std::vector<std::pair<std::string, std::uint32_t>> table = {
      {"", 0},
      {"a", 0x3c2569b2},
      {"aa", 0x371091a9},
      {"aaa", 0xb4d05fb7},
      {"aaaa", 0x7eeed987},
      {"Hello, world!", 0xc0363e43},
      {"The quick brown fox jumps over the lazy dog", 0x2e4ff723},
  };
  for (const auto& [text, hash] : table) {
    EXPECT_EQ(murmur3(text), hash) << text;
    EXPECT_EQ(murmur3(text.substr(0, text.size() / 3), text.substr(text.size() / 3)), hash) << text;
  }
  EXPECT_EQ(place_of(0xffffffff, total_weight_max), total_weight_max - 1);
}

}  // namespace
}  // namespace corohub::flags
