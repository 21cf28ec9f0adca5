// The events of topics in the log: who is shown them, and how far back.
#include "eventlog/event_log.hpp"
#include "support/test_database.hpp"

#include <gmock/gmock.h>

namespace corohub::eventlog {
namespace {

using storage::Snapshot;
using storage::UnitOfWork;
using testing::ElementsAre;
using testing::IsEmpty;

class TopicLogTest : public testing::Test {
 protected:
  Seq add(std::string topic, std::string type = "message") {
    const auto unit = [&](UnitOfWork& work) -> Result<Seq> {
      return append(work, {type, "{}", hub::Audience::everyone(), topic});
    };
    return db_.commit(unit).value().value;
  }
  std::vector<Seq> seqs(const PageRequest& request) {
    std::vector<Seq> found;
    const auto page = db_.read([&](Snapshot& snapshot) { return read_page(snapshot, request); });
    for (const hub::EventRef& event : page.value().events) found.push_back(event->seq());
    return found;
  }
  Seq floor(const hub::TopicRule& rule) {
    const auto read = [&](Snapshot& snapshot) {
      return Result<Seq>(read_topic_floor(snapshot, "rooms/one", rule, db_.clock.unix_ms()));
    };
    return db_.read(read).value();
  }

  const hub::Identity ann{1, Role::user, {}};
  const hub::TopicScope one_{"rooms/one", hub::Audience::everyone_bits, 0};
  const hub::TopicScope two_{"rooms/two", hub::Audience::everyone_bits, 0};
  test::TestDatabase db_;
};

TEST_F(TopicLogTest, a_topic_is_shown_to_those_who_name_it) {
  add("");
  add("rooms/one");
  add("rooms/two");
  add("rooms/one");
  add("");
  EXPECT_THAT(seqs({.own = ann}), ElementsAre(1, 5));
  EXPECT_THAT(seqs({.own = ann, .topics = {one_}}), ElementsAre(1, 2, 4, 5));
  EXPECT_THAT(seqs({.topics = {one_}}), ElementsAre(2, 4));
  EXPECT_THAT(seqs({.topics = {one_, two_}}), ElementsAre(2, 3, 4));
  EXPECT_THAT(seqs({.since = 2, .topics = {one_}}), ElementsAre(4));
  EXPECT_THAT(seqs({.topics = {{"rooms/one", 7, 2}}}), ElementsAre(4));
  EXPECT_THAT(seqs({.own = hub::Identity(1, Role::superadmin)}), ElementsAre(1, 5))
      << "no rank sees it unasked";
}

TEST_F(TopicLogTest, a_topic_that_gathers_shows_what_is_one_level_below) {
  add("flags/a");
  add("flags/a/staging");
  add("flagsx");
  add("flags/b");
  add("rooms/one");
  const hub::TopicScope all{"flags", hub::Audience::everyone_bits, 0, true};
  const hub::TopicScope later{"flags", hub::Audience::everyone_bits, 1, true};
  const hub::TopicScope only_a{"flags/a", hub::Audience::everyone_bits, 0};
  EXPECT_THAT(seqs({.topics = {all}}), ElementsAre(1, 4));
  EXPECT_THAT(seqs({.topics = {later, only_a}}), ElementsAre(1, 4)) << "once, as one of them wants it";
  EXPECT_THAT(seqs({.own = ann, .topics = {all, one_}}), ElementsAre(1, 4, 5));
  EXPECT_THAT(seqs({.topics = {{"flags", hub::Audience::everyone_bits, 0}}}), IsEmpty());
}

TEST_F(TopicLogTest, a_topic_that_gathers_is_read_where_its_events_are) {
  const hub::TopicScope all{"flags", hub::Audience::everyone_bits, 0, true};
  const auto fill = [&](int count) {
    const auto unit = [&](UnitOfWork& work) -> Result<storage::Nothing> {
      for (int i = 0; i < count; ++i) append(work, {"message", "{}", hub::Audience::everyone(), "rooms/one"});
      return storage::Nothing{};
    };
    ASSERT_TRUE(db_.commit(unit));
  };
  const auto page = [&](Seq since) {
    const PageRequest request{.since = since, .topics = {all}};
    return db_.read([&](Snapshot& snapshot) { return read_page(snapshot, request); }).value();
  };
  fill(6'000);
  EXPECT_FALSE(page(0).more) << "there is nothing, however long the log is";
  add("flags/b/staging");
  const Seq a = add("flags/a");
  fill(6'000);
  const Seq b = add("flags/b");
  EXPECT_THAT(seqs({.topics = {all}}), ElementsAre(a));
  EXPECT_THAT(seqs({.since = page(0).next, .topics = {all}}), ElementsAre(b));
  EXPECT_FALSE(page(page(0).next).more);
}

TEST_F(TopicLogTest, several_topics_are_read_where_their_events_are) {
  const hub::TopicScope all{"flags", hub::Audience::everyone_bits, 0, true};
  const auto fill = [&](std::string topic) {
    const auto unit = [&](UnitOfWork& work) -> Result<storage::Nothing> {
      for (int i = 0; i < 12'000; ++i) append(work, {"message", "{}", hub::Audience::everyone(), topic});
      return storage::Nothing{};
    };
    ASSERT_TRUE(db_.commit(unit));
  };
  // Page for page, up to the head.
  const auto seqs_of_pages = [&](const std::vector<hub::TopicScope>& topics) {
    std::vector<std::vector<Seq>> pages;
    Page page;
    do {
      const PageRequest request{.since = page.next, .topics = topics};
      page = db_.read([&](Snapshot& snapshot) { return read_page(snapshot, request); }).value();
      std::vector<Seq>& found = pages.emplace_back();
      for (const hub::EventRef& event : page.events) found.push_back(event->seq());
    } while (page.more && pages.size() < 10);
    return pages;
  };
  fill("rooms/one");
  const hub::TopicScope at_the_head{"system", hub::Audience::everyone_bits, 12'000};
  EXPECT_THAT(seqs_of_pages({at_the_head, all}), ElementsAre(IsEmpty()));
  const Seq of_system = add("system");
  fill("flags/a/staging");
  const Seq a = add("flags/a-b");
  fill("flags/a/staging/too-deep");
  const Seq b = add("flags/b");
  EXPECT_THAT(seqs_of_pages({at_the_head, all}),
              ElementsAre(ElementsAre(of_system), ElementsAre(a), ElementsAre(b)));
  EXPECT_THAT(seqs_of_pages({{"flags/b", hub::Audience::everyone_bits, 0}, two_}),
              ElementsAre(ElementsAre(b)));
}

TEST_F(TopicLogTest, T49_an_event_for_fewer_than_its_topic_is_for_them_in_the_log_as_well) {
  const auto unit = [&](UnitOfWork& work) -> Result<Seq> {
    return append(work, {"flag.updated", "{}", hub::Audience::admins(), "flags/a"});
  };
  ASSERT_TRUE(db_.commit(unit));
  add("flags/a");
  const PageRequest request{.own = ann, .topics = {{"flags/a", hub::Audience::everyone_bits, 0}}};
  const auto page = db_.read([&](Snapshot& snapshot) { return read_page(snapshot, request); }).value();
  ASSERT_EQ(page.events.size(), 2U);
  EXPECT_EQ(page.events[0]->audience(), hub::Audience::admins());
  EXPECT_EQ(page.events[1]->audience(), hub::Audience::everyone());
  const auto read = [](Snapshot& snapshot) {
    return Result<hub::LogState>(read_recent(snapshot, "e", {}, hub::TopicRules()));
  };
  EXPECT_EQ(db_.read(read).value().recent.at(0)->audience(), hub::Audience::admins());
  EXPECT_THAT(seqs({.own = hub::Identity(1, Role::admin)}), IsEmpty()) << "it is not hers unasked";
}

TEST_F(TopicLogTest, a_second_topic_has_events_of_audiences_and_of_topics) {
  const auto put = [&](std::string topic, std::string also, hub::Audience audience) {
    const auto unit = [&](UnitOfWork& work) -> Result<Seq> {
      return append(work, {.type = "x", .data = "{}", .audience = audience, .topic = topic, .also = also});
    };
    return db_.commit(unit).value().value;
  };
  const hub::TopicScope platform{"platform/2", hub::Audience::admin_bits, 0, false, true};
  const hub::TopicScope feature{"feature/7", hub::Audience::admin_bits, 0, false, true};
  const hub::TopicScope flags{"flags/a", hub::Audience::everyone_bits, 0};
  put("", "platform/2", hub::Audience::admins_and_clients());
  put("flags/a", "feature/7", hub::Audience::everyone());
  put("", "platform/3", hub::Audience::admins());
  put("flags/a", "", hub::Audience::everyone());
  put("", "platform/2", hub::Audience::admins());
  const hub::Identity admin{2, Role::admin};
  EXPECT_THAT(seqs({.topics = {platform}}), ElementsAre(1, 5));
  EXPECT_THAT(seqs({.since = 1, .topics = {platform}}), ElementsAre(5));
  EXPECT_THAT(seqs({.topics = {feature}}), ElementsAre(2));
  EXPECT_THAT(seqs({.topics = {feature, flags}}), ElementsAre(2, 4)) << "once";
  EXPECT_THAT(seqs({.own = admin, .topics = {feature}}), ElementsAre(1, 2, 3, 5));
  EXPECT_THAT(seqs({.own = ann, .topics = {}}), ElementsAre(1)) << "what is judged may be for her";
  EXPECT_THAT(seqs({.own = hub::Identity::guest(), .topics = {platform}}), ElementsAre(1, 5));
  EXPECT_THAT(seqs({.own = hub::Identity::guest()}), IsEmpty());
  const auto page =
      db_.read([&](Snapshot& snapshot) { return read_page(snapshot, {.topics = {platform}}); }).value();
  EXPECT_EQ(page.events.at(0)->also(), "platform/2");
  EXPECT_TRUE(page.events.at(0)->audience().is_judged());
}

TEST_F(TopicLogTest, second_topics_are_gathered_too) {
  const auto put = [&](std::string topic, std::string also, int count = 1) {
    const auto unit = [&](UnitOfWork& work) -> Result<storage::Nothing> {
      for (int i = 0; i < count; ++i)
        append(
            work,
            {.type = "x", .data = "{}", .audience = hub::Audience::everyone(), .topic = topic, .also = also});
      return storage::Nothing{};
    };
    ASSERT_TRUE(db_.commit(unit));
  };
  const hub::TopicScope features{"feature", hub::Audience::admin_bits, 0, true, true};
  const hub::TopicScope platforms{"platform", hub::Audience::admin_bits, 2, true, true};
  const hub::TopicScope flags{"flags", hub::Audience::everyone_bits, 0, true};
  put("flags/a/staging", "feature/7");
  put("", "platform/2");
  put("flags/a", "");
  put("", "package/2");
  put("", "platform/3");
  put("flags/b", "feature/8");
  EXPECT_THAT(seqs({.topics = {features}}), ElementsAre(1, 6));
  EXPECT_THAT(seqs({.topics = {features, platforms}}), ElementsAre(1, 5, 6)) << "what is between is not";
  EXPECT_THAT(seqs({.topics = {features, flags}}), ElementsAre(1, 3, 6)) << "once";
  put("rooms/one", "", 12'000);
  put("flags/a", "feature/7");
  std::vector<Seq> found;
  Page page;
  page.next = 6;
  page.more = true;
  for (int pages = 0; page.more && pages < 5; ++pages) {
    const PageRequest request{.since = page.next, .topics = {features}};
    page = db_.read([&](Snapshot& snapshot) { return read_page(snapshot, request); }).value();
    for (const hub::EventRef& event : page.events) found.push_back(event->seq());
  }
  EXPECT_THAT(found, ElementsAre(12'007));
}

TEST_F(TopicLogTest, its_text_is_the_same_as_when_it_was_live) {
  add("rooms/one");
  const PageRequest request{.topics = {one_}};
  const auto page = db_.read([&](Snapshot& snapshot) { return read_page(snapshot, request); });
  const hub::Event& event = *page.value().events.at(0);
  EXPECT_EQ(event.text(), R"({"type":"message","data":{},"timestamp":"2026-01-06T10:30:01.123Z","seq":1,)"
                          R"("topic":"rooms/one"})");
  EXPECT_EQ(event.topic(), "rooms/one");
  EXPECT_EQ(event.audience().roles, hub::Audience::everyone_bits);
}

TEST_F(TopicLogTest, history_ends_where_the_rule_says) {
  hub::TopicRule rule{.pattern = "rooms/*", .history_count = 2};
  EXPECT_EQ(floor(rule), 0);
  add("rooms/one");
  add("rooms/one");
  EXPECT_EQ(floor(rule), 0);
  add("rooms/two");
  add("rooms/one");
  EXPECT_EQ(floor(rule), 1);

  rule.history_age = std::chrono::seconds(60);
  db_.clock.advance(std::chrono::seconds(61));
  add("rooms/one");
  EXPECT_EQ(floor(rule), 4) << "of the last two, one is too old";
  rule.history_count = 100;
  EXPECT_EQ(floor(rule), 4);
}

TEST_F(TopicLogTest, the_tail_has_the_rules_of_today) {
  add("rooms/one");
  add("old/topic");
  add("");
  const auto read = [](Snapshot& snapshot) {
    return Result<hub::LogState>(read_recent(snapshot, "e", {}, hub::TopicRules()));
  };
  const hub::LogState log = db_.read(read).value();
  ASSERT_EQ(log.recent.size(), 3U);
  EXPECT_EQ(log.recent[0]->audience().roles, hub::Audience::everyone_bits);
  EXPECT_EQ(log.recent[1]->audience().roles, 0) << "no rule: for nobody";
  EXPECT_EQ(log.recent[2]->topic(), "");
}

}  // namespace
}  // namespace corohub::eventlog
