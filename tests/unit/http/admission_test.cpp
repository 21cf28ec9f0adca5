// Who gets a connection when there are not enough: of descriptors, and for one address.
#include "http/listener.hpp"
#include "unit/http/rig.hpp"

#include <algorithm>
#include <memory>
#include <stdexcept>
#include <utility>
#include <vector>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fcntl.h>
#include <sys/resource.h>

namespace corohub::http {
namespace {

using test::Answer;
using test::Client;
using test::Rig;
using testing::HasSubstr;

std::string get(const std::string& target) { return "GET " + target + " HTTP/1.1\r\nHost: a\r\n\r\n"; }

Task<Response> say_hello(Context&) { co_return document("hello"); }

// Sets the process's limit of descriptors, and its old value at the end.
class DescriptorLimit {
 public:
  explicit DescriptorLimit(int limit) {
    ::getrlimit(RLIMIT_NOFILE, &old_);
    const rlimit lower{static_cast<rlim_t>(limit), old_.rlim_max};
    if (::setrlimit(RLIMIT_NOFILE, &lower) != 0) throw std::runtime_error("setrlimit");
  }
  ~DescriptorLimit() { ::setrlimit(RLIMIT_NOFILE, &old_); }
  DescriptorLimit(const DescriptorLimit&) = delete;
  DescriptorLimit& operator=(const DescriptorLimit&) = delete;

 private:
  rlimit old_{};
};

int lowest_free_descriptor() {
  const int lowest = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  ::close(lowest);
  return lowest;
}

TEST(HttpDescriptors, T65_R4_some_are_left_to_the_database) {
  const int first = lowest_free_descriptor();
  const DescriptorLimit limit(first + 60);
  Rig rig;
  rig.router.add(Method::get, "/hello", Access::guest, say_hello);
  rig.listen();
  std::vector<std::unique_ptr<Client>> clients;
  int status = 200;
  while (status == 200) {
    clients.push_back(std::make_unique<Client>(rig));
    status = clients.back()->ask(get("/hello")).status;
  }
  EXPECT_EQ(status, 503);
  EXPECT_GT(clients.size(), 10U);
  EXPECT_TRUE(clients.back()->ended());
  EXPECT_EQ(clients.front()->ask(get("/hello")).status, 200) << "who is in stays";
  std::vector<int> others;
  for (int i = 0; i < 12; ++i) others.push_back(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  EXPECT_TRUE(std::ranges::all_of(others, [](int descriptor) { return descriptor >= 0; }));
  for (const int descriptor : others) ::close(descriptor);

  clients.clear();
  Client after(rig);
  EXPECT_EQ(after.ask(get("/hello")).status, 200);
}

TEST(HttpDescriptors, T65_a_spare_that_was_lost_is_found_again) {
  Rig rig;
  rig.router.add(Method::get, "/hello", Access::guest, say_hello);
  const asio::ip::tcp::socket makes_the_reactor(rig.context);
  {
    const DescriptorLimit for_the_listener_alone(lowest_free_descriptor() + 1);
    rig.listen();
  }
  Client before(rig);
  EXPECT_EQ(before.ask(get("/hello")).status, 200);
  Client one(rig);
  Client two(rig);
  const DescriptorLimit none(lowest_free_descriptor());
  EXPECT_TRUE(one.ended());
  EXPECT_TRUE(two.ended());
}

TEST(HttpDescriptors, R4_a_listener_outlives_what_is_thrown) {
  asio::io_context context{1};
  const asio::ip::tcp::endpoint any(asio::ip::make_address("127.0.0.1"), 0);
  const auto listener = std::make_shared<Listener>(context, any, true, 16, 0);
  int accepted = 0;
  asio::co_spawn(context.get_executor(),
                 Listener::run(
                     listener,
                     [&](Socket, const asio::ip::tcp::endpoint&) {
                       if (++accepted <= 2) throw std::runtime_error("a defect");
                     },
                     [](Socket*) {}),
                 asio::detached);
  std::vector<std::unique_ptr<asio::ip::tcp::socket>> clients;
  const auto limit = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  for (int i = 1; i <= 4; ++i) {
    clients.push_back(std::make_unique<asio::ip::tcp::socket>(context));
    clients.back()->connect(listener->endpoint());
    while (accepted < i && std::chrono::steady_clock::now() < limit)
      context.run_one_for(std::chrono::milliseconds(10));
    EXPECT_EQ(accepted, i);
  }
  listener->close();
  context.run_for(std::chrono::seconds(5));
}

struct FewPerAddress : testing::Test {
  static HttpSettings settings() {
    HttpSettings settings;
    settings.connections_per_address = 2;
    return settings;
  }
  explicit FewPerAddress(HttpSettings the_settings = settings()) : rig(std::move(the_settings)) {
    rig.router.add(Method::get, "/hello", Access::guest, say_hello);
    rig.listen();
  }
  Rig rig;
};

TEST_F(FewPerAddress, T17_one_address_does_not_get_all_connections) {
  auto first = std::make_unique<Client>(rig);
  Client second(rig);
  EXPECT_EQ(first->ask(get("/hello")).status, 200);
  EXPECT_EQ(second.ask(get("/hello")).status, 200);
  Client third(rig);
  const Answer refused = third.read();
  EXPECT_EQ(refused.status, 429);
  EXPECT_EQ(refused.header("retry-after"), "1");
  EXPECT_THAT(refused.body, HasSubstr("too_many_connections"));
  EXPECT_TRUE(third.ended());
  first.reset();
  ASSERT_TRUE(rig.until([&] { return rig.server.connections() == 1; }));
  Client fourth(rig);
  EXPECT_EQ(fourth.ask(get("/hello")).status, 200);
}

struct FewPerProxiedAddress : FewPerAddress {
  static HttpSettings settings() {
    HttpSettings settings = FewPerAddress::settings();
    settings.trusted_proxies = {"127.0.0.1"};
    settings.proxy_protocol = true;
    return settings;
  }
  FewPerProxiedAddress() : FewPerAddress(settings()) {}
};

TEST_F(FewPerProxiedAddress, T17_connections_count_for_whom_the_proxy_names) {
  std::vector<std::unique_ptr<Client>> clients;
  const auto status_for = [&](const std::string& source) {
    clients.push_back(std::make_unique<Client>(rig));
    return clients.back()->ask("PROXY TCP4 " + source + " 198.51.100.1 1 2\r\n" + get("/hello")).status;
  };
  for (const int status : {200, 200, 429}) EXPECT_EQ(status_for("203.0.113.1"), status);
  for (const int status : {200, 200, 429}) EXPECT_EQ(status_for("203.0.113.2"), status);
  EXPECT_TRUE(clients.back()->ended());
}

}  // namespace
}  // namespace corohub::http
