#include "support.hpp"

#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace corohub::flags {
namespace {

using test::EnvironmentOf;
using Kind = Viewer::Kind;

Result<Context> read(const std::string& text, std::size_t bytes = context_bytes_max + 1) {
  return Context::read(parse_json(text)->as_object(), bytes);
}

TEST(Context, leaves_out_what_is_the_servers) {
  EXPECT_EQ(json_text(read(R"({"b":1,"$flagd":{"flagKey":"x"},"corohub":{"role":"admin"},"a":2})")->object()),
            R"({"b":1,"a":2})");
}

TEST(Context, T51b_is_refused_over_its_limits) {
  const auto nested = [](std::size_t levels) {
    std::string text = "1";
    for (std::size_t i = 0; i < levels; ++i)
      text = i + 1 == levels || i % 2 == 0 ? "{\"a\":" + text + "}" : "[" + text + "]";
    return text;
  };
  const auto wide = [](std::size_t members) {
    std::string text = "{\"list\":[{}";
    for (std::size_t i = 1; i < members; ++i) text += ",{\"a\":1}";
    return text + "]}";
  };
  const auto with_text = [](std::size_t bytes) { return "{\"a\":\"" + std::string(bytes - 8, 'x') + "\"}"; };
  EXPECT_TRUE(read(nested(context_levels_max)));
  EXPECT_FALSE(read(nested(context_levels_max + 1)));
  EXPECT_TRUE(read(wide(context_members_max)));
  EXPECT_FALSE(read(wide(context_members_max + 1)));
  EXPECT_TRUE(read(with_text(context_bytes_max)));
  EXPECT_FALSE(read(with_text(context_bytes_max + 1)));
  EXPECT_FALSE(read(R"({"targetingKey":1})"));
  EXPECT_FALSE(read(R"({"targetingKey":null})"));
  EXPECT_EQ(read(R"({"targetingKey":[]})").error().code, ErrorCode::invalid_request);
}

TEST(Context, has_what_the_server_knows_of_the_caller) {
  const auto of = [](const Viewer& viewer, const std::string& sent) {
    Namespace name_space;
    name_space.key = "bep";
    Context context = *read(sent);
    context.set_caller(Standing(viewer, name_space, nullptr, 0), "staging");
    return json_text(context.object());
  };
  const std::string rest =
      R"("client":null,"package":null,"platform":null,"attributes":null,"namespace":"bep","environment":"staging"}})";
  EXPECT_EQ(of({.kind = Kind::guest}, "{}"),
            R"({"corohub":{"kind":"guest","userId":null,"role":null,)" + rest);
  EXPECT_EQ(of({.kind = Kind::service, .service_key = 4}, R"({"targetingKey":""})"),
            R"({"targetingKey":"","corohub":{"kind":"service","userId":null,"role":null,)" + rest);
  EXPECT_EQ(of({.kind = Kind::user, .user_id = 7, .role = Role::admin}, R"({"targetingKey":"mine"})"),
            R"({"targetingKey":"mine","corohub":{"kind":"user","userId":7,"role":"admin",)" + rest);
  std::string expected = R"({"corohub":{"kind":"user","userId":7,"role":"user",)" + rest;
  expected.insert(expected.size() - 1, R"(,"targetingKey":"user:7")");
  EXPECT_EQ(of({.kind = Kind::user, .user_id = 7}, "{}"), expected);
  EXPECT_EQ(of({.kind = Kind::user, .user_id = 7}, R"({"targetingKey":""})"),
            R"({"targetingKey":"user:7","corohub":{"kind":"user","userId":7,"role":"user",)" + rest);
}

TEST(Context, has_one_canonical_form) {
  const std::string form = read(R"({"b":[1.0,"\u00e9"],"a":{"y":1e2,"x":null}})")->canonical();
  EXPECT_EQ(form, "{\"a\":{\"x\":null,\"y\":100},\"b\":[1,\"\xc3\xa9\"]}");
  EXPECT_EQ(read(R"({"a":{"x":null,"y":100},"b":[1,"é"]})")->canonical(), form);
}

TEST(Viewer, may_evaluate_by_the_access_of_the_namespace) {
  Namespace name_space;
  name_space.key = "bep";
  const auto allowed = [&](const Viewer& viewer) {
    std::string text;
    for (const NamespaceAccess access :
         {NamespaceAccess::everybody, NamespaceAccess::users, NamespaceAccess::clients}) {
      name_space.access = access;
      text += Standing(viewer, name_space, nullptr, 0).may_evaluate() ? "y" : "n";
    }
    return text;
  };
  EXPECT_EQ(allowed({.kind = Kind::guest}), "ynn");
  EXPECT_EQ(allowed({.kind = Kind::user, .user_id = 1}), "yyn");
  EXPECT_EQ(allowed({.kind = Kind::user, .user_id = 1, .role = Role::superadmin}), "yyn");
  const std::vector<std::pair<std::string, std::string>> table = {
      {"flags:evaluate", "yyy"},     {"flags:read", "yyy"},        {"flags:evaluate:bep", "yyy"},
      {"flags:read:bep", "yyy"},     {"flags:evaluate:be", "nnn"}, {"flags:evaluate:bepx", "nnn"},
      {"flags:read:default", "nnn"}, {"flags:write", "nnn"},       {"publish", "nnn"},
  };
  for (const auto& [scope, expected] : table) {
    const std::vector<std::string> scopes = {"publish:all", scope};
    EXPECT_EQ(allowed({.kind = Kind::service, .scopes = scopes}), expected) << scope;
  }
}

TEST(Viewer, sees_what_is_not_hidden_by_itself_or_an_ancestor) {
  const std::string on = R"({"state":"ENABLED","variants":{"a":1}})";
  const auto environment =
      EnvironmentOf{.flags = {{.key = "hidden", .definition = on, .client_visible = false},
                              {.key = "below", .definition = on, .parent = "hidden"},
                              {.key = "gated", .definition = on, .package_gated = true},
                              {.key = "deep", .definition = on, .parent = "below"},
                              {.key = "plain", .definition = on}}}
          .make();
  const auto seen = [&](const Viewer& viewer) {
    const Namespace name_space;
    const Standing who(viewer, name_space, nullptr, 0);
    std::string keys;
    for (const Flag& flag : environment->flags())
      if (who.sees(flag)) keys += flag.key() + " ";
    return keys;
  };
  EXPECT_EQ(seen({.kind = Kind::service}), "below deep gated hidden plain ");
  EXPECT_EQ(seen({.kind = Kind::user, .user_id = 1, .role = Role::superadmin}), "plain ");
  EXPECT_EQ(seen({.kind = Kind::guest}), "plain ");
}

}  // namespace
}  // namespace corohub::flags
