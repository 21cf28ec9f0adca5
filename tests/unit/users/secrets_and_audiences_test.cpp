// What concerns every change at once: that no secret is stored, and who hears of what.
#include "house.hpp"
#include "users/events.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace corohub::users::test {
namespace {

using ::testing::HasSubstr;

TEST(Secrets, T26_none_reaches_the_disk) {
  House house;
  const Person root = house.person("root", Role::superadmin);
  const Person ann = house.person("ann");
  const std::string reset_path = "/api/v1/admin/users/" + std::to_string(ann.id) + "/password-reset";
  const std::string link = house.send(Method::post, reset_path, json::object{}, root).text("token");
  const Reply refreshed = house.send(Method::post, "/api/v1/auth/refresh", {{"refresh_token", ann.refresh}});
  house.send(Method::post, "/api/v1/auth/login", {{"email", ann.email}, {"password", "canary-guess"}});
  house.send(Method::post, "/api/v1/auth/password/reset", {{"token", link}, {"password", "canary-new-1"}});

  const std::string disk = house.disk();
  ASSERT_THAT(disk, HasSubstr("ann@example.com")) << "the look-out works";
  for (const std::string& secret :
       {std::string(password), ann.token, ann.refresh, link, refreshed.text("refresh_token"),
        std::string("canary-guess"), std::string("canary-new-1")})
    EXPECT_EQ(disk.find(secret), std::string::npos);
}

TEST(Audiences, T48_superadmins_are_admins_and_users_hear_of_themselves_only) {
  Account account;
  account.id = 7;
  const hub::Audience admins = hub::Audience::admins();
  const hub::Audience both = hub::Audience::user_and_admins(7);
  const hub::Audience user = hub::Audience::user(7);
  EXPECT_EQ(user_created(account).audience, admins);
  EXPECT_EQ(user_deleted(account, 1, 0).audience, admins);
  EXPECT_EQ(user_updated(account, {"name"}, 1).audience, both);
  EXPECT_EQ(user_role_changed(account, Role::user, 1, 0).audience, both);
  EXPECT_EQ(profile_updated(account, {"name"}).audience, user);
  EXPECT_EQ(password_changed(7, 0).audience, user);
  EXPECT_TRUE(admins.includes({1, Role::superadmin, {}}));
  EXPECT_FALSE(admins.includes({7, Role::user, {}}));
}

}  // namespace
}  // namespace corohub::users::test
