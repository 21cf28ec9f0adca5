#include "hub/roster.hpp"

#include "support/allocations.hpp"

#include <map>
#include <numeric>
#include <random>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace corohub::hub {
namespace {

using boost::asio::ip::address;
using boost::asio::ip::make_address;

const address here = make_address("192.0.2.1");

address other_host(int i) { return make_address("198.51.100." + std::to_string(i)); }

std::vector<Roster::Admission> take(Roster& roster, int count, UserId user, const address& from) {
  std::vector<Roster::Admission> taken;
  taken.reserve(static_cast<std::size_t>(count));
  for (int i = 0; i < count; ++i) taken.push_back(roster.admit(user, from, false).value());
  return taken;
}

void expect_refused(Roster& roster, ErrorCode code, UserId user, const address& from) {
  const Result<Roster::Admission> refused = roster.admit(user, from, false);
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code, code);
  ASSERT_TRUE(refused.error().retry_after);
  EXPECT_GE(refused.error().retry_after->count(), 1);
  EXPECT_LE(refused.error().retry_after->count(), 10);
}

TEST(Roster, T15_caps_the_sockets_of_a_user) {
  Roster roster({.sockets_per_user = 20});
  auto taken = take(roster, 20, 7, here);
  expect_refused(roster, ErrorCode::too_many_connections, 7, here);
  EXPECT_TRUE(roster.admit(8, here, false).has_value());
  taken.pop_back();
  EXPECT_TRUE(roster.admit(7, here, false).has_value());
}

TEST(Roster, T15_caps_the_sockets_of_an_address) {
  Roster roster({.sockets_per_address = 2});
  auto taken = take(roster, 1, 7, here);
  taken.push_back(roster.admit(8, here, false).value());
  expect_refused(roster, ErrorCode::too_many_connections, 9, here);
  EXPECT_TRUE(roster.admit(9, other_host(1), false).has_value());
}

TEST(Roster, T14_guests_hold_a_part_of_all_sockets) {
  Roster roster({.sockets_total = 8});
  auto taken = take(roster, 4, 0, here);
  EXPECT_TRUE(taken[0].become_guest(false));
  EXPECT_TRUE(taken[0].become_guest(false)) << "once";
  EXPECT_TRUE(taken[1].become_guest(false));
  EXPECT_EQ(taken[2].become_guest(false).error().code, ErrorCode::overloaded);
  taken.erase(taken.begin());
  EXPECT_TRUE(taken[1].become_guest(false)) << "a guest has gone";
  EXPECT_FALSE(taken[2].become_guest(false));
  EXPECT_TRUE(taken[2].become_guest(true));
}

TEST(Roster, T15_caps_all_sockets) {
  Roster roster({.sockets_total = 3});
  auto taken = take(roster, 3, 7, here);
  expect_refused(roster, ErrorCode::overloaded, 8, other_host(1));
}

TEST(Roster, T15_a_subscriber_of_ipv6_has_one_place_for_his_whole_64) {
  Roster roster({.sockets_per_address = 1});
  const auto taken = roster.admit(1, make_address("2001:db8:1:2::1"), false);
  expect_refused(roster, ErrorCode::too_many_connections, 2, make_address("2001:db8:1:2:ffff::9"));
  EXPECT_TRUE(roster.admit(3, make_address("2001:db8:1:3::1"), false).has_value());
}

TEST(Roster, T15_a_mapped_address_is_its_v4_address) {
  Roster roster({.sockets_per_address = 1});
  const auto taken = roster.admit(1, here, false);
  expect_refused(roster, ErrorCode::too_many_connections, 2, make_address("::ffff:192.0.2.1"));
  EXPECT_TRUE(roster.admit(3, make_address("::ffff:192.0.2.2"), false).has_value());
}

TEST(Roster, the_exempt_are_counted_but_not_refused) {
  Roster roster({.sockets_per_user = 1, .sockets_per_address = 1, .sockets_total = 1});
  const auto first = roster.admit(7, here, true);
  const auto second = roster.admit(7, here, true);
  ASSERT_TRUE(first && second);
  EXPECT_EQ(roster.places(), 2U);
  EXPECT_FALSE(roster.admit(8, other_host(1), false).has_value());
}

TEST(Roster, principals_that_are_no_users_are_capped_by_address_alone) {
  Roster roster({.sockets_per_user = 1});
  const auto taken = take(roster, 5, 0, here);
  EXPECT_EQ(roster.places(), 5U);
}

TEST(Roster, T46_only_those_who_entered_count) {
  Roster roster({});
  Roster::Admission admission = roster.admit(7, here, false).value();
  EXPECT_EQ(roster.counts().total, 0U);
  admission.enter(Role::user);
  admission.enter(Role::user);
  EXPECT_EQ(roster.counts().total, 1U);
  admission.change(Role::superadmin);
  EXPECT_EQ(roster.counts().by_role, (std::array<std::size_t, role_count>{0, 0, 1}));
  admission.leave();
  admission.leave();
  admission.change(Role::admin);
  EXPECT_EQ(roster.counts().total, 0U);
  EXPECT_EQ(roster.counts().by_role, (std::array<std::size_t, role_count>{}));
  EXPECT_EQ(roster.places(), 1U);
}

TEST(Roster, a_moved_admission_is_one_place) {
  Roster roster({});
  {
    Roster::Admission first = roster.admit(7, here, false).value();
    first.enter(Role::admin);
    Roster::Admission second = std::move(first);
    EXPECT_EQ(roster.counts().total, 1U);
    Roster::Admission third = roster.admit(8, here, false).value();
    third.enter(Role::user);
    third = std::move(second);
    EXPECT_EQ(roster.counts().by_role, (std::array<std::size_t, role_count>{0, 1, 0}));
    EXPECT_EQ(roster.places(), 1U);
    third.change(Role::user);
    EXPECT_EQ(roster.counts().by_role, (std::array<std::size_t, role_count>{1, 0, 0}));
  }
  EXPECT_EQ(roster.counts().total, 0U);
  EXPECT_EQ(roster.places(), 0U);
}

TEST(Roster, remembers_nobody_who_is_gone) {
  Roster roster({});
  take(roster, 1, 1, here);  // the tables have their first buckets
  const corohub::test::AllocationCount allocations;
  for (int i = 1; i <= 10; ++i) take(roster, 1, i, other_host(i));
  EXPECT_EQ(allocations.still_alive(), 0U);
}

// Whatever happens in whatever order, the counts are what a slow and simple count says.
TEST(Roster, T46_counts_add_up_through_10_000_random_changes) {
  struct Model {
    UserId user;
    int host;
    std::optional<Role> role;
    Roster::Admission admission;
  };
  std::mt19937 random(2);
  const RosterLimits limits{.sockets_per_user = 5, .sockets_per_address = 8, .sockets_total = 25};
  Roster roster(limits);
  std::vector<Model> models;
  for (int step = 0; step < 10'000; ++step) {
    const unsigned choice = random() % 5;
    const Role role = static_cast<Role>(random() % role_count);
    if (models.empty() || choice < 2) {
      const UserId user = 1 + static_cast<UserId>(random() % 8);
      const int host = static_cast<int>(random() % 6);
      const auto same_user = std::ranges::count(models, user, &Model::user);
      const auto same_host = std::ranges::count(models, host, &Model::host);
      Result<Roster::Admission> answer = roster.admit(user, other_host(host), false);
      ASSERT_EQ(answer.has_value(), models.size() < 25 && same_user < 5 && same_host < 8);
      if (answer) models.push_back({user, host, std::nullopt, std::move(*answer)});
    } else {
      const std::size_t i = random() % models.size();
      Model& model = models[i];
      if (choice == 2) {
        model.admission.enter(role);
        if (!model.role) model.role = role;
      } else if (choice == 3) {
        model.admission.change(role);
        if (model.role) model.role = role;
      } else {
        models.erase(models.begin() + static_cast<std::ptrdiff_t>(i));
      }
    }
    RosterCounts expected;
    for (const Model& model : models)
      if (model.role) {
        ++expected.total;
        ++expected.by_role[static_cast<std::size_t>(*model.role)];
      }
    const RosterCounts counts = roster.counts();
    ASSERT_EQ(counts.total, expected.total);
    ASSERT_EQ(counts.by_role, expected.by_role);
    ASSERT_EQ(roster.places(), models.size());
  }
}

TEST(Roster, T46_totals_never_disagree_while_others_come_and_go) {
  Roster roster({.sockets_per_address = 1'000'000});
  std::vector<std::thread> threads;
  threads.reserve(3);
  for (int t = 0; t < 3; ++t)
    threads.emplace_back([&roster, t] {
      for (int i = 0; i < 3000; ++i) {
        Roster::Admission admission = roster.admit(t + 1, here, false).value();
        admission.enter(Role::user);
        admission.change(Role::admin);
      }
    });
  for (int i = 0; i < 3000; ++i) {
    const RosterCounts counts = roster.counts();
    ASSERT_EQ(std::accumulate(counts.by_role.begin(), counts.by_role.end(), std::size_t{0}), counts.total);
    ASSERT_LE(counts.total, 3U);
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(roster.counts().total, 0U);
  EXPECT_EQ(roster.places(), 0U);
}

}  // namespace
}  // namespace corohub::hub
