// Heart-beats, transactions, requests: the pure parts of a STOMP connection.
#include "gateway/stomp/heartbeat.hpp"
#include "gateway/stomp/request.hpp"
#include "gateway/stomp/transactions.hpp"

#include <chrono>
#include <string>
#include <utility>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace corohub::gateway::stomp {
namespace {

using namespace std::chrono_literals;
using namespace std::string_literals;

// ---- heart-beats ----

constexpr SteadyTime start{std::chrono::hours(1)};

TEST(StompHeartbeat, is_lost_after_twice_what_the_client_promised) {
  Heartbeat heartbeat = Heartbeat::agree("4000,0", start).value();
  EXPECT_FALSE(heartbeat.is_lost(start + 7999ms));
  EXPECT_TRUE(heartbeat.is_lost(start + 8s));
  heartbeat.note_heard(start + 7s);
  EXPECT_FALSE(heartbeat.is_lost(start + 14s));
  EXPECT_EQ(heartbeat.next(), start + 15s);
}

TEST(StompHeartbeat, is_sent_before_the_client_misses_it) {
  Heartbeat heartbeat = Heartbeat::agree("0,10000", start).value();
  EXPECT_FALSE(heartbeat.must_send(start + 8999ms));
  EXPECT_TRUE(heartbeat.must_send(start + 9s));
  heartbeat.note_sent(start + 9s);
  EXPECT_FALSE(heartbeat.must_send(start + 17s));
}

TEST(StompHeartbeat, of_a_client_that_promises_nothing_is_never_lost) {
  EXPECT_FALSE(Heartbeat::agree("0,1000", start)->is_lost(SteadyTime::max() - 1s));
  EXPECT_EQ(Heartbeat::agree("0,0", start)->next(), std::nullopt);
  EXPECT_EQ(Heartbeat().next(), std::nullopt);
}

TEST(StompHeartbeat, T64_is_no_more_often_than_once_a_second) {
  const Heartbeat heartbeat = Heartbeat::agree("1,1", start).value();
  EXPECT_FALSE(heartbeat.is_lost(start + 1999ms));
  EXPECT_FALSE(heartbeat.must_send(start + 899ms));
}

TEST(StompHeartbeat, must_be_two_numbers) {
  for (const char* header : {"", ",", "1", "1,", ",1", "a,b", "-1,0", "1,2,3", "99999999999,0", "1.5,0"})
    EXPECT_EQ(Heartbeat::agree(header, start), std::nullopt) << header;
  EXPECT_NE(Heartbeat::agree("4294967295, 0", start), std::nullopt);
}

// ---- transactions ----

Publication publication(std::string data) { return {.topic = "rooms/one", .data = std::move(data)}; }

using Done = Transactions::Done;

TEST(StompTransactions, keep_what_was_sent_in_order) {
  Transactions transactions;
  EXPECT_EQ(transactions.begin("a"), Done::done);
  EXPECT_EQ(transactions.begin("b"), Done::done);
  EXPECT_EQ(transactions.add("a", publication("1")), Done::done);
  EXPECT_EQ(transactions.add("b", publication("2")), Done::done);
  EXPECT_EQ(transactions.add("a", publication("3")), Done::done);
  const auto ended = transactions.end("a");
  ASSERT_TRUE(ended);
  ASSERT_EQ(ended->size(), 2U);
  EXPECT_EQ((*ended)[0].data, "1");
  EXPECT_EQ((*ended)[1].data, "3");
  EXPECT_EQ(transactions.end("a"), std::nullopt);
}

TEST(StompTransactions, begin_once) {
  Transactions transactions;
  EXPECT_EQ(transactions.begin("a"), Done::done);
  EXPECT_EQ(transactions.begin("a"), Done::already_open);
  EXPECT_EQ(transactions.add("x", publication("1")), Done::unknown);
}

TEST(StompTransactions, are_bounded) {
  Transactions transactions;
  for (std::size_t i = 0; i < Transactions::open_max; ++i)
    EXPECT_EQ(transactions.begin(std::to_string(i)), Done::done);
  EXPECT_EQ(transactions.begin("one more"), Done::too_many);
  transactions.end("1");
  EXPECT_EQ(transactions.begin(std::string(Transactions::name_bytes_max + 1, 'x')), Done::too_large);
  for (std::size_t i = 0; i < Transactions::frames_max; ++i)
    EXPECT_EQ(transactions.add("2", publication("1")), Done::done);
  EXPECT_EQ(transactions.add("2", publication("1")), Done::too_many);
  EXPECT_EQ(transactions.add("3", publication(std::string(Transactions::bytes_max, 'x'))), Done::too_large);
}

// ---- requests ----

TEST(StompRequest, is_read_as_it_was_written) {
  const Request written{Request::Kind::subscribe, 4'000'000'000, "a:b\n7:"s, "12:c"};
  const Request read = Request::parse(written.text());
  EXPECT_EQ(read.kind, written.kind);
  EXPECT_EQ(read.label, written.label);
  EXPECT_EQ(read.receipt, written.receipt);
  EXPECT_EQ(read.correlation, written.correlation);
}

}  // namespace
}  // namespace corohub::gateway::stomp
