// Who calls behind proxies, by what their headers say.
#include "http/caller.hpp"

#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace corohub::http {
namespace {

using Lines = std::vector<std::string>;

auth::CidrList trusted() { return auth::CidrList::parse({"10.0.0.0/8", "2001:db8:aaaa::/48"}).value(); }

HeaderList headers_of(std::string_view name, const Lines& lines) {
  HeaderList headers;
  for (const std::string& line : lines) {
    headers.push_back({name, line});
    headers.push_back({"X-Other", "9.9.9.9"});
  }
  return headers;
}

constexpr const char* nobody = "nobody";

std::string caller(const HeaderList& headers) {
  const auto found = find_caller(headers, boost::asio::ip::make_address("10.0.0.1"), trusted());
  return found ? found->to_string() : nobody;
}

struct Row {
  Lines lines;
  std::string caller;
};

TEST(Caller, T16_is_the_first_from_the_right_who_is_not_trusted) {
  const std::string peer = "10.0.0.1";
  const Row rows[] = {
      {{}, peer},
      {{""}, peer},
      {{","}, peer},
      {{"203.0.113.7"}, "203.0.113.7"},
      {{"  203.0.113.7\t"}, "203.0.113.7"},
      {{"1.1.1.1, 203.0.113.7"}, "203.0.113.7"},
      {{"1.1.1.1,203.0.113.7 ,10.0.0.2, 10.9.9.9"}, "203.0.113.7"},
      {{"1.1.1.1", "203.0.113.7", "10.0.0.2"}, "203.0.113.7"},
      {{"203.0.113.7,"}, "203.0.113.7"},
      {{"10.0.0.3, 10.0.0.2"}, "10.0.0.3"},
      {{"203.0.113.7:4711"}, "203.0.113.7"},
      {{"2001:db8::1"}, "2001:db8::1"},
      {{"[2001:db8::1]"}, "2001:db8::1"},
      {{"[2001:db8::1]:4711"}, "2001:db8::1"},
      {{"2001:db8::1, 2001:db8:aaaa::5"}, "2001:db8::1"},
      {{"::ffff:203.0.113.7"}, "203.0.113.7"},
      {{"203.0.113.7, ::ffff:10.0.0.2"}, "203.0.113.7"},
      // What a stranger writes at the left is never read.
      {{"nonsense, 203.0.113.7"}, "203.0.113.7"},
      {{"\"", "203.0.113.7"}, "203.0.113.7"},
      {{"\", 203.0.113.7"}, "203.0.113.7"},
      // What the walk meets and can't read names nobody.
      {{"nonsense"}, nobody},
      {{"203.0.113.7, nonsense"}, nobody},
      {{"203.0.113.7, nonsense, 10.0.0.2"}, nobody},
      {{"unknown"}, nobody},
      {{"203.0.113.7:"}, nobody},
      {{"203.0.113.7:a b"}, nobody},
      {{"203.0.113.777"}, nobody},
      {{"0203.0.113.7"}, nobody},
      {{"203.0.113"}, nobody},
      {{"[2001:db8::1"}, nobody},
      {{"2001:db8::1]"}, nobody},
      {{"[2001:db8::1]4711"}, nobody},
      {{"[]"}, nobody},
      {{"[203.0.113.7]"}, nobody},
      {{"fe80::1%eth0"}, nobody},
      {{"203.0.113.7 10.0.0.2"}, nobody},
      {{std::string(5000, '1')}, nobody},
  };
  for (const Row& row : rows)
    EXPECT_EQ(caller(headers_of("x-forwarded-for", row.lines)), row.caller)
        << (row.lines.empty() ? "" : row.lines.back());
}

TEST(Caller, T16_reads_the_standard_header_as_strictly) {
  const Row rows[] = {
      {{"for=203.0.113.7"}, "203.0.113.7"},
      {{"FOR=203.0.113.7;proto=https;host=app.example;by=10.0.0.1"}, "203.0.113.7"},
      {{"proto=https ; For = \"203.0.113.7:4711\""}, "203.0.113.7"},
      {{"for=\"[2001:db8::1]:4711\""}, "2001:db8::1"},
      {{"for=\"[2001:db8::1]\";by=\"x;y,z\""}, "2001:db8::1"},
      {{"for=1.1.1.1, for=203.0.113.7;proto=http, for=10.0.0.2"}, "203.0.113.7"},
      {{"for=1.1.1.1", "for=203.0.113.7", "for=10.0.0.2"}, "203.0.113.7"},
      {{"for=\"203.0.113.7:_port\""}, "203.0.113.7"},
      {{"for=\", for=203.0.113.7"}, "203.0.113.7"},
      {{"for=\"1.1.1.1, for=203.0.113.7"}, "203.0.113.7"},
      {{"for=_hidden, for=203.0.113.7"}, "203.0.113.7"},
      {{"for=_hidden"}, nobody},
      {{"for=unknown"}, nobody},
      {{"for=\"unknown:4711\""}, nobody},
      {{"for=203.0.113.7, for=_SEVKISEK"}, nobody},
      {{"proto=https"}, nobody},
      {{"203.0.113.7"}, nobody},
      {{"for=203.0.113.7;for=203.0.113.8"}, nobody},
      {{"for=\"203.0.113.7"}, nobody},
      {{"for=\"203.0\\.113.7\""}, nobody},
      {{"for="}, nobody},
      {{"for"}, nobody},
  };
  for (const Row& row : rows)
    EXPECT_EQ(caller(headers_of("Forwarded", row.lines)), row.caller) << row.lines.front();
}

TEST(Caller, T16_two_headers_that_disagree_name_nobody) {
  HeaderList headers = headers_of("X-Forwarded-For", {"203.0.113.7"});
  headers.push_back({"Forwarded", "for=203.0.113.7, for=10.0.0.2"});
  EXPECT_EQ(caller(headers), "203.0.113.7");
  headers.push_back({"Forwarded", "for=203.0.113.8"});
  EXPECT_EQ(caller(headers), nobody);
  HeaderList unreadable = headers_of("X-Forwarded-For", {"203.0.113.7"});
  unreadable.push_back({"Forwarded", "for=_hidden"});
  EXPECT_EQ(caller(unreadable), nobody);
  HeaderList empty = headers_of("X-Forwarded-For", {"203.0.113.7"});
  empty.push_back({"Forwarded", " "});
  EXPECT_EQ(caller(empty), "203.0.113.7");
}

TEST(Caller, T2_the_last_host_counts_and_only_by_a_proxy) {
  Request request;
  request.headers = {{"Forwarded", "host=no.example, for=1.1.1.1;host=\"b.example:8443\""}};
  EXPECT_EQ(forwarded_host(request), "");
  request.by_proxy = true;
  EXPECT_EQ(forwarded_host(request), "b.example:8443");
  request.headers.push_back({"X-Forwarded-Host", "no.example, no.example"});
  request.headers.push_back({"x-forwarded-host", "no.example, a.example"});
  EXPECT_EQ(forwarded_host(request), "a.example");
}

TEST(Caller, T16_is_local_only_if_nobody_else_is_named) {
  Request request;
  EXPECT_FALSE(is_local(request));
  request.over_loopback = true;
  EXPECT_TRUE(is_local(request));
  for (const Header neighbour :
       {Header{"X-Forwarded-For", "127.0.0.1, ::1"}, Header{"X-Real-IP", "127.0.0.1"},
        Header{"Forwarded", "for=\"[::1]:4711\";host=localhost"}}) {
    request.headers = {neighbour};
    EXPECT_TRUE(is_local(request)) << neighbour.name;
  }
  for (const Header stranger :
       {Header{"X-Forwarded-For", "127.0.0.1, 203.0.113.7"}, Header{"x-real-ip", "203.0.113.7"},
        Header{"X-Forwarded-For", "203.0.113.7, 127.0.0.1"}, Header{"X-Forwarded-For", "x"},
        Header{"Forwarded", "for=203.0.113.7"}, Header{"Forwarded", "for=_x"}}) {
    request.headers = {stranger};
    EXPECT_FALSE(is_local(request)) << stranger.name << ": " << stranger.value;
  }
}

}  // namespace
}  // namespace corohub::http
