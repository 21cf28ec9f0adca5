#include "gateway/stomp/destinations.hpp"

#include <string>

#include <gtest/gtest.h>

namespace corohub::gateway::stomp {
namespace {

using Kind = Destination::Kind;

TEST(StompDestinations, name_topics) {
  const Destination destination = parse_destination("/topic/rooms/one");
  EXPECT_EQ(destination.kind, Kind::topic);
  EXPECT_EQ(destination.name, "rooms/one");
}

TEST(StompDestinations, name_what_is_to_be_done) {
  const Destination destination = parse_destination("/app/auth.refresh");
  EXPECT_EQ(destination.kind, Kind::app);
  EXPECT_EQ(destination.name, "auth.refresh");
}

TEST(StompDestinations, name_the_queues_of_the_user) {
  EXPECT_EQ(parse_destination("/topic/system").kind, Kind::system);
  EXPECT_EQ(parse_destination("/user/queue/messages").kind, Kind::messages);
  EXPECT_EQ(parse_destination("/user/queue/subscription").kind, Kind::answers);
}

TEST(StompDestinations, are_nothing_else) {
  for (const char* text :
       {"", "/", "/topic", "/topic/", "/topic//a", "/topic/a/", "/topic/../a", "/topic/a b", "topic/a",
        "/app/", "/app", "/queue/a", "/user/queue/other", "/Topic/a"})
    EXPECT_EQ(parse_destination(text).kind, Kind::unknown) << text;
  EXPECT_EQ(parse_destination("/topic/" + std::string(256, 'a')).kind, Kind::unknown);
}

}  // namespace
}  // namespace corohub::gateway::stomp
