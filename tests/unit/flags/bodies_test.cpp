// What the bodies of management may say.
#include "flags/bodies.hpp"

#include "room.hpp"

#include <gmock/gmock.h>

namespace corohub::flags::test {
namespace {

using testing::UnorderedElementsAreArray;
using Texts = std::vector<std::string>;

struct Case {
  std::string body;
  Texts complaints;
};

TEST(Bodies, of_namespaces) {
  const std::string long_name(129, 'a');
  for (const Case& one : std::vector<Case>{
           {R"({"key":"a"})", {}},
           {R"({"key":"a.B-c_1","name":"x","tenant_id":"t","app_id":"p q","access":"clients","x-note":1})",
            {}},
           {R"({})", {"required /key"}},
           {R"({"key":"-a"})", {"invalid_format /key"}},
           {R"({"key":")" + long_name + R"("})", {"too_long /key"}},
           {R"({"key":"a","access":"all"})", {"unknown_value /access"}},
           {R"({"key":"a","tenant_id":"a#b","app_id":"ä"})",
            {"invalid_format /tenant_id", "invalid_format /app_id"}},
           {R"({"key":"a","app_id":")" + long_name + R"("})", {"too_long /app_id"}},
           {R"({"key":"a","nmae":"x"})", {"unknown_member /nmae"}}})
    EXPECT_THAT(complaints(read_new_namespace(object_of(one.body))),
                UnorderedElementsAreArray(one.complaints))
        << one.body;
}

TEST(Bodies, of_new_flags) {
  const std::string variants = R"("variants":{"on":true,"off":false})";
  for (const Case& one :
       std::vector<Case>{{R"({"key":"a:b@c",)" + variants + "}", {}},
                         {R"({"key":"a","type":"boolean","parent":null,)" + variants + "}", {}},
                         {R"({"key":"a"})", {"required /variants"}},
                         {R"({"key":"a","type":"string",)" + variants + "}", {"type_fixed /type"}},
                         {R"({"key":"a","variants":{"on":true,"off":1}})", {"mixed_types /variants/off"}},
                         {R"({"key":"a/b","tags":["x",1],)" + variants + "}",
                          {"invalid_format /key", "invalid_type /tags"}},
                         {R"({"key":"a","enabled":true,)" + variants + "}", {"unknown_member /enabled"}},
                         {R"({"key":"a","package_gated":1,"client_visible":"x",)" + variants + "}",
                          {"invalid_type /package_gated", "invalid_type /client_visible"}}}) {
    Reading reading;
    EXPECT_THAT(complaints(read_new_flag(object_of(one.body), reading)),
                UnorderedElementsAreArray(one.complaints))
        << one.body;
  }
}

TEST(Bodies, a_boolean_flag_has_its_only_false_variant_for_closed_gates) {
  const auto off_of = [](const std::string& rest) {
    Reading reading;
    return read_new_flag(object_of(R"({"key":"a",)" + rest + "}"), reading)->identity.off_variant;
  };
  EXPECT_EQ(off_of(R"("variants":{"on":true,"off":false})"), "off");
  EXPECT_EQ(off_of(R"("variants":{"on":true,"off":false},"off_variant":null)"), std::nullopt);
  EXPECT_EQ(off_of(R"("variants":{"on":true,"off":false},"off_variant":"on")"), "on");
  EXPECT_EQ(off_of(R"("variants":{"no":false,"off":false})"), std::nullopt);
  EXPECT_EQ(off_of(R"("variants":{"a":"x"})"), std::nullopt);
}

TEST(Bodies, patches_keep_what_they_do_not_say) {
  FlagIdentity base = identity_of("a", "p");
  base.tags = {"x"};
  base.off_variant = "off";
  const FlagIdentity renamed = patch_identity(base, object_of(R"({"name":"New"})")).value();
  EXPECT_EQ(renamed.name, "New");
  EXPECT_EQ(renamed.parent, "p");
  EXPECT_EQ(renamed.tags, base.tags);
  const FlagIdentity freed =
      patch_identity(base, object_of(R"({"parent":null,"off_variant":null,"tags":[]})")).value();
  EXPECT_EQ(freed.parent, std::nullopt);
  EXPECT_EQ(freed.off_variant, std::nullopt);
  EXPECT_TRUE(freed.tags.empty());
  EXPECT_EQ(patch_identity(base, object_of(R"({"version":4,"sub_features":[]})")).error().code,
            ErrorCode::field_not_allowed);
  EXPECT_EQ(complaints(patch_identity(base, object_of(R"({"type":"string"})"))), Texts{"type_fixed /type"});
  EXPECT_EQ(complaints(patch_identity(base, object_of(R"({"colour":1})"), "/x")),
            Texts{"unknown_member /x/colour"});
}

TEST(Bodies, complaints_are_bounded_and_point_at_their_place) {
  json::object strange{{"key", "a"}};
  for (int i = 0; i < 5'000; ++i) strange["m" + std::to_string(i)] = i;
  EXPECT_EQ(complaints(read_new_namespace(strange)).size(), complaints_max);
  EXPECT_EQ(complaints(read_new_environment(object_of(R"({"key":"a","metadata":{"x":1,"a":[]}})"))),
            Texts{"invalid_type /metadata/a"});
  json::array tags;
  for (int i = 0; i < 21; ++i) tags.emplace_back("same");
  EXPECT_EQ(complaints(patch_identity(identity_of("a"), {{"tags", tags}})), Texts{"out_of_range /tags"})
      << "counted before they are compared";
}

TEST(Bodies, a_patch_of_a_definition_replaces_variants_and_targeting_as_a_whole) {
  const DefinitionRef base =
      definition_of(R"({"state":"ENABLED","variants":{"on":true,"off":false},"defaultVariant":"on",)"
                    R"("targeting":{"if":[true,"on","off"]},"metadata":{"a":1,"b":2}})");
  const auto patched = [&](const char* patch) {
    Reading reading;
    return json_text(patch_definition(*base, object_of(patch), reading).value()->document);
  };
  EXPECT_EQ(
      patched(R"({"variants":{"on":true,"no":false},"targeting":null,"metadata":{"a":null,"c":3}})"),
      R"({"state":"ENABLED","variants":{"on":true,"no":false},"defaultVariant":"on","metadata":{"b":2,"c":3}})");
  EXPECT_EQ(patched(R"({"targeting":{"==":[1,1]}})"),
            R"({"state":"ENABLED","variants":{"on":true,"off":false},"defaultVariant":"on",)"
            R"("targeting":{"==":[1,1]},"metadata":{"a":1,"b":2}})");
  Reading reading;
  EXPECT_EQ(complaints(patch_definition(*base, object_of(R"({"colour":null})"), reading)),
            Texts{"unknown_member /colour"});
  EXPECT_EQ(patch_definition(*base, object_of(R"({"enabled":true})"), reading).error().code,
            ErrorCode::field_not_allowed);
  EXPECT_EQ(json_text(base->document), json_text(with_state(base, State::enabled)->document));
  EXPECT_EQ(with_state(base, State::disabled)->document.at("state"), "DISABLED");
}

}  // namespace
}  // namespace corohub::flags::test
