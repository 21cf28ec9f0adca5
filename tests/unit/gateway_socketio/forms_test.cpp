#include "gateway/socketio/forms.hpp"

#include "gateway/wire/wraps.hpp"

#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace corohub::gateway::socketio {
namespace {

constexpr UnixMs noon = 1'700'000'000'000;

hub::Event event(std::string type, Seq seq, std::string topic = {}) {
  return {{std::move(type), R"({"a":1.10})", hub::Audience::everyone(), std::move(topic)}, seq, noon};
}

std::string text_of(const hub::Event& event, std::string_view name_space, bool with_position) {
  return std::string(event.frame(form_of(name_space, bare(), with_position), "e1")->bytes());
}

TEST(SocketioForms, an_event_is_name_data_meta_and_position) {
  EXPECT_EQ(text_of(event("user.updated", 7), "/", true),
            R"(2["user.updated",{"a":1.10},{"seq":7,"timestamp":"2023-11-14T22:13:20.000Z"},"e1:7"])");
  EXPECT_EQ(
      text_of(event("note", 8, "rooms/1"), "/admin", true),
      R"(2/admin,["note",{"a":1.10},{"seq":8,"timestamp":"2023-11-14T22:13:20.000Z","topic":"rooms/1"},"e1:8"])");
}

TEST(SocketioForms, a_volatile_event_ends_with_its_meta_so_that_no_client_takes_its_data_for_a_position) {
  EXPECT_EQ(text_of(event("note", 0), "/", true),
            R"(2["note",{"a":1.10},{"timestamp":"2023-11-14T22:13:20.000Z"}])");
}

TEST(SocketioForms, a_client_that_is_not_recovered_gets_name_and_data) {
  EXPECT_EQ(text_of(event("note", 7), "/client", false), R"(2/client,["note",{"a":1.10}])");
}

TEST(SocketioForms, a_type_that_clients_keep_for_themselves_is_a_message_that_says_so) {
  for (const char* type :
       {"connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener"})
    EXPECT_EQ(
        text_of(event(type, 1), "/", true),
        std::string(R"(2["message",{"a":1.10},{"seq":1,"timestamp":"2023-11-14T22:13:20.000Z","type":")") +
            type + R"("},"e1:1"])");
}

TEST(SocketioForms, clients_of_a_namespace_and_a_carrier_share_one_frame) {
  const hub::Event one = event("note", 7);
  const hub::FrameRef frame = one.frame(form_of("/", bare(), true), "e1");
  const std::uint64_t before = hub::frames_built();
  EXPECT_EQ(one.frame(form_of("/", bare(), true), "e1"), frame);
  EXPECT_EQ(hub::frames_built(), before);
  EXPECT_NE(one.frame(form_of("/admin", bare(), true), "e1"), frame);
}

}  // namespace
}  // namespace corohub::gateway::socketio
