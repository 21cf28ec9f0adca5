// What a change of a namespace does: which events, in which topic, with which cause; versions, revisions and
// audit rows; and what is refused.
#include "room.hpp"

#include <gmock/gmock.h>

namespace corohub::flags::test {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using Texts = std::vector<std::string>;

// bep: environments default and staging; flags a <- b <- c, all on in default, and d alone.
struct ChangeTest : testing::Test {
  ChangeTest() {
    EXPECT_TRUE(room.make("bep"));
    EXPECT_TRUE(room.change("bep", [](NamespaceEdit& of) {
      EnvironmentParts staging;
      staging.key = "staging";
      staging.name = "staging";
      of.put_environment(staging);
      of.put_identity(identity_of("a"));
      of.put_identity(identity_of("b", "a"));
      of.put_identity(identity_of("c", "b"));
      of.put_identity(identity_of("d"));
      for (const char* key : {"a", "b", "c", "d"}) of.put_definition("default", key, boolean_flag(true));
    }));
    room.events();
  }

  Result<NamespaceRef> put(std::string_view key, DefinitionRef definition,
                           std::string_view environment = "default") {
    return room.change("bep", [&](NamespaceEdit& of) { of.put_definition(environment, key, definition); });
  }
  Result<NamespaceRef> put(FlagIdentity identity) {
    return room.change("bep", [&](NamespaceEdit& of) { of.put_identity(std::move(identity)); });
  }
  const Flag& flag(std::string_view key, std::string_view environment = "default") {
    before = room.stored("bep");
    return *(*before->environment(environment))->find(key);
  }
  Seq revision(std::string_view environment) {
    return (*room.stored("bep")->environment(environment))->revision;
  }

  Room room;
  NamespaceRef before;
};

TEST_F(ChangeTest, a_switch_tells_of_the_flag_and_of_those_below_it) {
  ASSERT_TRUE(put("a", boolean_flag(false)));
  EXPECT_THAT(room.event_texts(),
              ElementsAre("flags/bep a disabled false", "flags/bep b disabled false parent:a",
                          "flags/bep c disabled false parent:a"));
  ASSERT_TRUE(put("a", boolean_flag(true)));
  EXPECT_THAT(room.event_texts(), ElementsAre("flags/bep a enabled true", "flags/bep b enabled true parent:a",
                                              "flags/bep c enabled true parent:a"));
}

TEST_F(ChangeTest, an_event_has_these_members_in_this_order) {
  room.author.caller.command_line = false;
  room.author.caller.user_id = 7;
  ASSERT_TRUE(put("d", boolean_flag(false, R"({"if":[true,"on","off"]})"), "staging"));
  const auto events = room.events();
  ASSERT_EQ(events.size(), 1U);
  EXPECT_EQ(events[0].type, "flag.updated");
  EXPECT_EQ(json_text(events[0].data),
            R"({"namespace":"bep","environment":"staging","flag_id":4,"flag_key":"d","action":"updated",)"
            R"("enabled":false,"changes":["targeting"],"source":"api","changed_by":7,"version":2})");
  EXPECT_EQ(json_text(events[0].attributes),
            R"({"flag":{"id":4,"namespace_id":2,"environment_id":3,"hidden":false,"gated":false}})");
}

TEST_F(ChangeTest, a_change_of_state_is_a_switch_whatever_else_changes) {
  ASSERT_TRUE(put("d", boolean_flag(false, R"({"if":[true,"on","off"]})")));
  const auto events = room.events();
  ASSERT_EQ(events.size(), 1U);
  EXPECT_EQ(json_text(events[0].data.at("changes")), R"(["state","targeting"])");
  EXPECT_EQ(events[0].data.at("action"), "disabled");
}

TEST_F(ChangeTest, nothing_comes_of_what_changes_nothing) {
  const std::string same = text_of(*room.stored("bep"));
  const std::size_t rows = room.audit().size();
  ASSERT_TRUE(put("a", boolean_flag(true)));
  ASSERT_TRUE(put(identity_of("a")));
  EXPECT_THAT(room.events(), IsEmpty());
  EXPECT_EQ(room.audit().size(), rows);
  EXPECT_EQ(text_of(*room.stored("bep")), same);
}

TEST_F(ChangeTest, an_identity_is_told_of_in_every_environment_with_its_own_version) {
  FlagIdentity hidden = identity_of("a");
  hidden.client_visible = false;
  ASSERT_TRUE(put(hidden));
  const auto events = room.events();
  ASSERT_EQ(events.size(), 2U);
  EXPECT_EQ(events[0].text(), "flags/bep a updated true");
  EXPECT_EQ(events[1].text(), "flags/bep/staging a updated false");
  EXPECT_EQ(events[1].data.at("version"), 2);
  EXPECT_EQ(json_text(events[0].attributes),
            R"({"flag":{"id":1,"namespace_id":2,"environment_id":2,"hidden":true,"gated":false}})");
  ASSERT_TRUE(put("c", boolean_flag(false)));
  EXPECT_EQ(room.events().at(0).attributes.at("flag").at("hidden"), true) << "as an ancestor is hidden";
}

TEST_F(ChangeTest, T25_what_others_may_not_evaluate_waits_for_administrators_alone) {
  ASSERT_TRUE(put("d", boolean_flag(false)));
  EXPECT_EQ(room.events().at(0).roles, hub::Audience::everyone_bits);
  ASSERT_TRUE(room.change("bep", [](NamespaceEdit& of) {
    of.put_namespace({"bep", "bep", "default", "bep", NamespaceAccess::clients});
  }));
  room.events();
  ASSERT_TRUE(put("d", boolean_flag(true)));
  EXPECT_EQ(room.events().at(0).roles, hub::Audience::admin_bits);
}

TEST_F(ChangeTest, creation_and_deletion_are_told_of_in_every_environment) {
  ASSERT_TRUE(room.change("bep", [](NamespaceEdit& of) {
    of.put_identity(identity_of("e"));
    of.put_definition("staging", "e", boolean_flag(true));
  }));
  EXPECT_THAT(room.event_texts(),
              ElementsAre("flags/bep e created false", "flags/bep/staging e created true"));
  ASSERT_TRUE(room.change("bep", [](NamespaceEdit& of) { of.remove_flag("e"); }));
  EXPECT_THAT(room.event_texts(),
              ElementsAre("flags/bep e deleted false", "flags/bep/staging e deleted false"));
}

TEST_F(ChangeTest, a_segment_is_told_of_to_admins_and_by_the_flags_whose_rules_name_it) {
  const auto put_segment = [&](const char* rule) {
    return room.change(
        "bep", [&](NamespaceEdit& of) { of.put_segment("default", "beta", "beta", segment_of(rule)); });
  };
  ASSERT_TRUE(put_segment(R"({"==":[{"var":"a"},1]})"));
  ASSERT_TRUE(put("c", boolean_flag(true, R"({"if":[{"$ref":"beta"},"on","off"]})")));
  room.events();
  ASSERT_TRUE(put_segment(R"({"==":[{"var":"a"},2]})"));
  EXPECT_THAT(room.event_texts(),
              ElementsAre("segment.updated beta", "flags/bep c updated true segment:beta"));

  const auto removed = room.change("bep", [](NamespaceEdit& of) { of.remove_segment("default", "beta"); });
  EXPECT_EQ(complaints(removed), Texts{"in_use"});
  EXPECT_EQ(removed.error().members, R"({"flags":["c"]})");
  ASSERT_TRUE(room.change("bep", [](NamespaceEdit& of) {
    of.put_definition("default", "c", boolean_flag(true));
    of.remove_segment("default", "beta");
  }));
}

TEST_F(ChangeTest, a_platform_switches_its_flags_and_those_below_them) {
  Platform web;
  web.key = "web";
  web.name = "web";
  web.config = "{}";
  FlagIdentity of_web = identity_of("b", "a");
  of_web.platform = "web";
  ASSERT_TRUE(room.change("bep", [&](NamespaceEdit& of) {
    of.put_platform(web);
    of.put_identity(of_web);
  }));
  room.events();
  web.enabled = false;
  ASSERT_TRUE(room.change("bep", [&](NamespaceEdit& of) { of.put_platform(web); }));
  EXPECT_THAT(room.event_texts(),
              ElementsAre("platform.updated web", "flags/bep b disabled false platform:web",
                          "flags/bep c disabled false platform:web"));
  of_web.platform = "tv";
  EXPECT_EQ(complaints(put(of_web)), Texts{"unknown_flag /platform"});
}

TEST_F(ChangeTest, revisions_move_only_where_evaluations_may_alter) {
  const Seq first = revision("default");
  const Seq other = revision("staging");
  ASSERT_TRUE(put("a", boolean_flag(false)));
  EXPECT_EQ(revision("default"), first + 3) << "the last of three events";
  EXPECT_EQ(revision("staging"), other);
  ASSERT_TRUE(room.change("bep", [&](NamespaceEdit& of) {
    of.put_namespace({"bep", "another name", "default", "bep", NamespaceAccess::users});
  }));
  EXPECT_EQ(revision("default"), first + 3);
  ASSERT_TRUE(room.change("bep", [&](NamespaceEdit& of) {
    EnvironmentParts parts = **of.before().environment("staging");
    parts.metadata["team"] = "x";
    of.put_environment(parts);
  }));
  EXPECT_GT(revision("staging"), other);
}

TEST_F(ChangeTest, names_and_descriptions_leave_the_revision) {
  const auto put_segment = [&](const char* name, int number) {
    return room.change("bep", [&](NamespaceEdit& of) {
      of.put_segment("default", "beta", name,
                     segment_of(R"({"==":[{"var":"a"},)" + std::to_string(number) + "]}"));
    });
  };
  ASSERT_TRUE(put_segment("beta", 1));
  const Seq first = revision("default");
  FlagIdentity described = identity_of("a");
  described.description = "of a";
  described.name = "A";
  described.tags = {"web"};
  ASSERT_TRUE(put(described));
  ASSERT_TRUE(put_segment("Beta", 1));
  EXPECT_EQ(revision("default"), first);
  ASSERT_TRUE(put_segment("Beta", 2));
  const Seq second = revision("default");
  EXPECT_GT(second, first);
  described.client_visible = false;
  ASSERT_TRUE(put(described));
  EXPECT_GT(revision("default"), second);
}

// Digits that a parser which is off by the last bit does not bring back.
TEST_F(ChangeTest, what_is_stored_is_read_back_to_the_last_bit_and_shared_again) {
  ASSERT_TRUE(room.change("bep", [](NamespaceEdit& of) {
    of.put_identity([] {
      FlagIdentity flag = identity_of("numbers");
      flag.type = ValueType::number;
      return flag;
    }());
    of.put_definition("default", "numbers",
                      definition_of(R"({"state":"DISABLED","variants":{"a":0.9452706955539223,"b":9.7e-30,)"
                                    R"("c":0.38120423768821243},"defaultVariant":"a"})"));
  }));
  const NamespaceRef kept = room.change("bep", [](NamespaceEdit&) {}).value();
  EXPECT_EQ(text_of(*room.stored("bep")), text_of(*kept));
  const NamespaceRef stored = room.stored("bep");
  EXPECT_EQ((*stored->environment("default"))->find("numbers")->definition,
            (*stored->environment("staging"))->find("numbers")->definition);
}

TEST_F(ChangeTest, a_variant_that_is_served_while_off_stays) {
  FlagIdentity off = identity_of("a");
  off.off_variant = "off";
  ASSERT_TRUE(put(off));
  const DefinitionRef without =
      definition_of(R"({"state":"ENABLED","variants":{"on":true,"no":false},"defaultVariant":"on"})");
  EXPECT_EQ(complaints(put("a", without)), Texts{"unknown_variant /variants"});
  ASSERT_TRUE(room.change("bep", [&](NamespaceEdit& of) {
    off.off_variant.reset();
    of.put_identity(off);
    of.put_definition("default", "a", without);
  })) << "together";
}

TEST_F(ChangeTest, a_new_flag_tells_of_segments_that_other_environments_lack) {
  ASSERT_TRUE(room.change("bep", [](NamespaceEdit& of) {
    of.put_segment("staging", "beta", "beta", segment_of(R"({"==":[{"var":"a"},1]})"));
    of.put_identity(identity_of("e"));
    of.put_definition("staging", "e", boolean_flag(true, R"({"if":[{"$ref":"beta"},"on","off"]})"));
  }));
  ASSERT_EQ(room.warnings.size(), 1U);
  EXPECT_THAT(room.warnings[0].message, testing::HasSubstr("default"));
}

TEST_F(ChangeTest, an_operator_with_a_slash_is_escaped_in_pointers) {
  const DefinitionRef divided =
      boolean_flag(true, R"({"if":[{"==":[{"/":[{"$ref":"nope"},2]},1]},"on","off"]})");
  EXPECT_EQ(complaints(put("a", divided)), Texts{"unknown_segment /targeting/if/0/==/0/~1/0/$ref"});
}

TEST_F(ChangeTest, several_changes_that_are_lost_together_make_nobody_read_the_namespace_again) {
  const std::size_t reads = room.reads();
  room.database.clock.advance(std::chrono::seconds(1));
  bool enabled = true;
  room.change_in_vain(
      "bep",
      [&](NamespaceEdit& of) {
        enabled = !enabled;
        of.put_definition("default", "a", boolean_flag(enabled));
      },
      3);
  const std::string same = text_of(*room.change("bep", [](NamespaceEdit&) {}).value());
  EXPECT_EQ(same, text_of(*room.stored("bep")));
  EXPECT_EQ(room.reads(), reads);
}

TEST_F(ChangeTest, a_new_environment_has_the_flags_of_another_one_disabled) {
  ASSERT_TRUE(room.change("bep", [](NamespaceEdit& of) {
    of.put_segment("default", "beta", "beta", segment_of(R"({"==":[{"var":"a"},1]})"));
    of.put_definition("default", "c", boolean_flag(true, R"({"if":[{"$ref":"beta"},"on","off"]})"));
  }));
  room.events();
  ASSERT_TRUE(room.change("bep", [](NamespaceEdit& of) {
    EnvironmentParts parts;
    parts.key = parts.name = "third";
    of.put_environment(parts, "default");
  }));
  EXPECT_THAT(room.event_texts(), ElementsAre("namespace.updated bep"));
  const Flag& copy = flag("c", "third");
  EXPECT_EQ(copy.definition->state, State::disabled);
  EXPECT_THAT(copy.definition->segments(), ElementsAre("beta"));
  EXPECT_NE((*before->environment("third"))->segment("beta"), nullptr);
}

TEST_F(ChangeTest, the_default_environment_moves_and_with_it_the_topic) {
  const auto set_default = [&](std::string_view key, bool is_default) {
    return room.change("bep", [&](NamespaceEdit& of) {
      EnvironmentParts parts = **of.before().environment(key);
      parts.is_default = is_default;
      of.put_environment(parts);
    });
  };
  EXPECT_EQ(complaints(set_default("default", false)), Texts{"in_use"});
  ASSERT_TRUE(set_default("staging", true));
  room.events();
  EXPECT_EQ(room.stored("bep")->default_environment().key, "staging");
  ASSERT_TRUE(put("d", boolean_flag(true), "staging"));
  ASSERT_TRUE(put("d", boolean_flag(false), "default"));
  EXPECT_THAT(room.event_texts(),
              ElementsAre("flags/bep d enabled true", "flags/bep/default d disabled false"));
  EXPECT_EQ(complaints(room.change("bep", [](NamespaceEdit& of) { of.remove_environment("staging"); })),
            Texts{"in_use"});
  ASSERT_TRUE(room.change("bep", [](NamespaceEdit& of) { of.remove_environment("default"); }));
  EXPECT_EQ(room.stored("bep")->environments.size(), 1U);
}

TEST_F(ChangeTest, parents_are_there_in_no_circle_and_three_levels_deep_at_most) {
  EXPECT_EQ(complaints(put(identity_of("d", "nobody"))), Texts{"unknown_flag /parent"});
  EXPECT_EQ(complaints(put(identity_of("d", "c"))), Texts{"too_complex /parent"});
  EXPECT_EQ(complaints(put(identity_of("a", "d"))), Texts{"too_complex /parent"}) << "c would be lower";
  EXPECT_EQ(complaints(put(identity_of("a", "c"))), Texts{"cycle /parent"});
  EXPECT_EQ(complaints(put(identity_of("a", "a"))), Texts{"cycle /parent"});
  const auto removed = room.change("bep", [](NamespaceEdit& of) { of.remove_flag("b"); });
  EXPECT_EQ(complaints(removed), Texts{"in_use"});
  EXPECT_EQ(removed.error().members, R"({"flags":["c"]})");
  EXPECT_TRUE(put(identity_of("d", "b")));
  ASSERT_TRUE(room.change("bep", [](NamespaceEdit& of) {
    for (const char* key : {"a", "b", "c", "d"}) of.remove_flag(key);
  })) << "all at once";
}

TEST_F(ChangeTest, types_variants_and_segments_are_judged) {
  const DefinitionRef text =
      definition_of(R"({"state":"ENABLED","variants":{"x":"1"},"defaultVariant":"x"})");
  EXPECT_EQ(complaints(put("a", text)), Texts{"type_fixed /variants"});
  FlagIdentity off = identity_of("a");
  off.off_variant = "maybe";
  EXPECT_EQ(complaints(put(off)), Texts{"unknown_variant /off_variant"});
  off.off_variant = "off";
  EXPECT_TRUE(put(off));
  const DefinitionRef dangling = boolean_flag(true, R"({"if":[{"$ref":"nope"},"on","off"]})");
  EXPECT_EQ(complaints(put("a", dangling)), Texts{"unknown_segment /targeting/if/0/$ref"});
  ASSERT_TRUE(room.change(
      "bep", [&](NamespaceEdit& of) { of.put_definition("default", "a", dangling, {}, Dangling::warned); }));
  ASSERT_EQ(room.warnings.size(), 1U);
  EXPECT_EQ(room.warnings[0].code, "unknown_segment");
  EXPECT_EQ(complaints(put("nobody", dangling)), Texts{"unknown_flag "});
  EXPECT_EQ(complaints(put("a", dangling, "nowhere")), Texts{"not_found"});
}

TEST_F(ChangeTest, there_are_limits) {
  const auto add_environments = room.change("bep", [](NamespaceEdit& of) {
    for (std::size_t i = 0; i < environments_max - 1; ++i) {
      EnvironmentParts parts;
      parts.key = parts.name = "e" + std::to_string(i);
      of.put_environment(parts);
    }
  });
  EXPECT_EQ(complaints(add_environments), Texts{"limit_reached"});
  const DefinitionRef definition = boolean_flag(false);
  const auto add_flags = [&](std::size_t count) {
    return room.change("bep", [&](NamespaceEdit& of) {
      for (std::size_t i = 0; i < count; ++i) {
        of.put_identity(identity_of("f" + std::to_string(i)));
        of.put_definition("default", "f" + std::to_string(i), definition);
      }
    });
  };
  EXPECT_EQ(complaints(add_flags(flags_max - 3)), Texts{"limit_reached"});
  EXPECT_TRUE(add_flags(flags_max - 4));
  const SegmentRule rule = segment_of(R"({"==":[{"var":"a"},1]})");
  const auto segments = room.change("bep", [&](NamespaceEdit& of) {
    for (std::size_t i = 0; i <= segments_max; ++i)
      of.put_segment("default", "s" + std::to_string(i), "s", rule);
  });
  EXPECT_EQ(complaints(segments), Texts{"limit_reached"});
}

TEST_F(ChangeTest, namespaces_are_unique_and_go_only_when_empty) {
  EXPECT_EQ(complaints(room.make("bep")), Texts{"key_taken"});
  const auto remove = [&](const char* key) {
    return room.change(key, [](NamespaceEdit& of) { of.remove_namespace(); });
  };
  EXPECT_EQ(complaints(remove("bep")), Texts{"in_use"});
  EXPECT_EQ(complaints(remove("default")), Texts{"in_use"});
  ASSERT_TRUE(room.make("empty"));
  const auto same_app = room.change("empty", [](NamespaceEdit& of) {
    of.put_namespace({"empty", "empty", "default", "bep", NamespaceAccess::users});
  });
  EXPECT_EQ(complaints(same_app), Texts{"key_taken"});
  room.events();
  ASSERT_TRUE(remove("empty"));
  EXPECT_THAT(room.event_texts(), ElementsAre("namespace.deleted empty"));
  EXPECT_EQ(room.stored("empty"), nullptr);
  EXPECT_EQ(complaints(remove("empty")), Texts{"not_found"});
}

TEST_F(ChangeTest, there_are_a_thousand_namespaces_at_most) {
  ASSERT_TRUE(room.database.commit([](storage::UnitOfWork& work) -> Result<storage::Nothing> {
    work.query(
            "INSERT INTO namespaces (key, name, tenant_id, app_id, access, version, created_at, updated_at, "
            "stamp) "
            "WITH RECURSIVE n (i) AS (SELECT 3 UNION ALL SELECT i + 1 FROM n WHERE i < 999) "
            "SELECT 'n' || i, '', '', i, 'users', 1, 0, 0, i FROM n")
        .run();
    return storage::Nothing{};
  }));
  EXPECT_TRUE(room.make("last")) << "default, bep, and 997 others are there";
  EXPECT_EQ(complaints(room.make("one-too-many")), Texts{"limit_reached"});
}

}  // namespace
}  // namespace corohub::flags::test
