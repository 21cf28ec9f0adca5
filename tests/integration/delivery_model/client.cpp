#include "integration/delivery_model/client.hpp"

#include "hub/audience.hpp"

#include <algorithm>
#include <utility>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <gtest/gtest.h>

namespace corohub::test::delivery_model {

Client::Client(const TestServer& server, const Log& log, TestUser& user, std::string name)
    : server_(server), log_(log), user_(user), name_(std::move(name)) {}

void Client::drop(bool reset) {
  if (!connected()) return;
  end_all();
  disconnect(reset);
}

void Client::read_some(Seq seq) {
  Seq first = log_.head();
  for (const Lane* lane : lanes()) first = std::min(first, lane->position);
  for (Seq due = std::max(first + 1, seq); due <= log_.head(); ++due)
    for (const Lane* lane : lanes())
      if (due > lane->position && is_due(*lane, log_.at(due))) return read_to(*lane, due);
}

void Client::settle(const Marks& marks) {
  for (const Lane* lane : lanes()) {
    if (!lane->active) continue;
    if (lane->own == Own::none)
      read_to(*lane, marks.in_topic.at(*lane->topics.begin()));
    else
      read_to(*lane, lane->own == Own::other ? marks.for_user.at(user_.id) : marks.for_all);
  }
  for (Lane* lane : lanes()) compare(*lane, lane->position);
}

// Up to and with `seq`, unless the lane is lost on the way.
void Client::read_to(const Lane& lane, Seq seq) {
  while (lane.active && lane.position < seq) read_one();
}

void Client::begin(Lane& lane) const {
  lane.checked = lane.position;
  lane.head_at_start = log_.head();
  lane.received.clear();
  lane.active = true;
}

void Client::end(Lane& lane) const {
  compare(lane, lane.position);
  lane.active = false;
}

void Client::end_all() {
  for (Lane* lane : lanes()) end(*lane);
}

void Client::take(Lane& lane, const Arrived& event) const {
  ASSERT_LE(event.seq, log_.head());
  const Row& row = log_.at(event.seq);
  EXPECT_TRUE(lane.active) << "not subscribed: " << describe(row);
  EXPECT_GT(event.seq, lane.position) << "again, or late: " << describe(row);
  EXPECT_EQ(event.type, row.type) << describe(row);
  EXPECT_EQ(event.topic, row.topic) << describe(row);
  EXPECT_EQ(event.data, json::parse(row.data)) << describe(row);
  lane.position = event.seq;
  lane.received.insert(event.seq);
}

// ---- what the log says of it ----

bool Client::is_visible(const Lane& lane, const Row& row, Role role) const {
  if (!row.topic.empty())
    return lane.topics.contains(row.topic) && (role != Role::user || !is_staff(row.topic));
  if (lane.own == Own::none || (lane.own != Own::all && row.is_for_all() != (lane.own == Own::for_all)))
    return false;
  return (row.roles & hub::role_bit(role)) != 0 || row.user == user_.id;
}

// Judged when it was pushed: between its place in the log, or the lane's beginning, and now.
std::set<Role> Client::roles_of(const Lane& lane, const Row& row) const {
  return log_.roles(user_.id, std::max(row.seq, lane.head_at_start));
}

bool Client::is_due(const Lane& lane, const Row& row) const {
  // A subscription that was lost on the way does not come back by itself.
  const std::set<Role> roles =
      is_staff(row.topic) ? log_.roles(user_.id, lane.head_at_start) : roles_of(lane, row);
  return std::ranges::all_of(roles, [&](Role role) { return is_visible(lane, row, role); });
}

bool Client::is_allowed(const Lane& lane, const Row& row) const {
  const std::set<Role> roles = roles_of(lane, row);
  return is_staff(row.topic)
             ? !(roles == std::set{Role::user})
             : std::ranges::any_of(roles, [&](Role role) { return is_visible(lane, row, role); });
}

void Client::compare(Lane& lane, Seq up_to) const {
  for (Seq seq = lane.checked + 1; seq <= up_to; ++seq) {
    const Row& row = log_.at(seq);
    const bool came = lane.received.contains(seq);
    if (is_due(lane, row)) EXPECT_TRUE(came) << describe(row) << " is missing";
    if (came) EXPECT_TRUE(is_allowed(lane, row)) << describe(row) << " was not for this client";
  }
  lane.checked = lane.position = up_to;
  lane.received.clear();
}

std::string Client::describe(const Row& row) const {
  return std::to_string(row.seq) + " " + row.type + " " + row.topic + " for " + user_.email + " by " + name_;
}

}  // namespace corohub::test::delivery_model
