// A handler that waits hears of its client's end, and nothing the client says meanwhile is lost.
#include "unit/http/rig.hpp"

#include <optional>
#include <string>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/deferred.hpp>
#include <gtest/gtest.h>

namespace corohub::http {
namespace {

using test::Answer;
using test::Client;
using test::Rig;

std::string get(const std::string& target) { return "GET " + target + " HTTP/1.1\r\nHost: a\r\n\r\n"; }

Task<Response> say_hello(Context&) { co_return document("hello"); }

struct PeerWatch : testing::Test {
  PeerWatch() : timer(rig.context, SteadyTime::max()) {
    rig.router.add(Method::get, "/hello", Access::probe, say_hello);
    rig.router.add(Method::get, "/wait", Access::guest, [this](Context& context) { return wait(context); });
    rig.listen();
  }

  // Until its client has ended its side, or the test lets it go.
  Task<Response> wait(Context& context) {
    ++waiting;
    context.on_peer_end([this] {
      ++ends;
      timer.cancel();
    });
    co_await timer.async_wait(asio::as_tuple(asio::deferred));
    --waiting;
    co_return no_content();
  }
  bool until_waiting() {
    return rig.until([this] { return waiting == 1; });
  }

  Rig rig;
  asio::basic_waitable_timer<std::chrono::steady_clock, asio::wait_traits<std::chrono::steady_clock>,
                             Executor>
      timer;
  int waiting = 0;
  int ends = 0;
};

TEST_F(PeerWatch, T63_a_wait_ends_with_its_client) {
  Client client(rig);
  client.send(get("/wait"));
  ASSERT_TRUE(until_waiting());
  client.close();
  EXPECT_TRUE(rig.until([&] { return waiting == 0 && rig.server.connections() == 0; }));
  EXPECT_EQ(ends, 1);
}

TEST_F(PeerWatch, T63_a_reset_ends_it_too) {
  Client client(rig);
  client.send(get("/wait"));
  ASSERT_TRUE(until_waiting());
  client.abort();
  EXPECT_TRUE(rig.until([&] { return waiting == 0 && rig.server.connections() == 0; }));
  EXPECT_EQ(ends, 1);
}

TEST_F(PeerWatch, a_client_that_only_listens_gets_its_answer_at_once) {
  Client client(rig);
  client.send(get("/wait"));
  ASSERT_TRUE(until_waiting());
  client.shut();
  EXPECT_EQ(client.read().status, 204);
  EXPECT_TRUE(client.ended());

  Client early(rig);
  early.put(get("/wait"));
  early.shut();
  EXPECT_EQ(early.read().status, 204);
}

TEST_F(PeerWatch, what_the_client_says_meanwhile_waits_for_its_turn) {
  Client client(rig);
  client.send(get("/wait"));
  ASSERT_TRUE(until_waiting());
  client.send("GET /hel");
  EXPECT_TRUE(client.silent());
  client.send("lo HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_TRUE(client.silent());
  EXPECT_EQ(ends, 0);
  timer.cancel();
  EXPECT_EQ(client.read().status, 204);
  EXPECT_EQ(client.read().body, "\"hello\"");
  EXPECT_EQ(client.ask(get("/hello")).status, 200) << "the connection is as it was";
}

TEST_F(PeerWatch, what_is_kept_is_bounded_and_the_rest_is_not_lost) {
  Client client(rig);
  client.send(get("/wait"));
  ASSERT_TRUE(until_waiting());
  constexpr int requests = 900;
  std::string many;
  for (int i = 0; i < requests; ++i) many += get("/hello");
  client.send(many);
  rig.settle();
  EXPECT_EQ(waiting, 1);
  timer.cancel();
  EXPECT_EQ(client.read().status, 204);
  for (int i = 0; i < requests; ++i) ASSERT_EQ(client.read().status, 200) << i;
}

TEST_F(PeerWatch, our_own_end_ends_it) {
  Client client(rig);
  client.send(get("/wait"));
  ASSERT_TRUE(until_waiting());
  rig.shard.abort_all();
  EXPECT_TRUE(rig.until([&] { return waiting == 0 && rig.server.connections() == 0; }));
}

}  // namespace
}  // namespace corohub::http
