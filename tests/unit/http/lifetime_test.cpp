// How connections begin, wait and end: deadlines, drains, takeovers, and too many of them.
#include "core/departures.hpp"
#include "http/http_shard.hpp"
#include "unit/http/rig.hpp"

#include <algorithm>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <gtest/gtest.h>

#include <fcntl.h>
#include <sys/resource.h>

namespace corohub::http {
namespace {

using namespace std::chrono_literals;
using test::Answer;
using test::Client;
using test::Rig;

std::string get(const std::string& target) { return "GET " + target + " HTTP/1.1\r\nHost: a\r\n\r\n"; }

// A place where handlers wait until the test lets them go.
class Gate {
 public:
  explicit Gate(asio::io_context& context) : timer_(context, SteadyTime::max()) {}
  Task<Response> wait(Context&) {
    ++waiting;
    co_await timer_.async_wait(asio::as_tuple(asio::deferred));
    co_return document({{"through", true}});
  }
  void open() { timer_.cancel(); }

  int waiting = 0;

 private:
  asio::basic_waitable_timer<std::chrono::steady_clock, asio::wait_traits<std::chrono::steady_clock>,
                             Executor>
      timer_;
};

Task<Response> say_hello(Context&) { co_return document("hello"); }
Task<Response> echo(Context& context) {
  Response response;
  response.body = context.request.body;
  co_return response;
}
Task<Response> say_much(Context&) {
  Response response;
  response.body.assign(16 << 20, 'x');
  co_return response;
}

struct HttpLifetime : testing::Test {
  explicit HttpLifetime(HttpSettings settings = {}) : rig(std::move(settings)), gate(rig.context) {
    rig.router.add(Method::get, "/hello", Access::guest, say_hello);
    rig.router.add(Method::post, "/echo", Access::guest, echo);
    rig.router.add(Method::get, "/much", Access::guest, say_much);
    rig.router.add(Method::get, "/gate", Access::guest,
                   [this](Context& context) { return gate.wait(context); });
    rig.listen();
  }
  Rig rig;
  Gate gate;
};

TEST_F(HttpLifetime, T8_a_head_has_ten_seconds_however_it_drips) {
  Client client(rig);
  client.send("GET /hello HTTP/1.1\r\n");
  for (int i = 0; i < 9; ++i) {
    client.send("X");
    rig.pass(1s);
    EXPECT_TRUE(client.silent()) << i;
  }
  rig.pass(1100ms);
  EXPECT_EQ(client.read().status, 408);
  EXPECT_TRUE(client.ended());
}

TEST_F(HttpLifetime, T8_a_connection_that_says_nothing_is_closed) {
  Client client(rig);
  rig.pass(9s);
  EXPECT_TRUE(client.silent());
  rig.pass(1100ms);
  EXPECT_TRUE(client.ended());
  EXPECT_EQ(rig.server.connections(), 0U);
}

TEST_F(HttpLifetime, of_a_crowd_that_goes_at_once_most_wait_for_their_turn) {
  constexpr std::size_t crowd = 40;
  std::vector<std::unique_ptr<Client>> clients;
  for (std::size_t i = 0; i < crowd; ++i) {
    clients.push_back(std::make_unique<Client>(rig));
    EXPECT_EQ(clients.back()->ask(get("/hello")).status, 200);
  }
  clients.clear();
  const Departures& departures = asio::use_service<Departures>(rig.context);
  std::size_t waited = 0;
  while (rig.server.connections() > 0) {
    rig.context.restart();
    rig.context.poll_one();
    waited = std::max(waited, departures.waiting());
  }
  EXPECT_GT(waited, crowd / 2);
  EXPECT_EQ(departures.waiting(), 0U);
}

TEST_F(HttpLifetime, T8_the_head_of_a_later_request_has_the_same_time) {
  Client client(rig);
  EXPECT_EQ(client.ask(get("/hello")).status, 200);
  rig.pass(30s);
  client.send("GET /h");
  rig.pass(9s);
  EXPECT_TRUE(client.silent());
  rig.pass(1100ms);
  EXPECT_EQ(client.read().status, 408);
}

TEST_F(HttpLifetime, T9_a_body_must_come_at_a_kilobyte_per_second_after_five) {
  Client slow(rig);
  slow.send("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n");
  rig.pass(4s);
  slow.send("x");
  EXPECT_TRUE(slow.silent());
  rig.pass(1100ms);
  const Answer answer = slow.read();
  EXPECT_EQ(answer.status, 408);
  EXPECT_EQ(answer.header("connection"), "close");
  EXPECT_TRUE(slow.ended());
}

TEST_F(HttpLifetime, T9_a_body_that_keeps_pace_has_fifteen_seconds) {
  Client steady(rig);
  steady.send("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 60000\r\n\r\n");
  for (int i = 0; i < 14; ++i) {
    steady.send(std::string(2048, 'x'));
    rig.pass(1s);
    EXPECT_TRUE(steady.silent()) << i;
  }
  rig.pass(1100ms);
  EXPECT_EQ(steady.read().status, 408);

  Client quick(rig);
  quick.send("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhe");
  rig.pass(4s);
  EXPECT_EQ(quick.ask("llo").body, "hello");
}

TEST_F(HttpLifetime, T11_an_idle_connection_is_closed_after_a_minute) {
  Client client(rig);
  client.ask(get("/hello"));
  rig.pass(59s);
  EXPECT_TRUE(client.silent());
  rig.pass(1100ms);
  EXPECT_TRUE(client.ended());
}

TEST_F(HttpLifetime, T5_a_client_that_does_not_read_its_answer_is_dropped) {
  Client client(rig, 4096);
  client.send(get("/much"));
  rig.pass(9s);
  EXPECT_EQ(rig.server.connections(), 1U);
  rig.pass(1100ms);
  EXPECT_EQ(rig.server.connections(), 0U);
}

TEST_F(HttpLifetime, a_large_answer_arrives_whole) {
  Client client(rig);
  EXPECT_EQ(client.ask(get("/much")).body.size(), std::size_t{16} << 20);
  EXPECT_EQ(client.ask(get("/hello")).status, 200);
}

TEST_F(HttpLifetime, a_handler_has_no_deadline_of_ours) {
  Client client(rig);
  client.send(get("/gate"));
  rig.pass(120s);
  EXPECT_TRUE(client.silent());
  gate.open();
  EXPECT_EQ(client.read().status, 200);
}

TEST_F(HttpLifetime, T60_a_slow_client_that_reads_on_gets_all_however_long_it_takes) {
  Client client(rig);
  client.send(get("/much"));
  constexpr std::size_t size = 16 << 20;
  std::size_t got = 0;
  for (int seconds = 0; got < size; seconds += 5) {
    const std::size_t before = got;
    ASSERT_TRUE(rig.until([&] {
      got += client.skip(1 << 18);
      return got > before || client.at_end();
    }));
    ASSERT_FALSE(client.at_end()) << got << " bytes in " << seconds << " s";
    rig.pass(5s);
  }
}

TEST_F(HttpLifetime, R5_a_drip_is_reset_in_time) {
  Client client(rig);
  client.send(get("/much"));
  rig.settle();
  for (int seconds = 0; seconds < 12; ++seconds) {
    client.skip(100);
    rig.pass(1s);
  }
  EXPECT_TRUE(rig.until([&] { return rig.server.connections() == 0; }));
  EXPECT_TRUE(rig.until([&] {
    client.skip(1 << 20);
    return client.at_end();
  }));
}

TEST_F(HttpLifetime, a_drain_ends_idle_connections_and_lets_requests_finish) {
  Client idle(rig);
  Client fresh(rig);
  Client busy(rig);
  idle.ask(get("/hello"));
  busy.send(get("/gate"));
  ASSERT_TRUE(rig.until([&] { return gate.waiting == 1 && rig.server.connections() == 3; }));

  rig.server.begin_drain();
  rig.shard.stop_accepting();
  rig.shard.close_idle();
  EXPECT_TRUE(idle.ended());
  EXPECT_TRUE(fresh.ended());
  EXPECT_TRUE(busy.silent());
  EXPECT_THROW(Client late(rig), std::runtime_error);

  gate.open();
  const Answer answer = busy.read();
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.header("connection"), "close");
  EXPECT_TRUE(busy.ended());
  busy.close();
  EXPECT_TRUE(rig.until([&] { return rig.shard.connections() == 0; }));
}

TEST_F(HttpLifetime, abort_ends_what_is_left) {
  Client busy(rig);
  busy.send(get("/gate"));
  ASSERT_TRUE(rig.until([&] { return gate.waiting == 1; }));
  rig.shard.abort_all();
  EXPECT_TRUE(busy.ended());
  gate.open();
  EXPECT_TRUE(rig.until([&] { return rig.server.connections() == 0; }));
}

TEST_F(HttpLifetime, a_client_that_is_gone_leaves_nothing_behind) {
  for (const char* bytes : {"", "GET /he", "GET /gate HTTP/1.1\r\nHost: a\r\n\r\n",
                            "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nx"}) {
    Client client(rig);
    client.send(bytes);
    rig.settle();
    client.close();
    rig.settle();
    gate.open();
    EXPECT_TRUE(rig.until([&] { return rig.server.connections() == 0; })) << bytes;
  }
}

// What a takeover leaves for the test to look at.
struct Taken {
  std::optional<Socket> socket;
  std::string unread;
  std::size_t connections = 99;
};

class RememberingTakeover final : public Takeover {
 public:
  RememberingTakeover(Taken& taken, const Server& server) : taken_(taken), server_(server) {}
  void take(Socket socket, std::string unread) noexcept override {
    taken_.socket.emplace(std::move(socket));
    taken_.unread = std::move(unread);
    taken_.connections = server_.connections();
  }

 private:
  Taken& taken_;
  const Server& server_;
};

struct HttpTakeover : HttpLifetime {
  HttpTakeover() {
    rig.router.add(Method::get, "/take", Access::guest, [this](Context&) { return take(); });
  }
  Task<Response> take() {
    Response response;
    response.takeover = std::make_unique<RememberingTakeover>(taken, rig.server);
    co_return response;
  }
  Taken taken;
};

TEST_F(HttpTakeover, T6_hands_over_the_socket_and_what_came_behind_the_request) {
  Client client(rig);
  client.send(get("/take") + "\x81\x02hi");
  ASSERT_TRUE(rig.until([&] { return taken.socket.has_value(); }));
  EXPECT_EQ(taken.unread, "\x81\x02hi");
  EXPECT_EQ(taken.connections, 0U);  // the HTTP connection is gone
  rig.pass(120s);                    // and so are its deadlines
  EXPECT_TRUE(client.silent());
  EXPECT_TRUE(taken.socket->is_open());
  asio::ip::tcp::no_delay no_delay;
  taken.socket->get_option(no_delay);
  EXPECT_TRUE(no_delay.value());
  taken.socket.reset();
}

struct FewRequests : HttpLifetime {
  static HttpSettings settings() {
    HttpSettings settings;
    settings.requests_per_connection = 3;
    settings.connections_max = 2;
    return settings;
  }
  FewRequests() : HttpLifetime(settings()) {}
};

TEST_F(FewRequests, T11_a_connection_serves_so_many_requests) {
  Client client(rig);
  EXPECT_EQ(client.ask(get("/hello")).header("connection"), "");
  EXPECT_EQ(client.ask(get("/hello")).header("connection"), "");
  EXPECT_EQ(client.ask(get("/hello")).header("connection"), "close");
  EXPECT_TRUE(client.ended());
}

TEST_F(FewRequests, T17_more_connections_than_allowed_are_turned_away) {
  Client first(rig);
  Client second(rig);
  ASSERT_TRUE(rig.until([&] { return rig.server.connections() == 2; }));
  Client third(rig);
  EXPECT_EQ(third.read().status, 503);
  EXPECT_TRUE(third.ended());

  second.close();
  ASSERT_TRUE(rig.until([&] { return rig.server.connections() == 1; }));
  Client fourth(rig);
  EXPECT_EQ(fourth.ask(get("/hello")).status, 200);
  EXPECT_EQ(first.ask(get("/hello")).status, 200);
}

TEST_F(HttpLifetime, T65_without_descriptors_the_waiting_are_refused_and_later_ones_served) {
  Client before(rig);
  EXPECT_EQ(before.ask(get("/hello")).status, 200);

  // The clients get their descriptors, the server finds none left.
  auto one = std::make_unique<Client>(rig);
  auto two = std::make_unique<Client>(rig);
  const int lowest_free = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  ::close(lowest_free);
  rlimit old{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &old), 0);
  const rlimit none{static_cast<rlim_t>(lowest_free), old.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);
  const bool refused = one->ended() && two->ended();
  const int status_before = before.ask(get("/hello")).status;
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &old), 0);

  EXPECT_TRUE(refused);
  EXPECT_EQ(status_before, 200);
  Client after(rig);
  EXPECT_EQ(after.ask(get("/hello")).status, 200);
}

TEST_F(HttpLifetime, R23_a_busy_port_is_reported_and_the_other_shards_join_it) {
  EXPECT_THROW(rig.shard.listen(rig.endpoint, true), boost::system::system_error);

  ShardServer second(rig.server, 1, rig.context, rig.wheel, rig.authenticator);
  EXPECT_EQ(second.listen(rig.endpoint, false), rig.endpoint);
  for (int i = 0; i < 20; ++i) {
    Client client(rig);
    EXPECT_EQ(client.ask(get("/hello")).status, 200);
  }
  EXPECT_THROW(rig.shard.listen(rig.endpoint, true), boost::system::system_error);
  second.stop_accepting();
  second.abort_all();
  rig.settle();
}

TEST_F(HttpLifetime, T13_a_crowd_is_accepted_in_portions) {
  std::vector<std::unique_ptr<Client>> crowd;
  for (int i = 0; i < 200; ++i) crowd.push_back(std::make_unique<Client>(rig));
  for (const auto& client : crowd) EXPECT_EQ(client->ask(get("/hello")).status, 200);
  EXPECT_EQ(rig.shard.connections(), 200U);
}

// A crowd that is accepted, and then all ask before the server looks.
struct HttpCrowd : HttpLifetime {
  static constexpr std::size_t size = 12;

  HttpCrowd() {
    rig.router.add(Method::get, "/count", Access::guest, [this](Context&) { return count(); });
    for (std::size_t i = 0; i < size; ++i) crowd.push_back(std::make_unique<Client>(rig));
    rig.settle();
    for (const auto& client : crowd) client->put(get("/count"));
    asio::post(rig.context, [this] { mark_turn(); });
  }
  Task<Response> count() {
    ++served;
    ++served_in_turn;
    co_return document("counted");
  }
  void mark_turn() {
    most_in_turn = std::max(most_in_turn, std::exchange(served_in_turn, 0));
    if (served < size && marking) asio::post(rig.context, [this] { mark_turn(); });
  }

  std::vector<std::unique_ptr<Client>> crowd;
  bool marking = true;
  std::size_t served = 0;
  std::size_t served_in_turn = 0;
  std::size_t most_in_turn = 0;
};

TEST_F(HttpCrowd, T13_R7_first_requests_are_answered_a_few_in_a_turn) {
  ASSERT_TRUE(rig.until([&] { return served == size; }));
  mark_turn();
  for (const auto& client : crowd) EXPECT_EQ(client->read().status, 200);
  // Twice as many when the line begins in the middle of a turn.
  EXPECT_LE(most_in_turn, 2 * HttpShard::newcomers_per_turn);
  EXPECT_EQ(crowd.front()->ask(get("/count")).status, 200) << "the second request waits for nobody";
}

TEST_F(HttpCrowd, who_waits_for_its_turn_goes_with_the_others) {
  ASSERT_TRUE(rig.until([&] { return served > 0; }));
  ASSERT_LT(served, size);
  ASSERT_EQ(rig.shard.connections(), size);
  marking = false;
  rig.shard.abort_all();
  rig.settle();
  EXPECT_EQ(rig.shard.connections(), 0U);
  EXPECT_LT(served, size);
}

TEST_F(HttpLifetime, listens_on_IPv6_beside_IPv4) {
  const asio::ip::tcp::endpoint wanted(asio::ip::make_address("::1"), rig.endpoint.port());
  try {
    EXPECT_EQ(rig.shard.listen(wanted, true), wanted);
  } catch (const boost::system::system_error& error) {
    GTEST_SKIP() << "no IPv6 here: " << error.what();
  }
}

}  // namespace
}  // namespace corohub::http
