#include "hub/topic_rules.hpp"

#include <gmock/gmock.h>

namespace corohub::hub {
namespace {

TEST(TopicRules, a_topic_is_segments_of_plain_characters) {
  for (const char* good : {"rooms/one", "a", "A-z_0.9:x/...", "a/b/c/d"}) EXPECT_TRUE(is_topic(good)) << good;
  for (const char* bad :
       {"", "/", "a/", "/a", "a//b", ".", "..", "a/../b", "a/.", "a b", "rooms/*", "ä", "a\nb"})
    EXPECT_FALSE(is_topic(bad)) << bad;
  EXPECT_TRUE(is_topic("editing/flags/bep/new:feature@2")) << "as keys of flags are";
  for (const char* bad : {"a@b", "flags/be@p", "editing/flag@s", "editing/flags/bep/a b"})
    EXPECT_FALSE(is_topic(bad)) << bad;
  EXPECT_TRUE(is_topic(std::string(255, 'a')));
  EXPECT_FALSE(is_topic(std::string(256, 'a')));
}

TEST(TopicRules, patterns_match_segment_by_segment) {
  EXPECT_TRUE(matches_topic("rooms/*", "rooms/one"));
  EXPECT_FALSE(matches_topic("rooms/*", "rooms"));
  EXPECT_FALSE(matches_topic("rooms/*", "rooms/one/two"));
  EXPECT_TRUE(matches_topic("*/x", "a/x"));
  EXPECT_TRUE(matches_topic("admin/**", "admin/a"));
  EXPECT_TRUE(matches_topic("admin/**", "admin/a/b/c"));
  EXPECT_FALSE(matches_topic("admin/**", "admin"));
  EXPECT_TRUE(matches_topic("**", "anything/at/all"));
  EXPECT_TRUE(matches_topic("a/b", "a/b"));
  EXPECT_FALSE(matches_topic("a/b", "a/bc"));
}

TEST(TopicRules, a_double_star_stands_last) {
  EXPECT_TRUE(is_topic_pattern("a/**"));
  EXPECT_TRUE(is_topic_pattern("*/b/*"));
  EXPECT_FALSE(is_topic_pattern("a/**/b"));
  EXPECT_FALSE(is_topic_pattern("a/b*"));
  EXPECT_FALSE(is_topic_pattern(""));
}

TEST(TopicRules, the_first_that_matches_counts_and_nothing_is_refused) {
  TopicRule closed{.pattern = "rooms/secret"};
  std::vector<TopicRule> rules{closed};
  for (TopicRule& rule : TopicRules::defaults()) rules.push_back(std::move(rule));
  const TopicRules all(std::move(rules));
  EXPECT_FALSE(all.find("rooms/secret")->may_subscribe(Role::superadmin));
  EXPECT_TRUE(all.find("rooms/one")->may_subscribe(Role::user));
  EXPECT_EQ(all.find("elsewhere"), nullptr);
}

TEST(TopicRules, has_these_defaults) {
  const TopicRules rules;
  const TopicRule* room = rules.find("rooms/one");
  ASSERT_NE(room, nullptr);
  EXPECT_TRUE(room->may_subscribe(Role::user) && room->may_publish(Role::user) && room->durable() &&
              room->typing);
  EXPECT_EQ(room->presence, PresenceMode::list);
  const TopicRule* open = rules.find("public/news");
  ASSERT_NE(open, nullptr);
  EXPECT_TRUE(open->may_subscribe(Role::user) && open->may_publish(Role::admin));
  EXPECT_FALSE(open->may_publish(Role::user));
  const TopicRule* admin = rules.find("admin/a/b");
  ASSERT_NE(admin, nullptr);
  EXPECT_TRUE(admin->may_subscribe(Role::admin) && admin->may_publish(Role::superadmin));
  EXPECT_FALSE(admin->may_subscribe(Role::user));
}

TEST(TopicRules, admins_alone_read_and_write_proxy_config_events_whatever_is_configured) {
  const TopicRules rules({{.pattern = "**", .subscribers = Audience::everyone_bits}});
  const TopicRule* rule = rules.find("proxy_config_events");
  ASSERT_NE(rule, nullptr);
  EXPECT_TRUE(rule->may_subscribe(Role::admin) && rule->may_publish(Role::admin) && rule->durable());
  EXPECT_FALSE(rule->may_subscribe(Role::user) || rule->may_publish(Role::user) || rule->typing);
  EXPECT_EQ(rule->presence, PresenceMode::off);
  EXPECT_EQ(rules.gateways(), Audience::admins());
}

TEST(TopicRules, every_user_reads_proxy_config_events_where_that_is_configured) {
  const TopicRules rules({}, Audience::everyone_bits);
  const TopicRule* rule = rules.find(gateway_topic);
  ASSERT_NE(rule, nullptr);
  EXPECT_TRUE(rule->may_subscribe(Role::user) && rule->may_publish(Role::admin));
  EXPECT_FALSE(rule->may_publish(Role::user));
  EXPECT_EQ(rules.gateways(), Audience::everyone());
  EXPECT_EQ(TopicRules().gateways(), Audience::admins());
}

TEST(TopicRules, everybody_may_read_topics_of_flags_and_only_the_server_writes_there) {
  const TopicRules rules({{.pattern = "**", .publishers = Audience::everyone_bits}});
  for (const char* topic : {"flags", "flags/a", "flags/a/b"}) {
    const TopicRule* rule = rules.find(topic);
    ASSERT_NE(rule, nullptr) << topic;
    EXPECT_TRUE(rule->may_subscribe(Role::user) && rule->durable() && rule->by_server_only) << topic;
    EXPECT_FALSE(rule->may_publish(Role::superadmin) || rule->typing) << topic;
    EXPECT_EQ(rule->gathers, topic == std::string_view("flags")) << topic;
  }
  EXPECT_TRUE(is_one_level_below("flags", "flags/a"));
  for (const char* topic : {"flags", "flags/", "flags/a/b", "flagsx/a", "flag/a"})
    EXPECT_FALSE(is_one_level_below("flags", topic)) << topic;
}

TEST(TopicRules, administrators_read_the_events_of_one_thing) {
  const TopicRules rules;
  for (const std::string_view topic :
       {"platform/7", "feature/7", "package/7", "platform", "feature", "package"}) {
    const TopicRule* rule = rules.find(topic);
    ASSERT_NE(rule, nullptr) << topic;
    EXPECT_TRUE(rule->is_second && rule->durable() && rule->by_server_only) << topic;
    EXPECT_TRUE(rule->may_subscribe(Role::admin) && !rule->may_subscribe(Role::user)) << topic;
    EXPECT_FALSE(rule->may_publish(Role::superadmin)) << topic;
    EXPECT_EQ(rule->gathers, topic.find('/') == std::string_view::npos) << topic;
  }
}

TEST(TopicRules, administrators_see_what_is_done_and_who_edits) {
  const TopicRules rules;
  const TopicRule* activity = rules.find("activity");
  const TopicRule* editing = rules.find("editing/flags/bep/new:feature@2");
  for (const TopicRule* rule : {activity, editing}) {
    ASSERT_NE(rule, nullptr);
    EXPECT_TRUE(rule->may_subscribe(Role::admin) && !rule->may_subscribe(Role::user));
    EXPECT_FALSE(rule->may_publish(Role::superadmin) || rule->durable());
  }
  EXPECT_EQ(activity->presence, PresenceMode::off);
  EXPECT_EQ(editing->presence, PresenceMode::list);
}

TEST(TopicRules, what_is_the_servers_matches_no_rule) {
  TopicRule everything{.pattern = "**", .subscribers = Audience::everyone_bits};
  const TopicRules rules({everything});
  for (const char* topic : {"flags/a/b/c", "system", "user/7", "platform/7/x"})
    EXPECT_EQ(rules.find(topic), nullptr) << topic;
  EXPECT_NE(rules.find("flagship"), nullptr);
  for (const char* type : {"flag.updated", "namespace.created", "segment.x", "route.x", "schedule.failed",
                           "platform.x", "package.x", "client.x", "config.cache", "user.updated", "typing",
                           "reply", "error", "stream.gap", "subscription.revoked"})
    EXPECT_TRUE(is_reserved_type(type)) << type;
  for (const char* type : {"message", "users", "typing.x", "chat.user"})
    EXPECT_FALSE(is_reserved_type(type)) << type;
}

}  // namespace
}  // namespace corohub::hub
