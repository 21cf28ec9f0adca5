#include "auth/policy.hpp"

#include <gtest/gtest.h>

namespace corohub::auth {
namespace {

using enum Role;

TEST(Policy, T43_acts_on_lower_ranks_and_a_superadmin_also_on_superadmins) {
  EXPECT_FALSE(may_act_on(user, user));
  EXPECT_FALSE(may_act_on(user, admin));
  EXPECT_FALSE(may_act_on(user, superadmin));
  EXPECT_TRUE(may_act_on(admin, user));
  EXPECT_FALSE(may_act_on(admin, admin));
  EXPECT_FALSE(may_act_on(admin, superadmin));
  EXPECT_TRUE(may_act_on(superadmin, user));
  EXPECT_TRUE(may_act_on(superadmin, admin));
  EXPECT_TRUE(may_act_on(superadmin, superadmin));
}

TEST(Policy, T43_grants_at_most_the_own_rank_and_users_grant_nothing) {
  for (const Role granted : {user, admin, superadmin}) EXPECT_FALSE(may_grant(user, granted));
  EXPECT_TRUE(may_grant(admin, user));
  EXPECT_TRUE(may_grant(admin, admin));
  EXPECT_FALSE(may_grant(admin, superadmin));
  for (const Role granted : {user, admin, superadmin}) EXPECT_TRUE(may_grant(superadmin, granted));
}

TEST(Policy, T48_admins_are_admin_and_superadmin) {
  EXPECT_FALSE(is_admin(user));
  EXPECT_TRUE(is_admin(admin));
  EXPECT_TRUE(is_admin(superadmin));
}

}  // namespace
}  // namespace corohub::auth
