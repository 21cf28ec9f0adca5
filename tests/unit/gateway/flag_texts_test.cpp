// Flags that a session watches in a text of its own: which of them changed, whose switch flipped, which are
// gone and which are out of its sight.
#include "flag_watching_rig.hpp"

#include <gmock/gmock.h>

namespace corohub::gateway::test {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

// "name=value"; what has no value has none.
class NamedText final : public FlagText {
 public:
  void append(std::string& out, const flags::Evaluation& evaluation,
              const json::object* limits) const override {
    std::string text = evaluation.flag->identity->name + "=";
    if (evaluation.variant != nullptr) text += evaluation.variant->name;
    if (limits != nullptr) text += json_text(*limits);
    append_json(out, text);
  }
};

// As the native one, but for what is told of flags, which it writes down.
class Listening final : public Dialect {
 public:
  const hub::Form& form(const Wrap& wrap) const noexcept override { return native::dialect().form(wrap); }
  void read(Session& session, MessageKind kind, std::string_view payload) override {
    native::dialect().read(session, kind, payload);
  }
  void answer(Session& session, const RequestId& id, const Outcome& outcome) override {
    native::dialect().answer(session, id, outcome);
  }
  void tell(Session& session, const Notice& notice) override {
    const auto* items = std::get_if<FlagItems>(&notice);
    if (items == nullptr) return native::dialect().tell(session, notice);
    std::string line;
    for (const FlagItems::Item& item : items->items)
      line += std::to_string(item.flag_id) + (item.is_switched ? "!" : ":") + std::string(item.text) + " ";
    for (const std::int64_t id : items->deleted) line += "-" + std::to_string(id) + " ";
    if (items->has_hidden) line += "hidden ";
    if (items->is_too_much) line += "too much ";
    line.pop_back();
    told.push_back(std::move(line));
  }
  std::string farewell(Session& session, CloseReason reason) override {
    return native::dialect().farewell(session, reason);
  }

  std::vector<std::string> told;
};

class FlagTextsTest : public FlagWatchingTest {
 protected:
  explicit FlagTextsTest(FlagWatchLimits limits = {}) : FlagWatchingTest(limits) {
    rig_.dialect = &dialect_;
    session_ = rig_.start(client_socket_, rig_.principal(rig_.token(*user_)));
    rig_.settle();
  }

  ~FlagTextsTest() override {
    session_->close(CloseReason::draining);
    session_.reset();
    rig_.clients.assign(1, &client_socket_);  // a test's own are gone already
    rig_.pass(std::chrono::seconds(3));       // it is gone before its dialect is
  }

  std::string watch() {
    std::string list;
    const auto refusal = rig_.flag_watching.watch(*session_, {.name_space = "bep"}, text_, list);
    return refusal ? std::string(refusal->code) : list;
  }
  void change_and_pass() {
    change();
    pass();
  }

  const NamedText text_;
  Listening dialect_;
  RawClient client_socket_{rig_.context};
  std::shared_ptr<Session> session_;
};

TEST_F(FlagTextsTest, a_watch_begins_with_all_and_goes_on_with_what_changes_in_the_text) {
  EXPECT_EQ(watch(), R"(["one=a","role=a","two=a"])");
  EXPECT_TRUE(rig_.flag_watching.is_watching(*session_));
  world_.plans["one"].variant = "b";
  change_and_pass();
  world_.plans["two"].name = "Two";
  change_and_pass();
  world_.plans["one"].enabled = false;
  change_and_pass();
  change_and_pass();
  EXPECT_THAT(dialect_.told, ElementsAre(R"(1:"one=b")", R"(3:"Two=a")", R"(1!"one=")"));
}

TEST_F(FlagTextsTest, a_name_is_no_change_for_those_who_are_told_values) {
  const auto other = watching();
  watch();
  world_.plans["two"].name = "Two";
  change_and_pass();
  EXPECT_THAT(heard(*other).events, IsEmpty());
  EXPECT_EQ(dialect_.told.size(), 1U);
  EXPECT_EQ(rig_.flag_watching.groups(), 2U);
}

TEST_F(FlagTextsTest, the_switch_is_that_of_all_above_the_flag) {
  world_.plans["two"].parent = "one";
  change();
  watch();
  world_.plans["one"].enabled = false;
  change_and_pass();
  EXPECT_THAT(dialect_.told, ElementsAre(R"(1!"one=" 3!"two=")"));
  world_.plans["one"].enabled = true;
  world_.plans["one"].variant = "b";
  change_and_pass();
  EXPECT_EQ(dialect_.told.back(), R"(1!"one=b" 3!"two=a")");
}

TEST_F(FlagTextsTest, what_is_deleted_is_told_apart_from_what_is_hidden) {
  watch();
  world_.plans["one"].visible = false;
  change_and_pass();
  world_.plans.erase("two");
  world_.plans["zwei"] = {};
  change_and_pass();
  world_.plans["one"].visible = true;
  change_and_pass();
  EXPECT_THAT(dialect_.told, ElementsAre("hidden", R"(4:"zwei=a" -3)", R"(1:"one=a")"))
      << "what comes into sight has flipped no switch";
  world_.plans.erase("one");
  world_.plans.erase("role");
  world_.ids["one"] = 9;
  world_.plans["one"] = {};
  change_and_pass();
  EXPECT_EQ(dialect_.told.back(), R"(9:"one=a" -1 -2)") << "the key has come again";
}

TEST_F(FlagTextsTest, limits_of_the_package_are_a_change) {
  world_.plans["one"].gated = true;
  world_.features = {world_.ids["one"]};
  change();
  set_client(make_client(7));
  EXPECT_EQ(watch(), R"(["one=a{\"seats\":1}","role=a","two=a"])");
  ++world_.package_version;
  change_and_pass();
  EXPECT_THAT(dialect_.told, ElementsAre(R"(1:"one=a{\"seats\":2}")"));
}

TEST_F(FlagTextsTest, without_the_right_all_is_hidden_and_with_it_all_is_told) {
  watch();
  world_.access = NamespaceAccess::clients;
  change_and_pass();
  world_.plans["one"].variant = "b";
  change_and_pass();
  EXPECT_THAT(dialect_.told, ElementsAre("hidden")) << "once";
  EXPECT_EQ(watch(), "not_found");
  world_.access = NamespaceAccess::users;
  change_and_pass();
  EXPECT_EQ(dialect_.told.back(), R"(1:"one=b" 2:"role=a" 3:"two=a")");
  world_.plans["one"].variant = "a";
  change_and_pass();
  EXPECT_EQ(dialect_.told.back(), R"(1:"one=a")");
}

TEST_F(FlagTextsTest, reading_once_neither_begins_nor_ends_a_watch) {
  std::string list;
  EXPECT_FALSE(rig_.flag_watching.read(*session_, {.name_space = "bep"}, text_, list));
  EXPECT_EQ(list, R"(["one=a","role=a","two=a"])");
  EXPECT_FALSE(rig_.flag_watching.is_watching(*session_));
  watch();
  world_.plans["one"].variant = "b";
  change();
  EXPECT_FALSE(rig_.flag_watching.read(*session_, {.name_space = "bep"}, text_, list));
  pass();
  EXPECT_THAT(dialect_.told, ElementsAre(R"(1:"one=b")")) << "what was read is told all the same";
}

class FewFlagTexts : public FlagTextsTest {
 protected:
  FewFlagTexts() : FlagTextsTest({.values_max = 1}) {}
};

TEST_F(FewFlagTexts, too_much_at_once_is_to_be_asked_for) {
  watch();
  world_.plans["one"].variant = "b";
  world_.plans["two"].variant = "b";
  change_and_pass();
  EXPECT_THAT(dialect_.told, ElementsAre("too much"));
  watch();
  world_.plans["one"].variant = "a";
  change_and_pass();
  EXPECT_EQ(dialect_.told.back(), R"(1:"one=a")");
}

}  // namespace
}  // namespace corohub::gateway::test
