// Which flags a change of an environment touches.
#include "flags/evaluation/touched.hpp"

#include "support.hpp"

#include <memory>
#include <string>
#include <vector>

#include <gmock/gmock.h>

namespace corohub::flags {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

const std::string plain = R"({"state":"ENABLED","variants":{"a":1},"defaultVariant":"a"})";
const std::string by_segment =
    R"({"state":"ENABLED","variants":{"a":1},"defaultVariant":"a","targeting":{"$ref":"staff"}})";

using Parts = std::vector<test::FlagParts>;

const SegmentRef staff = test::segment_of("staff", R"({"==":[1,1]})");

// Flags share their definitions, as in states of one namespace, unless `fresh` names them.
std::unique_ptr<const Environment> make(const Parts& parts, const std::string& fresh = {},
                                        SegmentRef segment = staff, const std::string& metadata = "{}") {
  static const DefinitionRef shared_plain = test::definition_of(plain);
  static const DefinitionRef shared_segment = test::definition_of(by_segment);
  EnvironmentParts own;
  own.segments = {std::move(segment)};
  own.metadata = parse_json(metadata).value().as_object();
  std::vector<Flag> flags;
  for (const test::FlagParts& one : parts) {
    Flag flag = test::flag_of(one);
    if (one.key != fresh) flag.definition = one.definition == plain ? shared_plain : shared_segment;
    flags.push_back(std::move(flag));
  }
  return std::make_unique<Environment>(std::move(own), std::move(flags), std::vector<PlatformRef>());
}

std::vector<std::string> keys(const Environment& before, const Environment& after, bool all = false) {
  std::vector<std::string> found;
  for (const TouchedFlag& one : touched_flags(before, after, all).flags) {
    const bool gone = one.after == Flag::none;
    found.push_back((gone ? "-" : "") + (gone ? before.flags()[one.before] : after.flags()[one.after]).key());
  }
  return found;
}

const Parts house = {{.key = "b", .definition = plain},
                     {.key = "c", .definition = plain, .parent = "b"},
                     {.key = "d", .definition = plain, .parent = "c"},
                     {.key = "e", .definition = by_segment},
                     {.key = "f", .definition = plain}};

TEST(TouchedFlags, a_flag_is_touched_with_its_definition_its_ancestors_and_its_segments) {
  const auto before = make(house);
  EXPECT_THAT(keys(*before, *make(house)), IsEmpty());
  EXPECT_THAT(keys(*before, *make(house, "f")), ElementsAre("f"));
  EXPECT_THAT(keys(*before, *make(house, "b")), ElementsAre("b", "c", "d"));
  EXPECT_THAT(keys(*before, *make(house, {}, test::segment_of("staff", R"({"==":[1,2]})"))),
              ElementsAre("e"));
  EXPECT_THAT(keys(*before, *make(house, {}, test::segment_of("staff", R"({"==":[1,1]})"))), IsEmpty());
  EXPECT_THAT(keys(*before, *make(house, {}, staff, R"({"a":1})")), ElementsAre("b", "c", "d", "e", "f"));
  EXPECT_THAT(keys(*before, *before, true), ElementsAre("b", "c", "d", "e", "f"));
}

TEST(TouchedFlags, identities_count_as_far_as_evaluations_read_them) {
  const auto before = make(house);
  Parts other = house;
  other[4].package_gated = true;
  EXPECT_THAT(keys(*before, *make(other)), ElementsAre("f"));
  other = house;
  other[0].client_visible = false;
  EXPECT_THAT(keys(*before, *make(other)), ElementsAre("b", "c", "d"));
  other = house;
  other[2].parent.reset();
  EXPECT_THAT(keys(*before, *make(other)), ElementsAre("d"));
}

TEST(TouchedFlags, flags_that_come_and_go_move_the_others) {
  Parts other = house;
  other.insert(other.begin(), {.key = "a", .definition = plain});
  other.pop_back();
  const auto before = make(house);
  const auto after = make(other);
  EXPECT_THAT(keys(*before, *after), ElementsAre("a", "-f"));
  EXPECT_THAT(touched_flags(*before, *after).moved, ElementsAre(Flag::none, 0, 1, 2, 3));
  EXPECT_THAT(touched_flags(*before, *make(house, "f")).moved, IsEmpty());
}

}  // namespace
}  // namespace corohub::flags
