#include "server/settings.hpp"

#include <gmock/gmock.h>

namespace corohub::server {
namespace {

using hub::PresenceMode;
using hub::TopicRule;
using testing::HasSubstr;

ConfigSources file(std::string text) {
  ConfigSources sources;
  sources.file_name = "corohub.toml";
  sources.file_text = std::move(text);
  return sources;
}

std::string refusal(const std::string& text) {
  try {
    load_settings(file(text));
  } catch (const ConfigError& error) {
    return error.what();
  }
  return "";
}

TEST(TopicTables, configured_rules_come_before_the_built_in_ones) {
  const std::vector<TopicRule> rules = load_settings(file(R"(
[[topic]]
pattern = "rooms/vip"
subscribe = "superadmin"
publish = ["user", "superadmin"]
history_count = 50
history_age_s = 3600
presence = "count"
typing = true
max_bytes = 100000
[[topic]]
pattern = "news/**"
)"))
                                           .topics;
  ASSERT_EQ(rules.size(), 5U);
  EXPECT_EQ(rules[0].pattern, "rooms/vip");
  EXPECT_EQ(rules[0].subscribers, hub::role_bit(Role::superadmin));
  EXPECT_EQ(rules[0].publishers, hub::role_bit(Role::user) | hub::role_bit(Role::superadmin));
  EXPECT_EQ(rules[0].history_count, 50U);
  EXPECT_EQ(rules[0].history_age.count(), 3600);
  EXPECT_EQ(rules[0].presence, PresenceMode::count);
  EXPECT_TRUE(rules[0].typing);
  EXPECT_EQ(rules[0].bytes_max, 100'000U);

  const TopicRule& plain = rules[1];
  EXPECT_EQ(plain.subscribers, hub::Audience::everyone_bits);
  EXPECT_EQ(plain.publishers, hub::Audience::admin_bits);
  EXPECT_EQ(plain.history_count, 0U);
  EXPECT_EQ(plain.history_age.count(), 0);
  EXPECT_EQ(plain.presence, PresenceMode::off);
  EXPECT_FALSE(plain.typing);
  EXPECT_EQ(plain.bytes_max, 0U);

  EXPECT_EQ(rules[2].pattern, "rooms/*");
  EXPECT_EQ(rules[4].pattern, "admin/**");
}

TEST(TopicTables, a_rule_with_a_built_in_pattern_replaces_it) {
  const std::vector<TopicRule> rules =
      load_settings(file("[[topic]]\npattern = \"rooms/*\"\nsubscribe = \"nobody\"\npublish = \"all\"\n"))
          .topics;
  ASSERT_EQ(rules.size(), 3U);
  EXPECT_EQ(rules[0].subscribers, 0);
  EXPECT_EQ(rules[0].publishers, hub::Audience::everyone_bits);
  EXPECT_EQ(rules[1].pattern, "public/*");
}

TEST(TopicTables, shown_they_can_be_loaded_again) {
  const std::string all = to_toml(load_settings(file(R"(
topic = [
  { pattern = "a/*", subscribe = ["admin"], publish = "nobody", presence = "list" },
  { pattern = "b", subscribe = ["user", "admin"], publish = [], history_count = 7, typing = true },
]
)")),
                                  false);
  EXPECT_THAT(all,
              HasSubstr("[[topic]]\npattern = \"a/*\"\nsubscribe = [\"admin\"]\npublish = \"nobody\"\n"));
  EXPECT_EQ(to_toml(load_settings(file(all)), false), all);
}

TEST(TopicTables, R23_a_rule_that_could_never_match_is_refused) {
  const auto rules = [](const char* first, const char* second) {
    return std::string("[[topic]]\npattern = \"") + first + "\"\n[[topic]]\npattern = \"" + second + "\"\n";
  };
  for (const auto& [wide, narrow] : std::vector<std::pair<const char*, const char*>>{
           {"**", "a"}, {"a/**", "a/b/c"}, {"a/**", "a/*"}, {"*/b", "a/b"}, {"*/*", "*/b"}}) {
    EXPECT_THAT(refusal(rules(wide, narrow)), HasSubstr("comes first and matches all"))
        << wide << ' ' << narrow;
  }
  for (const auto& [first, second] : std::vector<std::pair<const char*, const char*>>{{"a", "**"},
                                                                                      {"a/b/c", "a/**"},
                                                                                      {"a/**", "a"},
                                                                                      {"a/*", "a/**"},
                                                                                      {"a/*", "a/b/c"},
                                                                                      {"a/b", "*/b"},
                                                                                      {"*/b", "a/c"}})
    EXPECT_EQ(refusal(rules(first, second)), "") << first << ' ' << second;
  EXPECT_THAT(refusal("[[topic]]\npattern = \"a\"\nhistory_age_s = 5\n"), HasSubstr("keeps nothing"));
}

TEST(TopicTables, built_in_rules_behind_a_wider_one_are_left_out) {
  const Settings settings = load_settings(file("[[topic]]\npattern = \"rooms/**\"\n"));
  EXPECT_EQ(settings.topics.size(), 3U);
  EXPECT_EQ(to_toml(load_settings(file(to_toml(settings, false))), false), to_toml(settings, false));
}

TEST(TopicTables, mistakes_are_refused_in_one_line_that_names_table_and_key) {
  const std::string first = "[[topic]]\npattern = \"ok/*\"\n";
  const std::vector<std::pair<std::string, std::string>> cases{
      {"[[topic]]\nsubscribe = \"user\"\n", "[[topic]] 2: pattern is missing"},
      {"[[topic]]\npattern = 1\n", "[[topic]] 2: pattern must be a text"},
      {"[[topic]]\npattern = \"a//b\"\n", "[[topic]] 2: pattern \"a//b\" must be segments"},
      {"[[topic]]\npattern = \"a/**/b\"\n", "must be segments"},
      {"[[topic]]\npattern = \"\"\n", "must be segments"},
      {"[[topic]]\npattern = \"user/**\"\n", "\"user/**\" matches only topics that are reserved"},
      {"[[topic]]\npattern = \"flags\"\n", "reserved"},
      {"[[topic]]\npattern = \"ok/*\"\n", "[[topic]] 2 (ok/*): [[topic]] 1 has this pattern already"},
      {"[[topic]]\npattern = \"a\"\nsubcribe = \"user\"\n",
       "[[topic]] 2 (a): unknown key subcribe (did you mean subscribe?)"},
      {"[[topic]]\npattern = \"a\"\nsubscribe = \"admins\"\n", "subscribe must be one of user, all, admin"},
      {"[[topic]]\npattern = \"a\"\nsubscribe = \"admins\"\n", "did you mean admin?"},
      {"[[topic]]\npattern = \"a\"\npublish = 1\n", "publish must be a text or a list of roles"},
      {"[[topic]]\npattern = \"a\"\npublish = [\"nobody\"]\n", "publish must be one of user, admin"},
      {"[[topic]]\npattern = \"a\"\npublish = [1]\n", "publish must be a list of roles"},
      {"[[topic]]\npattern = \"a\"\nhistory_count = -1\n", "history_count must be an integer from 0"},
      {"[[topic]]\npattern = \"a\"\nhistory_age_s = \"1\"\n", "history_age_s must be an integer"},
      {"[[topic]]\npattern = \"a\"\npresence = \"lists\"\n", "did you mean list?"},
      {"[[topic]]\npattern = \"a\"\npresence = true\n", "presence must be one of off, count, list"},
      {"[[topic]]\npattern = \"a\"\ntyping = \"yes\"\n", "typing must be true or false"},
      {"[[topic]]\npattern = \"a\"\nmax_bytes = 3407873\n", "max_bytes must be an integer from 0 to 3407872"},
  };
  for (const auto& [text, expected] : cases) {
    const std::string why = refusal(first + text);
    EXPECT_THAT(why, HasSubstr("corohub.toml: ")) << text;
    EXPECT_THAT(why, HasSubstr(expected)) << text;
    EXPECT_EQ(why.find('\n'), std::string::npos) << why;
  }
  EXPECT_THAT(refusal("[topic]\npattern = \"a\"\n"), HasSubstr("must be written as [[topic]] tables"));
  EXPECT_THAT(refusal("topic = 1\n"), HasSubstr("must be written as [[topic]] tables"));
  EXPECT_THAT(refusal("[[topics]]\npattern = \"a\"\n"), HasSubstr("did you mean topic?"));
}

}  // namespace
}  // namespace corohub::server
