// What gateways are told to forget, to the letter, and by which changes; and when clients have to fetch
// everything again.
#include "flags/cache_events.hpp"

#include "room.hpp"

#include <gmock/gmock.h>

namespace corohub::flags::test {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using Type = CacheEvent::Type;

TEST(CacheEventText, has_always_these_members_in_this_order_and_whole_seconds) {
  const CacheEvent all_members{.type = Type::clear,
                               .tenant_id = "tenant-123",
                               .app_id = "app-456",
                               .key = "tenant-123#app-456#/api/payment#CONFIG#production",
                               .service_name = "stripe_payment"};
  EXPECT_EQ(flags::text_of(all_members, 1'705'314'600'999),
            R"({"payload":{"type":"CACHE_CLEAR_INVALID","tenantId":"tenant-123","appId":"app-456",)"
            R"("key":"tenant-123#app-456#/api/payment#CONFIG#production","serviceName":"stripe_payment"},)"
            R"("timestamp":"2024-01-15T10:30:00Z","source":"config-manager"})");
  EXPECT_EQ(flags::text_of(CacheEvent{}, 0, "me \"too\""),
            R"({"payload":{"type":"ALL_CACHE_INVALID","tenantId":null,"appId":null,"key":null,)"
            R"("serviceName":null},"timestamp":"1970-01-01T00:00:00Z","source":"me \"too\""})");
}

TEST(CacheEventText, knows_the_four_types_and_no_other) {
  for (const Type type : {Type::clear, Type::remove, Type::all, Type::clear_service})
    EXPECT_EQ(parse_cache_event_type(name(type)), type);
  EXPECT_EQ(name(Type::remove), "CACHE_DELETE_INVALID");
  EXPECT_EQ(name(Type::clear_service), "CACHE_CLEAR_SERVICE_INVALID");
  EXPECT_EQ(parse_cache_event_type("ROUTE_CREATED"), std::nullopt);
  EXPECT_EQ(parse_cache_event_type(""), std::nullopt);
}

// "CACHE_CLEAR_INVALID default bep - -": type, tenant, application, key, service.
std::string text_of_payload(const std::string& logged) {
  const json::object data = object_of(logged.substr(logged.find('{')));
  if (!logged.starts_with("config.cache")) {
    const json::value client = data.at("client");
    return "sync " + std::string(data.at("namespace").as_string()) + ' ' + json_text(client) + ' ' +
           std::string(data.at("reason").as_string());
  }
  const json::object& payload = data.at("payload").as_object();
  std::string text(payload.at("type").as_string());
  for (const char* member : {"tenantId", "appId", "key", "serviceName"})
    text += payload.at(member).is_null() ? " -" : ' ' + std::string(payload.at(member).as_string());
  return text;
}

struct CausesOfCacheEvents : testing::Test {
  CausesOfCacheEvents() {
    EXPECT_TRUE(room.make("bep"));
    room.logged();
  }
  template <class F>
  std::vector<std::string> after(F edit) {
    EXPECT_TRUE(room.change("bep", edit));
    return texts();
  }
  std::vector<std::string> texts() {
    std::vector<std::string> texts = room.config_texts();
    for (std::string& one : texts) one = text_of_payload(one);
    return texts;
  }

  Room room;
};

TEST_F(CausesOfCacheEvents, a_namespace_clears_its_application_where_it_was_and_where_it_is) {
  ASSERT_TRUE(room.make("shop"));
  EXPECT_THAT(texts(), ElementsAre("CACHE_CLEAR_INVALID default shop - -"));
  EXPECT_THAT(after([](NamespaceEdit& of) {
                of.put_namespace({"bep", "Back end", "default", "bep", NamespaceAccess::users});
              }),
              ElementsAre("CACHE_CLEAR_INVALID default bep - -"));
  EXPECT_THAT(after([](NamespaceEdit& of) {
                of.put_namespace({"bep", "Back end", "acme", "back", NamespaceAccess::users});
              }),
              ElementsAre("CACHE_CLEAR_INVALID default bep - -", "CACHE_CLEAR_INVALID acme back - -"));
  EXPECT_THAT(after([](NamespaceEdit& of) { of.remove_namespace(); }),
              ElementsAre("CACHE_CLEAR_INVALID acme back - -"));
}

TEST_F(CausesOfCacheEvents, an_environment_clears_once_and_a_new_default_one_calls_the_clients) {
  EnvironmentParts staging;
  staging.key = "staging";
  staging.name = "staging";
  EXPECT_THAT(after([&](NamespaceEdit& of) { of.put_environment(staging); }),
              ElementsAre("CACHE_CLEAR_INVALID default bep - -"));
  EXPECT_THAT(after([&](NamespaceEdit& of) { of.put_environment(staging); }), IsEmpty());
  staging.is_default = true;
  EXPECT_THAT(
      after([&](NamespaceEdit& of) { of.put_environment(staging); }),
      ElementsAre("CACHE_CLEAR_INVALID default bep - -", "sync bep null default_environment_changed"));
  EXPECT_THAT(after([&](NamespaceEdit& of) { of.remove_environment("default"); }),
              ElementsAre("CACHE_CLEAR_INVALID default bep - -"));
}

TEST_F(CausesOfCacheEvents, a_platform_clears_its_service_and_flags_clear_nothing) {
  Platform web;
  web.key = "web";
  web.name = "web";
  web.config = "{}";
  const auto put = [&](NamespaceEdit& of) { of.put_platform(web); };
  EXPECT_THAT(after(put), ElementsAre("CACHE_CLEAR_SERVICE_INVALID default - - web"));
  EXPECT_THAT(after(put), IsEmpty());
  web.enabled = false;
  EXPECT_THAT(after(put), ElementsAre("CACHE_CLEAR_SERVICE_INVALID default - - web"));
  EXPECT_THAT(after([](NamespaceEdit& of) {
                of.put_identity(identity_of("a"));
                of.put_definition("default", "a", boolean_flag(true));
                of.put_segment("default", "beta", "beta", segment_of(R"({"==":[{"var":"a"},1]})"));
              }),
              IsEmpty());
}

TEST_F(CausesOfCacheEvents, all_that_an_import_or_a_copy_changes_is_one_event_and_calls_the_clients) {
  const auto put = [](NamespaceEdit& of) {
    of.put_identity(identity_of("a"));
    of.put_definition("default", "a", boolean_flag(true));
    EnvironmentParts parts = **of.before().environment("default");
    parts.metadata["team"] = "x";
    of.put_environment(parts);
  };
  room.author.source = Source::import;
  EXPECT_THAT(after(put), ElementsAre("CACHE_CLEAR_INVALID default bep - -", "sync bep null import"));
  EXPECT_THAT(after(put), IsEmpty()) << "nothing differs";
  room.author.source = Source::copy;
  EXPECT_THAT(after([](NamespaceEdit& of) { of.put_definition("default", "a", boolean_flag(false)); }),
              ElementsAre("CACHE_CLEAR_INVALID default bep - -", "sync bep null copy"));
}

TEST_F(CausesOfCacheEvents, the_revision_is_the_place_of_the_last_event_of_all) {
  room.author.source = Source::import;
  room.author.caller.command_line = false;
  room.author.caller.user_id = 7;
  ASSERT_TRUE(room.change("bep", [](NamespaceEdit& of) {
    of.put_identity(identity_of("a"));
    of.put_definition("default", "a", boolean_flag(true));
  }));
  const auto logged = room.logged();
  ASSERT_EQ(logged.size(), 3U);
  EXPECT_EQ(logged[1].topic, "proxy_config_events");
  EXPECT_EQ(logged[1].roles, hub::Audience::admin_bits);
  EXPECT_EQ(logged[2].roles, hub::Audience::clients().roles);
  EXPECT_EQ(json_text(logged[2].data),
            R"({"namespace":"bep","client":null,"reason":"import","changed_by":7,"version":1})");
  EXPECT_EQ(json_text(logged[2].attributes), R"({"for":{"namespace":2}})");
  EXPECT_EQ(room.stored("bep")->default_environment().revision, room.head());
}

}  // namespace
}  // namespace corohub::flags::test
