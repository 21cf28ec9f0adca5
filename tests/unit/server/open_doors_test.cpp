#include "server/open_doors.hpp"

#include <string>
#include <vector>

#include <gmock/gmock.h>

namespace corohub::server {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

std::vector<std::string> names(const Settings& settings) {
  std::vector<std::string> events;
  for (const OpenDoor& door : open_doors(settings)) events.emplace_back(door.event);
  return events;
}

TEST(OpenDoors, the_defaults_leave_none) { EXPECT_THAT(names(Settings()), IsEmpty()); }

TEST(OpenDoors, a_listener_for_other_machines_is_one_and_tokens_in_addresses_are_another) {
  Settings settings;
  for (const char* address : {"0.0.0.0:8080", "[::]:8080", "192.0.2.1:8080"}) {
    settings.listen = {"localhost:8080", address};
    EXPECT_THAT(names(settings), ElementsAre("listen.plain_http", "query_token.exposed"));
  }
  settings.gateway.query_token = false;
  EXPECT_THAT(names(settings), ElementsAre("listen.plain_http"));
}

TEST(OpenDoors, each_setting_that_lets_everybody_in_is_named) {
  Settings settings;
  settings.admin_listen = "[::]:8081";
  settings.http.cors_origins = {"https://a.example", "*"};
  settings.gateway.allowed_origins = {"*"};
  settings.exempt_cidrs = {"127.0.0.0/8"};
  settings.gateway.echo = true;
  settings.gateway.socketio.testkit = true;
  EXPECT_THAT(names(settings),
              ElementsAre("admin_listener.exposed", "cors.any", "origins.any", "limits.exempt",
                          "diagnostics.echo", "diagnostics.socketio_testkit"));
}

TEST(OpenDoors, T16_proxies_that_may_be_anybody_are_one) {
  Settings settings;
  settings.http.trusted_proxies = {"10.0.0.0/8", "::1"};
  EXPECT_THAT(names(settings), IsEmpty());
  for (const char* everybody : {"0.0.0.0/0", "::/0", "10.0.0.1/00"}) {
    settings.http.trusted_proxies.back() = everybody;
    EXPECT_THAT(names(settings), ElementsAre("proxy.anybody")) << everybody;
  }
}

}  // namespace
}  // namespace corohub::server
