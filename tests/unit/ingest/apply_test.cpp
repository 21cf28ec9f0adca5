#include "ingest/apply.hpp"

#include "core/json.hpp"
#include "flags/change.hpp"
#include "flags/copies.hpp"
#include "flags/definition_patch.hpp"
#include "ingest/counts.hpp"
#include "ingest/feed.hpp"
#include "support/faulty_vfs.hpp"
#include "support/test_database.hpp"

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include <boost/asio/post.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <gmock/gmock.h>

namespace corohub::ingest {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr Seq before_all = 0;

class Ingest : public testing::Test {
 protected:
  Ingest()
      : flags_({database_.writer, database_.readers, database_.readers, database_.clock, "epoch",
                [](std::size_t) { return before_all; }},
               {}) {
    if (!corohub::test::run_task([this] { return begin(); })) throw std::runtime_error("no flags");
    make_namespace("bep", "default");
    make_flag("known", R"({"state":"DISABLED","variants":{"on":true,"off":false},"defaultVariant":"on"})");
    events();
  }

  Task<bool> begin() { co_return (co_await flags_.begin(1)).has_value(); }

  template <class F>
  Result<Seq> commit(F unit) {
    auto done = database_.commit(std::move(unit));
    if (!done) return done.error();
    return done->seq;
  }

  static flags::Author author(flags::Source source = flags::Source::redis) {
    flags::Author author;
    author.caller = users::Caller::operator_of_this_machine();
    author.source = source;
    return author;
  }

  Result<Seq> make_namespace(const std::string& key, const std::string& tenant, const std::string& app = {}) {
    return commit([&](storage::UnitOfWork& work) {
      return flags::NamespaceEdit::make(
                 work, flags_.copies(), flags_.directories(),
                 {key, key, tenant, app.empty() ? key : app, flags::NamespaceAccess::users})
          .finish(author(flags::Source::api));
    });
  }

  void make_flag(const std::string& key, const std::string& definition, const std::string& parent = {}) {
    flags::Reading reading;
    const auto parsed = flags::parse_definition(json::parse(definition).as_object(), reading);
    const auto made = commit([&](storage::UnitOfWork& work) -> Result<flags::NamespaceRef> {
      auto edit = flags::NamespaceEdit::open(work, flags_.copies(), flags_.directories(), "bep");
      flags::FlagIdentity identity;
      identity.key = identity.name = key;
      if (!parent.empty()) identity.parent = parent;
      edit->put_identity(identity);
      edit->put_definition("default", key, parsed.value());
      return edit->finish(author(flags::Source::api));
    });
    if (!made) throw std::runtime_error("no flag");
  }

  Result<Seq> apply_text(const std::string& text,
                         flags::NamespaceAccess access = flags::NamespaceAccess::users) {
    const Result<Message> message = parse_message(text);
    return commit([&](storage::UnitOfWork& work) -> Result<storage::Nothing> {
      if (const Result<> done = apply(work, flags_, access, message.value(), author()); !done)
        return done.error();
      return storage::Nothing();
    });
  }

  struct Logged {
    std::string type;
    std::string topic;
    json::object data;
    std::string attributes;
  };
  // Those since the last call.
  std::vector<Logged> events() {
    auto read = [this](storage::Snapshot& snapshot) -> Result<std::vector<Logged>> {
      storage::Query query =
          snapshot.query("SELECT type, topic, data, attributes, seq FROM events WHERE seq > ? ORDER BY seq");
      query.bind(read_up_to_);
      std::vector<Logged> list;
      while (query.next()) {
        list.push_back({query.text(0), query.text_or_null(1).value_or(""),
                        json::parse(query.text(2)).as_object(), query.text_or_null(3).value_or("")});
        read_up_to_ = query.integer(4);
      }
      return list;
    };
    return database_.read(std::move(read)).value();
  }
  std::string last_data() {
    const std::vector<Logged> list = events();
    return list.empty() ? "" : json::serialize(list.back().data);
  }
  // "type flag", or the type alone.
  std::vector<std::string> event_texts() {
    std::vector<std::string> texts;
    for (const Logged& event : events()) {
      const json::value* key = event.data.if_contains("flag_key");
      texts.push_back(event.type + (key != nullptr ? " " + std::string(key->as_string()) : std::string()));
    }
    return texts;
  }

  flags::NamespaceRef find(const std::string& key) {
    flags::NamespaceRef found;
    EXPECT_TRUE(commit([&](storage::UnitOfWork& work) -> Result<storage::Nothing> {
      found = flags_.copies().find(work, key);
      return storage::Nothing();
    }));
    return found;
  }

  static Incoming entry(const std::string& id, const std::string& text) {
    return {parse_message(text), EntryId::parse(id).value()};
  }
  static std::string telling(const std::string& flag) {
    return R"({"namespace":"bep","flagKey":")" + flag + R"(","action":"updated"})";
  }
  bool take(Feed& feed, Batch batch) {
    return corohub::test::run_task(context_, [&] { return feed.take(std::move(batch)); });
  }
  EntryId position(Feed& feed) {
    return corohub::test::run_task(context_, [&] { return feed.position(); }).value();
  }

  corohub::test::FaultyVfs vfs_;
  corohub::test::TestDatabase database_;
  flags::Flags flags_;
  asio::io_context context_{1};
  Seq read_up_to_ = 0;
};

TEST_F(Ingest, a_flag_that_is_known_is_switched_and_the_event_says_where_from_and_since_when) {
  ASSERT_TRUE(
      apply_text(R"({"namespace":"bep","flagKey":"known","action":"ENABLED","timestamp":1640995200000})"));
  const std::vector<Logged> list = events();
  ASSERT_EQ(list.size(), 1U);
  EXPECT_EQ(list[0].type, "flag.updated");
  EXPECT_EQ(list[0].topic, "flags/bep");
  EXPECT_EQ(json::serialize(list[0].data),
            R"({"namespace":"bep","environment":"default","flag_id":1,"flag_key":"known","action":"enabled",)"
            R"("enabled":true,"changes":["state"],"source":"redis","occurred_at":"2022-01-01T00:00:00.000Z",)"
            R"("changed_by":null,"version":2})");
  EXPECT_TRUE(find("bep")->default_environment().find("known")->enabled);
}

TEST_F(Ingest, what_changes_nothing_here_is_told_with_the_real_switch_and_version) {
  for (const std::string action : {"disabled", "created", "updated", "deleted"}) {
    ASSERT_TRUE(
        apply_text(R"({"namespace":"bep","flagKey":"known","enabled":true,"action":")" + action + "\"}"));
    const std::vector<Logged> list = events();
    ASSERT_EQ(list.size(), 1U) << action;
    EXPECT_EQ(list[0].type, action == "created"   ? "flag.created"
                            : action == "deleted" ? "flag.deleted"
                                                  : "flag.updated");
    EXPECT_EQ(list[0].data.at("action"), json::value(action));
    EXPECT_EQ(list[0].data.at("enabled"), json::value(false)) << action;
    EXPECT_EQ(list[0].data.at("version"), json::value(1)) << action;
    EXPECT_FALSE(list[0].data.contains("occurred_at"));
    EXPECT_EQ(list[0].attributes,
              R"({"flag":{"id":1,"namespace_id":2,"environment_id":2,"hidden":false,"gated":false}})");
  }
  ASSERT_NE(find("bep")->default_environment().find("known"), nullptr) << "nothing is deleted";
}

TEST_F(Ingest, a_switch_tells_of_the_flags_below_it_and_of_the_effective_switch) {
  make_flag("child", R"({"state":"ENABLED","variants":{"on":true,"off":false},"defaultVariant":"on"})",
            "known");
  events();
  ASSERT_TRUE(apply_text(R"({"namespace":"bep","flagKey":"known","action":"enabled"})"));
  EXPECT_THAT(event_texts(), ElementsAre("flag.updated known", "flag.updated child"));
}

TEST_F(Ingest, an_unknown_flag_is_told_of_with_the_switch_that_the_message_knows) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {R"("action":"enabled","enabled":false)", "true"},  {R"("action":"disabled")", "false"},
      {R"("action":"deleted","enabled":true)", "false"},  {R"("action":"updated","enabled":true)", "true"},
      {R"("action":"created","enabled":false)", "false"}, {R"("action":"updated")", "null"}};
  for (const auto& [members, enabled] : cases) {
    ASSERT_TRUE(apply_text(R"({"namespace":"bep","flagKey":"elsewhere",)" + members + "}"));
    const std::vector<Logged> list = events();
    ASSERT_EQ(list.size(), 1U);
    EXPECT_EQ(json::serialize(list[0].data.at("enabled")), enabled) << members;
    EXPECT_TRUE(list[0].data.at("flag_id").is_null());
    EXPECT_TRUE(list[0].data.at("version").is_null());
    EXPECT_EQ(list[0].attributes,
              R"({"flag":{"id":null,"namespace_id":2,"environment_id":2,"hidden":false,"gated":false}})");
  }
}

TEST_F(Ingest, an_unknown_namespace_is_made_before_its_flag_is_told_of) {
  ASSERT_TRUE(apply_text(R"({"namespace":"new","flagKey":"a","action":"created"})",
                         flags::NamespaceAccess::everybody));
  EXPECT_THAT(event_texts(), ElementsAre("namespace.created", "config.cache", "flag.created a"));
  const flags::NamespaceRef made = find("new");
  ASSERT_NE(made, nullptr);
  EXPECT_EQ(made->access, flags::NamespaceAccess::everybody);
  EXPECT_EQ(made->app_id, "new");
  ASSERT_TRUE(apply_text(R"({"namespace":"new","flagKey":"a","action":"created"})"));
  EXPECT_THAT(event_texts(), ElementsAre("flag.created a"));
}

TEST_F(Ingest, T73_no_message_makes_more_namespaces_than_there_may_be) {
  ASSERT_TRUE(commit([&](storage::UnitOfWork& work) -> Result<storage::Nothing> {
    for (std::size_t i = 2; i < flags::namespaces_max; ++i)
      work.query(
              "INSERT INTO namespaces (key, name, tenant_id, app_id, access, version, created_at, "
              "updated_at, "
              "stamp) VALUES (?1, ?1, 'default', ?1, 'users', 1, 0, 0, 0)")
          .bind("n" + std::to_string(i))
          .run();
    return storage::Nothing();
  }));
  const Result<Seq> refused = apply_text(R"({"namespace":"new","flagKey":"a","action":"created"})");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::limit_reached);
  EXPECT_THAT(event_texts(), IsEmpty());
}

TEST_F(Ingest, a_namespace_whose_application_is_another_ones_is_refused) {
  ASSERT_TRUE(make_namespace("other", "default", "mine"));
  events();
  const Result<Seq> refused = apply_text(R"({"namespace":"mine","flagKey":"a","action":"created"})");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::key_taken);
}

TEST_F(Ingest, a_message_of_a_user_by_HTTP_has_changed_nothing_in_the_name_of_that_user) {
  const auto done = commit([&](storage::UnitOfWork& work) -> Result<storage::Nothing> {
    flags::Author bringer = author(flags::Source::http);
    bringer.caller.user_id = 7;
    for (const std::string text : {R"({"namespace":"bep","flagKey":"known","action":"enabled"})",
                                   R"({"namespace":"new","flagKey":"other","action":"updated"})"})
      if (const Result<> applied =
              apply(work, flags_, flags::NamespaceAccess::users, parse_message(text).value(), bringer);
          !applied)
        return applied.error();
    return storage::Nothing();
  });
  ASSERT_TRUE(done);
  const std::vector<Logged> told = events();
  ASSERT_EQ(told.size(), 4U);
  for (const Logged& one : told)
    if (one.type != "config.cache") EXPECT_TRUE(one.data.at("changed_by").is_null()) << one.type;
}

TEST_F(Ingest, each_of_many_switches_in_a_large_namespace_is_told_in_its_order) {
  constexpr int flags_count = 2'000;
  constexpr int switches = 100;
  const auto key = [](int i) { return "f" + std::to_string(i); };
  flags::Reading reading;
  const auto definition = flags::parse_definition(
      json::parse(R"({"state":"DISABLED","variants":{"on":true,"off":false},"defaultVariant":"on"})")
          .as_object(),
      reading);
  ASSERT_TRUE(commit([&](storage::UnitOfWork& work) -> Result<flags::NamespaceRef> {
    auto edit = flags::NamespaceEdit::open(work, flags_.copies(), flags_.directories(), "bep");
    for (int i = 1; i < flags_count; ++i) {  // one is there
      flags::FlagIdentity identity;
      identity.key = identity.name = key(i);
      edit->put_identity(identity);
      edit->put_definition("default", key(i), definition.value());
    }
    return edit->finish(author(flags::Source::api));
  }));
  events();
  const auto begin = std::chrono::steady_clock::now();
  ASSERT_TRUE(commit([&](storage::UnitOfWork& work) -> Result<storage::Nothing> {
    for (int i = 1; i <= switches; ++i) {
      const auto message =
          parse_message(R"({"namespace":"bep","flagKey":")" + key(i) + R"(","action":"enabled"})");
      if (const Result<> done = apply(work, flags_, flags::NamespaceAccess::users, message.value(), author());
          !done)
        return done.error();
    }
    return storage::Nothing();
  }));
  RecordProperty("ms", std::to_string(std::chrono::duration_cast<std::chrono::milliseconds>(
                                          std::chrono::steady_clock::now() - begin)
                                          .count()));
  std::vector<std::string> expected;
  for (int i = 1; i <= switches; ++i) expected.push_back("flag.updated " + key(i));
  EXPECT_EQ(event_texts(), expected);
}

TEST_F(Ingest, T73_a_batch_is_done_in_its_order_without_its_bad_messages) {
  ASSERT_TRUE(make_namespace("other", "default", "mine"));
  events();
  Feed feed(context_, flags_, flags::NamespaceAccess::users, {});
  Batch batch;
  for (int i = 0; i < 150; ++i) batch.push_back({parse_message(telling("f" + std::to_string(i)))});
  batch.insert(batch.begin() + 3, {parse_message("garbage")});
  batch.insert(batch.begin() + 5,
               {parse_message(R"({"namespace":"mine","flagKey":"a","action":"created"})")});
  const double accepted = counts().accepted.Value();
  const double bad = counts().bad.Value();
  ASSERT_TRUE(take(feed, std::move(batch)));
  EXPECT_EQ(counts().accepted.Value(), accepted + 150);
  EXPECT_EQ(counts().bad.Value(), bad + 2);
  EXPECT_THAT(metrics::text(), testing::HasSubstr(R"(corohub_ingest_messages_total{result="bad"})"));
  std::vector<std::string> expected;
  for (int i = 0; i < 150; ++i) expected.push_back("flag.updated f" + std::to_string(i));
  EXPECT_EQ(event_texts(), expected);
}

TEST_F(Ingest, T73_an_entry_of_a_stream_has_its_effect_once_however_often_it_comes) {
  Feed feed(context_, flags_, flags::NamespaceAccess::users, "updates");
  EXPECT_EQ(position(feed), EntryId());
  ASSERT_TRUE(take(feed, {entry("5-1", telling("a")), entry("5-2", "garbage"), entry("7-0", telling("b"))}));
  EXPECT_THAT(event_texts(), ElementsAre("flag.updated a", "flag.updated b"));
  EXPECT_EQ(position(feed).text(), "7-0");
  ASSERT_TRUE(
      take(feed, {entry("5-1", telling("a")), entry("7-0", telling("b")), entry("7-1", telling("c"))}));
  EXPECT_THAT(event_texts(), ElementsAre("flag.updated c"));
  ASSERT_TRUE(take(feed, {entry("10-0", "garbage")}));
  EXPECT_EQ(position(feed).text(), "10-0") << "a bad entry is behind us, too";
  Feed other(context_, flags_, flags::NamespaceAccess::users, "others");
  EXPECT_EQ(position(other), EntryId());
}

TEST_F(Ingest, T73_a_message_that_makes_its_unit_fail_is_given_up_and_the_others_are_done) {
  database_.commit([](storage::UnitOfWork& work) -> Result<storage::Nothing> {
    work.query(
            "CREATE TRIGGER trap BEFORE INSERT ON events WHEN instr(NEW.data, 'trapped') > 0 "
            "BEGIN SELECT RAISE(ABORT, 'trapped'); END")
        .run();
    return storage::Nothing();
  });
  Feed feed(context_, flags_, flags::NamespaceAccess::users, "updates");
  ASSERT_TRUE(
      take(feed, {entry("1-0", telling("a")), entry("2-0", telling("trapped")), entry("3-0", telling("b"))}));
  EXPECT_THAT(event_texts(), ElementsAre("flag.updated a", "flag.updated b"));
  EXPECT_EQ(position(feed).text(), "3-0");
}

TEST_F(Ingest, T73_what_cannot_be_stored_is_held_until_it_can) {
  Feed feed(context_, flags_, flags::NamespaceAccess::users, {});
  corohub::test::FaultyVfs::disk_full() = true;
  ASSERT_FALSE(apply_text(telling("a"))) << "the disk is full";
  asio::post(context_, [] { corohub::test::FaultyVfs::disk_full() = false; });
  EXPECT_TRUE(take(feed, {{parse_message(telling("b"))}}));
  EXPECT_THAT(event_texts(), ElementsAre("flag.updated b"));
}

TEST_F(Ingest, a_feed_that_is_stopped_gives_up_what_cannot_be_stored) {
  Feed feed(context_, flags_, flags::NamespaceAccess::users, {});
  database_.writer.stop();
  asio::post(context_, [&feed] { feed.stop(); });
  EXPECT_FALSE(take(feed, {{parse_message(telling("a"))}}));
}

TEST(EntryId, is_ordered_by_both_numbers_and_nothing_else_is_one) {
  EXPECT_LT(EntryId::parse("9-10"), EntryId::parse("10-9"));
  EXPECT_LT(EntryId::parse("10-9"), EntryId::parse("10-10"));
  EXPECT_EQ(EntryId::parse("18446744073709551615-18446744073709551615")->text(),
            "18446744073709551615-18446744073709551615");
  for (const std::string text : {"", "1", "1-", "-1", "a-1", "1-2-3", "1-18446744073709551616"})
    EXPECT_FALSE(EntryId::parse(text)) << text;
}

}  // namespace
}  // namespace corohub::ingest
