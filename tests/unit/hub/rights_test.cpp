// Changes of rights at their place in the stream.
#include "unit/hub/support.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace corohub::hub::test {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

const SessionId laptop = SessionId::random();
const SessionId phone = SessionId::random();

struct Rights : testing::Test {
  OneShard one;
};

TEST_F(Rights, a_demotion_moves_every_connection_of_the_user) {
  FakeMember first(one.shard, {1, Role::admin, laptop}), second(one.shard, {1, Role::admin, phone}),
      other(one.shard, {2, Role::admin, laptop});
  const auto reached = one.publish(
      {event("before", Audience::admins(), 1), AccountChanged{1, account(1, Role::user, {laptop, phone})},
       event("after", Audience::admins(), 2), event("users", Audience::exactly(Role::user), 3)});
  EXPECT_THAT(reached, ElementsAre(3, 0, 1, 2));
  EXPECT_THAT(first.roles_seen, ElementsAre(Role::user));
  EXPECT_THAT(second.roles_seen, ElementsAre(Role::user));
  EXPECT_THAT(other.roles_seen, IsEmpty());
  EXPECT_EQ(first.identity().role, Role::user);
  EXPECT_THAT(other.log, ElementsAre("before", "after"));
}

TEST_F(Rights, what_was_queued_for_a_lost_role_is_discarded_in_the_same_turn) {
  FakeMember member(one.shard, {1, Role::admin, laptop});
  one.publish({event("admins", Audience::admins(), 1), event("own", Audience::user_and_admins(1), 2),
               AccountChanged{1, account(1, Role::user, {laptop})}});
  EXPECT_THAT(member.log, ElementsAre("own"));
}

TEST_F(Rights, also_what_has_waited_for_a_full_socket) {
  FakeMember member(one.shard, {1, Role::admin, laptop});
  member.blocked = true;
  one.publish({event("admins", Audience::admins(), 1), event("all", Audience::everyone(), 2)});
  one.publish({AccountChanged{1, account(1, Role::user, {laptop})}});
  member.take_all();
  EXPECT_THAT(member.log, ElementsAre("all"));
}

TEST_F(Rights, a_promotion_adds_from_here_on) {
  FakeMember member(one.shard, {1, Role::user, laptop});
  one.publish({event("before", Audience::admins(), 1),
               AccountChanged{1, account(1, Role::superadmin, {laptop})},
               event("after", Audience::admins(), 2)});
  EXPECT_THAT(member.log, ElementsAre("after"));
  EXPECT_THAT(member.roles_seen, ElementsAre(Role::superadmin));
}

TEST_F(Rights, a_change_of_anything_else_touches_no_connection) {
  FakeMember member(one.shard, {1, Role::user, laptop});
  EXPECT_THAT(one.publish({AccountChanged{1, account(1, Role::user, {laptop, phone})}}), ElementsAre(0));
  EXPECT_THAT(member.roles_seen, IsEmpty());
  EXPECT_THAT(member.log, IsEmpty());
}

TEST_F(Rights, a_session_that_ended_closes_its_connections_after_their_own_last_event) {
  FakeMember stays(one.shard, {1, Role::user, phone}), goes(one.shard, {1, Role::user, laptop}),
      goes_too(one.shard, {1, Role::user, laptop}), other(one.shard, {2, Role::user, laptop});
  const auto reached =
      one.publish({event("password.changed", Audience::user(1), 1),
                   AccountChanged{1, account(1, Role::user, {phone}), CloseReason::credentials_changed},
                   event("later", Audience::everyone(), 2)});
  EXPECT_THAT(reached, ElementsAre(3, 2, 2));
  EXPECT_THAT(goes.log, ElementsAre("password.changed", "close credentials_changed"));
  EXPECT_THAT(goes_too.log, ElementsAre("password.changed", "close credentials_changed"));
  EXPECT_THAT(stays.log, ElementsAre("password.changed", "later"));
  EXPECT_THAT(other.log, ElementsAre("later"));
}

TEST_F(Rights, a_client_that_reads_has_all_from_before_the_end_of_its_login) {
  FakeMember member(one.shard, {1, Role::admin, laptop});
  one.publish({event("all", Audience::everyone(), 1), event("admins", Audience::admins(), 2),
               event("password.changed", Audience::user(1), 3),
               AccountChanged{1, account(1, Role::admin, {}), CloseReason::credentials_changed},
               event("later", Audience::user(1), 4)});
  EXPECT_THAT(member.log, ElementsAre("all", "admins", "password.changed", "close credentials_changed"));
}

// Behind what is taken back it would tell a position, with which the client came back too late for that.
TEST_F(Rights, T74_what_waits_for_an_ended_login_is_taken_back_but_for_its_own_words_ahead_of_all_other) {
  FakeMember member(one.shard, {1, Role::admin, laptop});
  member.blocked = true;
  one.publish({event("own", Audience::user_and_admins(1), 1), event("admins", Audience::admins(), 2),
               event("all", Audience::everyone(), 3), event("own", Audience::user_and_admins(1), 4)});
  one.publish({AccountChanged{1, account(1, Role::admin, {}), CloseReason::logged_out}});
  member.take_all();
  EXPECT_THAT(member.log, ElementsAre("close logged_out", "own"));
}

TEST_F(Rights, a_deleted_account_closes_all_its_connections) {
  FakeMember first(one.shard, {1, Role::user, laptop}), second(one.shard, {1, Role::user, phone});
  EXPECT_THAT(one.publish({AccountChanged{1, nullptr, CloseReason::account_deleted}}), ElementsAre(2));
  EXPECT_THAT(first.log, ElementsAre("close account_deleted"));
  EXPECT_THAT(second.log, ElementsAre("close account_deleted"));
}

TEST_F(Rights, a_disabled_account_closes_although_its_sessions_live) {
  FakeMember member(one.shard, {1, Role::user, laptop});
  one.publish({AccountChanged{1, account(1, Role::user, {laptop}, UserStatus::disabled),
                              CloseReason::account_disabled}});
  EXPECT_THAT(member.log, ElementsAre("close account_disabled"));
}

TEST_F(Rights, an_admin_who_is_deleted_does_not_get_what_waited_for_admins) {
  FakeMember member(one.shard, {1, Role::admin, laptop});
  one.publish({event("admins", Audience::admins(), 1), event("own", Audience::user(1), 2),
               AccountChanged{1, nullptr, CloseReason::account_deleted}});
  EXPECT_THAT(member.log, ElementsAre("own", "close account_deleted"));
}

TEST_F(Rights, a_connection_is_closed_once_with_the_first_reason) {
  FakeMember member(one.shard, {1, Role::user, laptop});
  EXPECT_THAT(
      one.publish({AccountChanged{1, account(1, Role::user, {}), CloseReason::logged_out},
                   AccountChanged{1, nullptr, CloseReason::account_deleted}, Kick{member.client_id()}}),
      ElementsAre(1, 0, 0));
  EXPECT_THAT(member.closed_with, ElementsAre(CloseReason::logged_out));
}

TEST_F(Rights, a_kick_closes_one_connection) {
  FakeMember kicked(one.shard, {1, Role::user, laptop}), other(one.shard, {1, Role::user, laptop});
  EXPECT_THAT(one.publish({Kick{kicked.client_id()}, event("later", Audience::user(1))}), ElementsAre(1, 1));
  EXPECT_THAT(kicked.log, ElementsAre("close kicked"));
  EXPECT_THAT(other.log, ElementsAre("later"));
}

TEST_F(Rights, the_listener_knows_before_the_members_change) {
  struct Listener final : ShardListener {
    void account_changed(const AccountChanged& change) noexcept override {
      users.push_back(change.user_id);
      role_of_member = member->identity().role;
    }
    FakeMember* member = nullptr;
    std::vector<UserId> users;
    Role role_of_member = Role::superadmin;
  } listener;
  FakeMember member(one.shard, {1, Role::admin, laptop});
  listener.member = &member;
  one.shard.set_listener(&listener);
  one.publish({AccountChanged{1, account(1, Role::user, {laptop})}, AccountChanged{99, nullptr}});
  EXPECT_THAT(listener.users, ElementsAre(1, 99));
  EXPECT_EQ(listener.role_of_member, Role::user) << "the second call comes after the first change";
}

}  // namespace
}  // namespace corohub::hub::test
