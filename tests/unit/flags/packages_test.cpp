// Platforms and packages in a namespace: their events and audit rows, what a flag that goes leaves behind,
// and what is refused because others use it.
#include "flags/gate_records.hpp"
#include "room.hpp"

#include <gmock/gmock.h>

namespace corohub::flags::test {
namespace {

using testing::IsEmpty;
using Texts = std::vector<std::string>;

// bep: flags a (behind a package) <- b, and c, all on; package pro has a and c; platform web, on.
struct PackagesTest : testing::Test {
  PackagesTest() {
    EXPECT_TRUE(room.make("bep"));
    EXPECT_TRUE(room.change("bep", [](NamespaceEdit& of) {
      FlagIdentity a = identity_of("a");
      a.package_gated = true;
      of.put_identity(a);
      of.put_identity(identity_of("b", "a"));
      of.put_identity(identity_of("c"));
      for (const char* key : {"a", "b", "c"}) of.put_definition("default", key, boolean_flag(true));
      of.put_platform(platform(true));
    }));
    bep = room.stored("bep");
    put(package({"a", "c"}));
    room.events();
  }

  static Platform platform(bool enabled, std::string config = "{}") {
    Platform one;
    one.key = one.name = "web";
    one.enabled = enabled;
    one.config = std::move(config);
    return one;
  }
  Package package(std::initializer_list<const char*> flags) {
    Package one;
    one.key = one.name = "pro";
    for (const char* key : flags) one.features.push_back({id_of(key)});
    std::ranges::sort(one.features, {}, &Feature::flag_id);
    return one;
  }
  std::int64_t id_of(std::string_view flag) { return find_identity(*bep, flag)->id; }
  Result<NamespaceRef> put(Platform one) {
    return room.change("bep", [&](NamespaceEdit& of) { of.put_platform(std::move(one)); });
  }
  Result<NamespaceRef> put(Package one) {
    return room.change("bep", [&](NamespaceEdit& of) { of.put_package(std::move(one)); });
  }
  void run(const std::string& sql) {
    const auto unit = [&](storage::UnitOfWork& work) -> Result<int> {
      work.query(sql).run();
      return 0;
    };
    ASSERT_TRUE(room.database.commit(unit));
  }
  // `more` of columns and values; ids are given, so that tests can name them.
  void add_client(int id, const std::string& column = {}, std::int64_t value = 0) {
    const std::string key = "c" + std::to_string(id);
    run("INSERT INTO clients (id, namespace_id, key, name, version, created_at, updated_at" +
        (column.empty() ? "" : ", " + column) + ") VALUES (" + std::to_string(id) + ", " +
        std::to_string(bep->id) + ", '" + key + "', '" + key + "', 1, 0, 0" +
        (column.empty() ? "" : ", " + std::to_string(value)) + ")");
  }
  void add_override(int client, std::string_view flag, bool granted, const std::string& expires = "NULL") {
    run("INSERT INTO client_overrides (client_id, flag_id, granted, expires_at) VALUES (" +
        std::to_string(client) + ", " + std::to_string(id_of(flag)) + ", " + (granted ? "1" : "0") + ", " +
        expires + ")");
  }
  std::int64_t pro() { return room.stored("bep")->packages.front()->id; }

  Room room;
  NamespaceRef bep;
};

TEST_F(PackagesTest, what_changes_is_told_to_whom_it_concerns) {
  ASSERT_TRUE(put(platform(false)));
  ASSERT_TRUE(put(package({"a"})));
  const std::vector<Room::Logged> events = room.events();
  ASSERT_EQ(events.size(), 2U);
  const std::string web = std::to_string(bep->platforms.front()->id);
  EXPECT_EQ(json_text(events[0].data), R"({"namespace":"bep","id":)" + web +
                                           R"(,"key":"web","changes":["enabled"],"enabled":false,)"
                                           R"("changed_by":null,"version":2})");
  EXPECT_EQ(json_text(events[0].attributes), R"({"for":{"namespace":)" + std::to_string(bep->id) + "}}");
  EXPECT_EQ(events[0].also, "platform/" + web);
  EXPECT_EQ(events[0].roles, hub::Audience::admins_and_clients().roles);
  EXPECT_EQ(json_text(events[1].data), R"({"namespace":"bep","id":)" + std::to_string(pro()) +
                                           R"(,"key":"pro","changes":["features"],"changed_by":null,)"
                                           R"("version":2})");
  EXPECT_EQ(json_text(events[1].attributes), R"({"for":{"namespace":)" + std::to_string(bep->id) +
                                                 R"(,"package":)" + std::to_string(pro()) + "}}");
  EXPECT_EQ(events[1].also, "package/" + std::to_string(pro()));
}

TEST_F(PackagesTest, nothing_is_told_of_what_stays_the_same) {
  ASSERT_TRUE(put(platform(true, R"({"a":1,"b":2})")));
  room.events();
  ASSERT_TRUE(put(platform(true, R"({"b":2,"a":1})"))) << "in another order";
  ASSERT_TRUE(put(package({"c", "a"})));
  EXPECT_THAT(room.events(), IsEmpty());
}

TEST_F(PackagesTest, a_flag_that_goes_leaves_packages_and_clients) {
  add_client(7, "package_id", pro());
  add_override(7, "c", true);
  ASSERT_TRUE(room.change("bep", [](NamespaceEdit& of) { of.remove_flag("c"); }));
  const std::vector<Room::Logged> events = room.events();
  ASSERT_EQ(events.size(), 3U);
  EXPECT_EQ(events[0].type, "package.updated");
  EXPECT_EQ(json_text(events[0].data.at("changes")), R"(["features"])");
  EXPECT_EQ(json_text(events[0].data.at("version")), "2");
  EXPECT_EQ(events[1].text(), "flags/bep c deleted false");
  EXPECT_EQ(events[1].also, "feature/" + std::to_string(id_of("c")));
  EXPECT_FALSE(events[1].attributes.at("flag").as_object().contains("packages")) << "it was for all";
  EXPECT_EQ(events[2].type, "client.updated");
  EXPECT_EQ(json_text(events[2].data.at("changes")), R"(["overrides"])");
  EXPECT_EQ(json_text(events[2].data.at("version")), "2");
}

TEST_F(PackagesTest, the_event_of_a_gated_flag_that_goes_says_who_saw_it) {
  for (const int id : {1, 2, 3, 4, 5}) add_client(id, "package_id", pro());
  add_client(6);
  add_override(2, "a", false);
  add_override(3, "a", true);
  add_override(4, "a", false, "1");  // long past
  add_override(6, "a", true);
  ASSERT_TRUE(room.change("bep", [](NamespaceEdit& of) { of.remove_flag("b"); }));
  const std::string packages = R"("packages":[)" + std::to_string(pro()) + "]";
  for (const Room::Logged& event : room.events())
    EXPECT_THAT(json_text(event.attributes),
                testing::HasSubstr(packages + R"(,"granted":[3,6],"denied":[2])"))
        << "its parent is behind a package";
}

TEST_F(PackagesTest, where_too_many_were_denied_no_package_counts) {
  for (int id = 1; id <= static_cast<int>(gate_clients_max) + 1; ++id) {
    add_client(id, "package_id", pro());
    add_override(id, "a", id == 1);
  }
  add_client(5'000);
  add_override(5'000, "a", false);
  ASSERT_TRUE(room.change("bep", [](NamespaceEdit& of) {
    of.remove_flag("a");
    of.remove_flag("b");
  }));
  std::size_t told = 0;
  for (const Room::Logged& event : room.events())
    if (event.type == "flag.deleted") {
      ++told;
      EXPECT_THAT(json_text(event.attributes),
                  testing::HasSubstr(R"("packages":[],"granted":[1],"denied":[])"));
    }
  EXPECT_EQ(told, 2U);
}

TEST_F(PackagesTest, what_others_use_stays) {
  const auto refusal = [&](auto edit) {
    const Result<NamespaceRef> done = room.change("bep", edit);
    return done ? "done" : std::string(name(done.error().code)) + " " + done.error().members;
  };
  const auto without_package = [](NamespaceEdit& of) { of.remove_package("pro"); };
  const auto without_platform = [](NamespaceEdit& of) { of.remove_platform("web"); };
  const auto without_environment = [](NamespaceEdit& of) { of.remove_environment("staging"); };
  EnvironmentParts staging;
  staging.key = staging.name = "staging";
  ASSERT_TRUE(room.change("bep", [&](NamespaceEdit& of) { of.put_environment(staging); }));
  FlagIdentity c = identity_of("c");
  c.platform = "web";
  ASSERT_TRUE(room.change("bep", [&](NamespaceEdit& of) { of.put_identity(c); }));
  add_client(1, "package_id", pro());
  add_client(2, "platform_id", bep->platforms.front()->id);
  add_client(3, "environment_id", (*room.stored("bep")->environment("staging"))->id);
  EXPECT_EQ(refusal(without_package), R"(in_use {"clients":["c1"]})");
  EXPECT_EQ(refusal(without_platform), R"(in_use {"flags":["c"],"clients":["c2"]})");
  EXPECT_EQ(refusal(without_environment), R"(in_use {"clients":["c3"]})");
  run("DELETE FROM clients");
  EXPECT_EQ(refusal(without_platform), R"(in_use {"flags":["c"]})");
  EXPECT_EQ(refusal([&](NamespaceEdit& of) {
              of.put_identity(identity_of("c"));
              of.remove_platform("web");
              of.remove_package("pro");
              of.remove_environment("staging");
            }),
            "done");
  EXPECT_TRUE(room.stored("bep")->platforms.empty());
}

TEST_F(PackagesTest, a_namespace_with_packages_or_clients_is_not_empty) {
  const auto remove = [&] { return room.change("bep", [](NamespaceEdit& of) { of.remove_namespace(); }); };
  ASSERT_TRUE(room.change("bep", [](NamespaceEdit& of) {
    for (const char* key : {"a", "b", "c"}) of.remove_flag(key);
    of.remove_platform("web");
  }));
  EXPECT_EQ(complaints(remove()), Texts{"in_use"}) << "a package";
  ASSERT_TRUE(room.change("bep", [](NamespaceEdit& of) { of.remove_package("pro"); }));
  add_client(1);
  EXPECT_EQ(complaints(remove()), Texts{"in_use"}) << "a client";
  run("DELETE FROM clients");
  EXPECT_TRUE(remove());
}

TEST_F(PackagesTest, there_are_so_many_at_most) {
  const auto fill = [&](std::size_t platforms, std::size_t packages) {
    return complaints(room.change("bep", [&](NamespaceEdit& of) {
      for (std::size_t i = 0; i < platforms; ++i) {
        Platform one = platform(true);
        one.key = "p" + std::to_string(i);
        of.put_platform(one);
      }
      for (std::size_t i = 0; i < packages; ++i) {
        Package one;
        one.key = one.name = "k" + std::to_string(i);
        of.put_package(one);
      }
    }));
  };
  EXPECT_EQ(fill(platforms_max, 0), Texts{"limit_reached"});
  EXPECT_EQ(fill(0, packages_max), Texts{"limit_reached"});
  EXPECT_THAT(fill(platforms_max - 1, packages_max - 1), IsEmpty());
}

TEST_F(PackagesTest, the_trail_shows_packages_by_the_keys_of_their_flags) {
  ASSERT_TRUE(room.change("bep", [](NamespaceEdit& of) {
    of.remove_package("pro");
    of.remove_platform("web");
  }));
  EXPECT_THAT(room.audit(), testing::IsSupersetOf(
                                {"platform.create bep/platforms/web", "package.create bep/packages/pro",
                                 "platform.delete bep/platforms/web", "package.delete bep/packages/pro"}));
}

}  // namespace
}  // namespace corohub::flags::test
