// What bodies may say of a gateway's route, what of them is a change, and how many there are.
#include "flags/gateway_route.hpp"

#include "client_room.hpp"
#include "flags/gateway_route_change.hpp"
#include "flags/services.hpp"
#include "room.hpp"

#include <gmock/gmock.h>

namespace corohub::flags::test {
namespace {

using testing::ElementsAre;

GatewayRoute payment() {
  GatewayRoute route =
      read_new_gateway_route(object_of(R"({"path":"/api/payment","service_name":"stripe_payment"})")).value();
  route.id = 3;
  return route;
}

TEST(GatewayRouteBody, says_a_path_and_what_else_there_is_has_defaults) {
  json::object shown = to_json(payment());
  EXPECT_EQ(json_text(shown),
            R"({"id":3,"name":"/api/payment","path":"/api/payment","service_name":"stripe_payment",)"
            R"("enabled":true,"config":{},"version":1,"created_at":"1970-01-01T00:00:00.000Z",)"
            R"("updated_at":"1970-01-01T00:00:00.000Z"})");
}

TEST(GatewayRouteBody, is_refused_with_every_wrong_member) {
  struct Case {
    std::string body;
    std::vector<std::string> complaints;
  };
  const std::string long_path = '/' + std::string(gateway_path_max, 'a');
  const std::string big = std::string(gateway_config_bytes_max, 'x');
  for (const Case& one : std::vector<Case>{
           {R"({})", {"required /path"}},
           {R"({"path":"api"})", {"invalid_format /path"}},
           {R"({"path":"/a b"})", {"invalid_format /path"}},
           {R"({"path":"/a#b"})", {"invalid_format /path"}},
           {R"({"path":")" + long_path + R"("})", {"too_long /path"}},
           {R"({"path":"/a","paht":"/b","x-team":1,"$id":2})", {"unknown_member /paht"}},
           {R"({"path":"/a","id":7})", {"unknown_member /id"}},
           {R"({"path":"/a","enabled":1,"config":[],"service_name":null})",
            {"invalid_type /service_name", "invalid_type /enabled", "invalid_type /config"}},
           {R"({"path":"/a","config":{"a":")" + big + R"("}})", {"out_of_range /config"}},
       })
    EXPECT_EQ(complaints(read_new_gateway_route(object_of(one.body))), one.complaints)
        << one.body.substr(0, 80);
  const std::string fits = std::string(gateway_config_bytes_max - 8, 'x');
  EXPECT_TRUE(read_new_gateway_route(object_of(R"({"path":"/","config":{"a":")" + fits + R"("}})")));
  EXPECT_TRUE(
      read_new_gateway_route(object_of(R"({"path":"/api/**/{id}","config":{"anything":{"b":[1]}}})")));
}

TEST(GatewayRouteBody, says_the_same_with_the_members_of_its_config_in_another_order) {
  const GatewayRoute before =
      read_new_gateway_route(object_of(R"({"path":"/pay","config":{"a":1,"b":{"c":2,"d":3}}})")).value();
  const auto put = [&](const std::string& body) {
    return read_gateway_route(before, object_of(body)).value();
  };
  EXPECT_TRUE(says_the_same(before, put(R"({"path":"/pay","config":{"b":{"d":3,"c":2},"a":1}})")));
  EXPECT_FALSE(says_the_same(before, put(R"({"path":"/pay","config":{"b":{"d":3,"c":2},"a":2}})")));
}

TEST(GatewayRouteBody, replaces_all_with_PUT_and_some_with_PATCH) {
  GatewayRoute before = payment();
  before.name = "Payments";
  before.config = R"({"timeout":5,"retry":{"times":1}})";
  const GatewayRoute put = read_gateway_route(before, object_of(R"({"path":"/pay"})")).value();
  EXPECT_EQ(put.id, 3);
  EXPECT_EQ(put.name, "/pay");
  EXPECT_EQ(put.service_name, "");
  EXPECT_EQ(put.config, "{}");
  const GatewayRoute patched =
      patch_gateway_route(before,
                          object_of(R"({"enabled":false,"config":{"retry":{"wait":2},"timeout":null}})"))
          .value();
  EXPECT_EQ(patched.name, "Payments");
  EXPECT_EQ(patched.config, R"({"retry":{"times":1,"wait":2}})");
  EXPECT_FALSE(patched.enabled || says_the_same(before, patched));
  EXPECT_TRUE(
      says_the_same(before, patch_gateway_route(before, object_of(R"({"name":"Payments"})")).value()));
  for (const auto& read : {read_gateway_route, patch_gateway_route}) {
    EXPECT_TRUE(says_the_same(before, read(before, to_json(before)).value())) << "as it was shown";
    EXPECT_EQ(read(before, object_of(R"({"path":"/a","version":3})")).error().code,
              ErrorCode::field_not_allowed);
  }
  EXPECT_THAT(complaints(patch_gateway_route(before, object_of(R"({"path":null,"y":1})"))),
              ElementsAre("unknown_member /y", "required /path"));
}

TEST(GatewayRoutes, are_so_many_in_an_environment_and_no_more) {
  ClientRoom room;
  FlagServices services({room.database.writer, room.database.readers, room.database.readers,
                         room.database.clock, "epoch", [](std::size_t) { return Seq(0); }},
                        {});
  const auto fill = [&](storage::UnitOfWork& work) -> Result<storage::Nothing> {
    work.query(
            "INSERT INTO gateway_routes (environment_id, name, path, version, created_at, updated_at) "
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?) "
            "SELECT ?, i, '/r' || i, 1, 0, 0 FROM n")
        .bind(static_cast<std::int64_t>(gateway_routes_max - 1), room.name_space().default_environment().id)
        .run();
    return storage::Nothing{};
  };
  ASSERT_TRUE(room.commit(fill));
  const auto make = [&](const std::string& environment, const std::string& path) -> std::string {
    Change change;
    change.name_space = "bep";
    change.author = room.author;
    GatewayRoute route = read_new_gateway_route(object_of(R"({"path":")" + path + R"("})")).value();
    const auto made = room.commit(GatewayRouteChange(services, change, environment, std::move(route)));
    return made ? "made" : std::string(name(made.error().code));
  };
  EXPECT_EQ(make("default", "/last"), "made");
  EXPECT_EQ(make("default", "/beyond"), "limit_reached");
  EXPECT_EQ(make("staging", "/beyond"), "made") << "another environment has its own";
}

}  // namespace
}  // namespace corohub::flags::test
