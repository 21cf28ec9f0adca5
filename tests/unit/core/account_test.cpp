#include "core/account.hpp"

#include <optional>
#include <string>

#include <boost/json/serialize.hpp>
#include <gtest/gtest.h>

namespace corohub {
namespace {

using namespace std::string_literals;

TEST(Role, T43_is_read_exactly) {
  EXPECT_EQ(parse_role("user"), Role::user);
  EXPECT_EQ(parse_role("admin"), Role::admin);
  EXPECT_EQ(parse_role("superadmin"), Role::superadmin);
  for (const std::string& text :
       {""s, "ADMIN"s, "Admin"s, "admin "s, " admin"s, "superadmin\0"s, "root"s, "admi"s})
    EXPECT_EQ(parse_role(text), std::nullopt) << text;
  EXPECT_LT(Role::user, Role::admin);
  EXPECT_LT(Role::admin, Role::superadmin);
}

TEST(UserStatus, is_read_exactly) {
  EXPECT_EQ(parse_status("active"), UserStatus::active);
  EXPECT_EQ(parse_status("disabled"), UserStatus::disabled);
  EXPECT_EQ(parse_status("Active"), std::nullopt);
  EXPECT_EQ(name(UserStatus::disabled), "disabled");
}

TEST(Account, as_json_has_these_members_and_no_more) {
  Account account;
  account.id = 7;
  account.name = "Ann";
  account.email = "ann@example.org";
  account.created_at = 1'767'695'401'123;
  account.updated_at = 1'767'695'401'124;
  account.token_version = 3;
  account.sessions.push_back(SessionId::random());
  EXPECT_EQ(boost::json::serialize(to_json(account)),
            R"({"id":7,"name":"Ann","email":"ann@example.org","age":null,"role":"user","status":"active",)"
            R"("created_at":"2026-01-06T10:30:01.123Z","updated_at":"2026-01-06T10:30:01.124Z"})");
  account.age = 41;
  EXPECT_EQ(to_json(account).at("age").as_int64(), 41);
}

TEST(Account, knows_its_logins) {
  Account account;
  account.sessions = {SessionId::random(), SessionId::random()};
  EXPECT_TRUE(account.has_session(account.sessions[1]));
  EXPECT_FALSE(account.has_session(SessionId::random()));
  EXPECT_FALSE(account.has_session(SessionId{}));
}

TEST(Account, its_text_is_its_object) {
  Account account;
  account.id = 42;
  account.name = "Ann \"the\" \n \xc3\x89";
  account.email = "ann@example.com";
  account.role = Role::superadmin;
  account.status = UserStatus::disabled;
  account.created_at = 1'767'695'401'123;
  account.updated_at = -1;
  for (const std::optional<std::int64_t> age :
       {std::optional<std::int64_t>(), std::optional<std::int64_t>(30)}) {
    account.age = age;
    std::string text;
    append_json(text, account);
    EXPECT_EQ(text, boost::json::serialize(to_json(account)));
  }
}

}  // namespace
}  // namespace corohub
