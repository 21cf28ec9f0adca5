#include "gateway/socketio/packet.hpp"

#include "gateway/socketio/attachments.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <boost/json/serialize.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace corohub::gateway::socketio {
namespace {

using testing::ElementsAre;

struct Read {
  std::string_view text;
  PacketType type;
  std::string_view name_space;
  AckId id;
  std::string_view payload;
  std::size_t attachments = 0;
};

TEST(SocketioPacket, what_clients_send_is_read) {
  using enum PacketType;
  const std::vector<Read> all{
      {"0", connect, "/", {}, ""},
      {R"(0{"token":"a"})", connect, "/", {}, R"({"token":"a"})"},
      {"0/admin,", connect, "/admin", {}, ""},
      {"0/admin", connect, "/admin", {}, ""},
      {R"(0/admin,{"token":"a,b"})", connect, "/admin", {}, R"({"token":"a,b"})"},
      {"1", disconnect, "/", {}, ""},
      {"1/admin,", disconnect, "/admin", {}, ""},
      {R"(2["hey"])", event, "/", {}, R"(["hey"])"},
      {R"(20["hey"])", event, "/", 0, R"(["hey"])"},
      {R"(2/admin,456["hey",{"a":1}])", event, "/admin", 456, R"(["hey",{"a":1}])"},
      {R"(3456[])", ack, "/", 456, "[]"},
      {R"(3/admin,0[1])", ack, "/admin", 0, "[1]"},
      {R"(51-["hey",{"_placeholder":true,"num":0}])",
       binary_event,
       "/",
       {},
       R"(["hey",{"_placeholder":true,"num":0}])",
       1},
      {R"(510-/admin,7["hey"])", binary_event, "/admin", 7, R"(["hey"])", 10},
      {R"(50-["hey"])", binary_event, "/", {}, R"(["hey"])", 0},
      {R"(61-/admin,4[{"_placeholder":true,"num":0}])", binary_ack, "/admin", 4,
       R"([{"_placeholder":true,"num":0}])", 1},
  };
  for (const Read& one : all) {
    const std::optional<Packet> packet = read_packet(one.text);
    ASSERT_TRUE(packet) << one.text;
    EXPECT_EQ(packet->type, one.type) << one.text;
    EXPECT_EQ(packet->name_space, one.name_space) << one.text;
    EXPECT_EQ(packet->id, one.id) << one.text;
    EXPECT_EQ(packet->payload, one.payload) << one.text;
    EXPECT_EQ(packet->attachments, one.attachments) << one.text;
  }
}

TEST(SocketioPacket, what_no_client_sends_is_refused) {
  const std::string long_name(name_space_bytes_max, 'x');
  for (const std::string& text : std::initializer_list<std::string>{"",
                                                                    "7",
                                                                    "abc",
                                                                    " 2[]",
                                                                    "2",
                                                                    "2{}",
                                                                    R"(2"hey")",
                                                                    "3",
                                                                    "31",
                                                                    "2abc[\"hey\"]",
                                                                    "5[\"hey\"]",
                                                                    "5-[\"hey\"]",
                                                                    "511-[\"hey\"]",
                                                                    "5a-[\"hey\"]",
                                                                    "51[\"hey\"]",
                                                                    "51-",
                                                                    "61-7",
                                                                    "4",
                                                                    "4{}",
                                                                    "0[]",
                                                                    "0null",
                                                                    "0/,/{}",
                                                                    R"(4{"message":"no"})",
                                                                    "1{}",
                                                                    "1[]",
                                                                    "1/admin,[]",
                                                                    "2/admin",
                                                                    "2/admin,",
                                                                    "29007199254740993[\"hey\"]",
                                                                    "299999999999999999999999[\"hey\"]",
                                                                    "0/" + long_name + ",",
                                                                    std::string("0/a\nb,"),
                                                                    std::string("0/a\x7f,")})
    EXPECT_FALSE(read_packet(text)) << text;
}

TEST(SocketioPacket, connect_brings_an_object_or_nothing) {
  EXPECT_EQ(read_auth("")->size(), 0U);
  EXPECT_EQ(read_auth(R"({"token":"a"})")->at("token"), "a");
  for (const char* text : {"null", "[]", R"("token")", "1", "{", "{}x", R"({"a":1,"a":2})", "\xff"})
    EXPECT_FALSE(read_auth(text)) << text;
}

TEST(SocketioPacket, an_event_is_a_name_and_its_arguments_as_they_stand) {
  const std::optional<Call> call = read_call(R"([ "publish" , {"data" : 1.10} , [2] ])", 7);
  ASSERT_TRUE(call);
  EXPECT_EQ(call->name, "publish");
  EXPECT_EQ(call->ack, AckId(7));
  EXPECT_EQ(json::serialize(call->arguments), R"([{"data":1.1E0},[2]])");
  EXPECT_EQ(call->first_text, R"({"data" : 1.10})");
  EXPECT_EQ(call->all_text, R"({"data" : 1.10} , [2])");

  const std::optional<Call> alone = read_call(R"(["ping"])", {});
  ASSERT_TRUE(alone);
  EXPECT_EQ(alone->first_text, "");
  EXPECT_EQ(alone->all_text, "");
  EXPECT_EQ(read_call("[1.50,2]", {})->name, "1.50");
}

TEST(SocketioPacket, an_event_without_a_name_or_with_one_of_the_connections_own_is_refused) {
  for (const char* text : {"[]", "[{}]", "[null]", "[[\"hey\"]]", "[true]", "[\"hey\"", "[\"hey\"]x",
                           "[\"connect\"]", "[\"connect_error\"]", "[\"disconnect\",1]",
                           "[\"disconnecting\"]", "[\"newListener\"]", "[\"removeListener\"]", "[\"h\xff\"]"})
    EXPECT_FALSE(read_call(text, {})) << text;
}

TEST(SocketioPacket, T54f_a_placeholder_has_its_buffer) {
  const std::vector<std::string> one{"abc"};
  EXPECT_EQ(read_call(R"(["hey",{"_placeholder":true,"num":0}])", {}, one)->attachments, one);
  EXPECT_TRUE(read_call(R"(["hey",{"a":[{"_placeholder":true,"num":0}]}])", {}, one));
  EXPECT_TRUE(read_call(R"(["hey",{"_placeholder":false,"num":9}])", {}, one));
  for (const char* text :
       {R"(["hey",{"_placeholder":true,"num":1}])", R"(["hey",{"_placeholder":true,"num":-1}])",
        R"(["hey",{"_placeholder":true,"num":"0"}])", R"(["hey",{"_placeholder":true}])",
        R"(["hey",{"a":[{"_placeholder":true,"num":7}]}])", R"(["hey",{"_placeholder":true,"num":0.5}])"})
    EXPECT_FALSE(read_call(text, {}, one)) << text;
}

TEST(SocketioPacket, a_head_is_as_short_as_it_may_be) {
  EXPECT_EQ(packet_head(PacketType::connect, "/"), "0");
  EXPECT_EQ(packet_head(PacketType::connect_error, "/admin"), "4/admin,");
  EXPECT_EQ(packet_head(PacketType::binary_event, "/", 2), "52-");
  EXPECT_EQ(packet_head(PacketType::binary_ack, "/custom", 1), "61-/custom,");
}

TEST(SocketioAttachments, T54f_buffers_are_counted_and_bounded_together) {
  Attachments two("text", 2, 5);
  EXPECT_FALSE(two.is_complete());
  EXPECT_TRUE(two.add("abc"));
  EXPECT_FALSE(two.add("def"));
  EXPECT_TRUE(two.add("de"));
  EXPECT_TRUE(two.is_complete());
  EXPECT_THAT(two.take_buffers(), ElementsAre("abc", "de"));
}

}  // namespace
}  // namespace corohub::gateway::socketio
