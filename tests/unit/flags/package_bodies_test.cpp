// Bodies of platforms and packages: what is taken, what is refused, and where the complaint points.
#include "flags/package_bodies.hpp"

#include "room.hpp"

#include <gmock/gmock.h>

namespace corohub::flags::test {
namespace {

using testing::UnorderedElementsAreArray;
using Texts = std::vector<std::string>;

struct BadBody {
  std::string body;
  Texts complaints;
};

// Of bep, with the flags a and b.
NamespaceRef some_namespace() {
  Room room;
  EXPECT_TRUE(room.make("bep"));
  return room
      .change("bep",
              [](NamespaceEdit& of) {
                for (const char* key : {"a", "b"}) {
                  of.put_identity(identity_of(key));
                  of.put_definition("default", key, boolean_flag(true));
                }
              })
      .value();
}

TEST(PackageBodies, platforms_are_refused_with_all_that_is_wrong) {
  const std::string large(platform_config_bytes_max, 'x');
  for (const BadBody& one : std::initializer_list<BadBody>{
           {"{}", {"required /key"}},
           {R"({"key":"-a"})", {"invalid_format /key"}},
           {R"({"key":"a","id":1,"colour":2})", {"unknown_member /id", "unknown_member /colour"}},
           {R"({"key":"a","enabled":1,"config":[],"name":""})",
            {"invalid_type /enabled", "invalid_type /config", "too_short /name"}},
           {R"({"key":"a","config":{"x":")" + large + R"("}})", {"out_of_range /config"}}})
    EXPECT_THAT(complaints(read_new_platform(object_of(one.body))), UnorderedElementsAreArray(one.complaints))
        << one.body.substr(0, 80);
  const Platform base = read_new_platform(object_of(R"({"key":"a"})")).value();
  EXPECT_EQ(complaints(patch_platform(base, object_of(R"({"x":1})"))), Texts{"unknown_member /x"});
  EXPECT_EQ(read_platform(base, object_of(R"({"key":"b"})")).error().code, ErrorCode::field_not_allowed);
}

TEST(PackageBodies, packages_are_refused_with_all_that_is_wrong) {
  const NamespaceRef bep = some_namespace();
  std::string many;
  for (int i = 0; i <= 20; ++i) many += (i == 0 ? "\"l" : ",\"l") + std::to_string(i) + "\":1";
  const std::string large(limits_bytes_max, 'x');
  for (
      const BadBody& one : std::initializer_list<BadBody>{
          {"{}", {"required /key"}},
          {R"({"key":"k","price":"9","currency":"","billing_period":"daily","available":null})",
           {"invalid_type /price", "too_short /currency", "unknown_value /billing_period",
            "invalid_type /available"}},
          {R"({"key":"k","price":-1,"description":3,"version":1})",
           {"out_of_range /price", "invalid_type /description", "unknown_member /version"}},
          {R"({"key":"k","features":{}})", {"invalid_type /features"}},
          {R"({"key":"k","features":[1,{},{"flag":"x"},{"flag":"a","limit":{}}]})",
           {"invalid_type /features/0", "required /features/1/flag", "unknown_flag /features/2/flag",
            "unknown_member /features/3/limit"}},
          {R"({"key":"k","features":[{"flag":"a"},{"flag":"a"}]})", {"duplicate /features/1/flag"}},
          {R"({"key":"k","features":[{"flag":"a","limits":{"x":null,"y":[],"":1}},{"flag":"b","limits":[]}]})",
           {"invalid_type /features/0/limits/x", "invalid_type /features/0/limits/y",
            "too_short /features/0/limits/", "invalid_type /features/1/limits"}},
          {R"({"key":"k","features":[{"flag":"a","limits":{)" + many + "}}]}",
           {"out_of_range /features/0/limits"}},
          {R"({"key":"k","features":[{"flag":"a","limits":{"x":")" + large + R"("}}]})",
           {"out_of_range /features/0/limits"}}})
    EXPECT_THAT(complaints(read_new_package(*bep, object_of(one.body))),
                UnorderedElementsAreArray(one.complaints))
        << one.body.substr(0, 80);
  EXPECT_EQ(complaints(read_limits(object_of(R"({"limits":{"x":{}},"flag":"a"})"))),
            (Texts{"unknown_member /flag", "invalid_type /limits/x"}));
}

TEST(PackageBodies, a_replacement_is_whole_and_a_patch_keeps_what_it_does_not_say) {
  const NamespaceRef bep = some_namespace();
  Package base = read_new_package(*bep, object_of(R"({"key":"k","name":"K","description":"d","price":9.5,
      "currency":"EUR","billing_period":"once","available":false,
      "features":[{"flag":"b","limits":{"seats":5,"tier":"gold","sso":true}},{"flag":"a"}]})"))
                     .value();
  EXPECT_EQ(json_text(to_json(*bep, base).at("features")),
            R"([{"flag":"a","limits":{}},{"flag":"b","limits":{"seats":5,"tier":"gold","sso":true}}])");
  const Package whole = read_package(*bep, base, object_of(R"({"price":3})")).value();
  EXPECT_EQ(read_package(*bep, base, object_of(R"({"created_at":""})")).error().code,
            ErrorCode::field_not_allowed);
  EXPECT_EQ(whole.name, "k");
  EXPECT_EQ(whole.price, 3.0);
  EXPECT_EQ(whole.currency, std::nullopt);
  EXPECT_EQ(whole.billing_period, std::nullopt);
  EXPECT_TRUE(whole.available);
  EXPECT_TRUE(whole.features.empty());

  const Package patched =
      patch_package(*bep, base, object_of(R"({"price":null,"features":[{"flag":"a","limits":{"n":1}}]})"))
          .value();
  EXPECT_EQ(patched.name, "K");
  EXPECT_EQ(patched.price, std::nullopt);
  EXPECT_EQ(patched.billing_period, BillingPeriod::once);
  EXPECT_EQ(json_text(to_json(*bep, patched).at("features")), R"([{"flag":"a","limits":{"n":1}}])");
  EXPECT_EQ(patch_package(*bep, base, object_of(R"({"name":"L"})")).value().features, base.features);

  Platform platform = read_new_platform(object_of(R"({"key":"p","config":{"a":1,"b":2}})")).value();
  EXPECT_EQ(patch_platform(platform, object_of(R"({"config":{"a":null,"c":3}})")).value().config,
            R"({"b":2,"c":3})");
  EXPECT_EQ(read_platform(platform, object_of("{}")).value().config, "{}");
}

}  // namespace
}  // namespace corohub::flags::test
