#include "gateway/stomp/body.hpp"
#include "gateway/stomp/forms.hpp"
#include "gateway/stomp/subscriptions.hpp"
#include "gateway/wire/wraps.hpp"

#include <string>
#include <utility>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace corohub::gateway::stomp {
namespace {

using namespace std::string_literals;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

Understood<Publication> publication_of(const std::string& headers, const std::string& body) {
  Parser parser(100'000);
  const std::string bytes =
      "SEND\ncontent-length:" + std::to_string(body.size()) + "\n" + headers + "\n" + body + "\0"s;
  std::string_view left = bytes;
  EXPECT_EQ(parser.next(left), Parser::Got::frame);
  return read_publication(parser.frame(), "rooms/one");
}

hub::Event event_of(Publication publication, Seq seq = 7) {
  return hub::Event({.type = std::move(publication.type),
                     .data = std::move(publication.data),
                     .audience = hub::Audience::everyone(),
                     .topic = std::move(publication.topic),
                     .attributes = std::move(publication.attributes)},
                    seq, 1000);
}

// What a subscriber gets of a SEND with these headers and this body.
std::string message_of(const std::string& headers, const std::string& body,
                       BinaryBodies how = BinaryBodies::as_they_are, Version version = Version::v1_0) {
  const hub::Event event = event_of(*publication_of(headers, body));
  return MessageRest(event, "epoch").append_to(FrameWriter(version, ""), how);
}

std::string body_of(const std::string& message) {
  const std::size_t end = message.find("\n\n");
  return message.substr(end + 2, message.size() - end - 3);
}

// ---- SEND ----

TEST(StompSend, publishes_json_as_it_is) {
  for (const char* headers :
       {"content-type:application/json\n", "content-type:application/json;charset=utf-8\n", ""}) {
    EXPECT_EQ(publication_of(headers, R"({"a": 1.10, "b":[ ]})")->data, R"({"a":1.10,"b":[]})") << headers;
    EXPECT_EQ(publication_of(headers, "[1]")->data, "[1]");
  }
  EXPECT_EQ(publication_of("content-type:application/vnd.x+json\n", "42")->data, "42");
}

TEST(StompSend, publishes_a_text_as_a_string) {
  EXPECT_EQ(publication_of("", "say \"hi\"\n")->data, R"("say \"hi\"\n")");
  EXPECT_EQ(publication_of("", "42")->data, R"("42")");
  EXPECT_EQ(publication_of("", "{no json")->data, R"("{no json")");
  EXPECT_EQ(publication_of("", "")->data, R"("")");
  EXPECT_EQ(publication_of("content-type:text/plain\n", "{}")->data, R"("{}")");
}

TEST(StompSend, publishes_other_bytes_as_base64) {
  EXPECT_EQ(publication_of("", "\xff\xfe")->data, R"("//4=")");
  EXPECT_EQ(publication_of("content-type:application/octet-stream\n", "abc")->data, R"("YWJj")");
  EXPECT_EQ(publication_of("corohub-encoding:base64\n", "//4=")->data, R"("//4=")");
}

TEST(StompSend, refuses_what_it_is_not) {
  EXPECT_EQ(publication_of("content-type:application/json\n", "{").error().code, "invalid_json");
  EXPECT_EQ(publication_of("corohub-encoding:base64\n", "!").error().code, "invalid_message");
  EXPECT_EQ(publication_of("type:no type\n", "").error().code, "invalid_message");
  EXPECT_EQ(publication_of("idempotency-key:\n", "").error().code, "invalid_message");
}

TEST(StompSend, names_its_type_and_its_key) {
  const auto named = publication_of("type:note\nidempotency-key:k-1\n", "x");
  EXPECT_EQ(named->type, "note");
  EXPECT_EQ(named->idempotency_key, "k-1");
  EXPECT_EQ(publication_of("", "x")->type, "message");
}

TEST(StompSend, bounds_the_headers_that_are_kept) {
  EXPECT_EQ(publication_of("a:" + std::string(7000, '\x01') + "\n", "x").error().code, "payload_too_large");
}

// ---- MESSAGE ----

TEST(StompMessage, has_what_a_subscriber_needs_to_know) {
  EXPECT_EQ(message_of("type:note\n", "{}"),
            "message-id:epoch:7\ncontent-length:2\ncorohub-type:note\ncorohub-seq:7\ncorohub-epoch:epoch\n"
            "corohub-time:1970-01-01T00:00:01.000Z\ncorohub-topic:rooms/one\n\n{}\0"s);
}

TEST(StompMessage, brings_the_body_that_was_sent) {
  for (const std::string& body : {"plain"s, "a\0b"s, ""s, "\xff\0\xfe"s, "{\"a\":1}"s, "\"quoted\""s})
    EXPECT_EQ(body_of(message_of("", body)), body);
  EXPECT_EQ(body_of(message_of("content-type:image/png\n", "abc")), "abc");
}

TEST(StompMessage, brings_binary_bodies_as_base64_where_the_carrier_is_text) {
  const std::string message = message_of("", "\xff\xfe", BinaryBodies::as_base64);
  EXPECT_EQ(body_of(message), "//4=");
  EXPECT_THAT(message, HasSubstr("\ncorohub-encoding:base64\n"));
  EXPECT_THAT(message, HasSubstr("\ncontent-length:4\n"));
}

TEST(StompMessage, has_a_content_type_only_if_its_publisher_gave_one) {
  EXPECT_THAT(message_of("", "{}"), Not(HasSubstr("content-type")));
  EXPECT_THAT(message_of("content-type:application/json\n", "{}"),
              HasSubstr("\ncontent-type:application/json\n"));
}

TEST(StompMessage, of_proxy_config_events_is_plain_text) {
  const auto message = [](std::string attributes) {
    Publication publication{.topic = "proxy_config_events", .data = "{}"};
    publication.attributes = std::move(attributes);
    const hub::Event event = event_of(std::move(publication));
    return MessageRest(event, "e").append_to(FrameWriter(Version::v1_2, ""), BinaryBodies::as_base64);
  };
  EXPECT_THAT(message(""), Not(HasSubstr("content-type")));
  EXPECT_THAT(message(R"({"content_type":"application/json"})"), Not(HasSubstr("content-type")));
  EXPECT_THAT(message(R"({"content_type":"text/plain;charset=UTF-8"})"),
              HasSubstr("content-type:text/plain"));
}

TEST(StompMessage, brings_the_publishers_headers_but_not_the_protocols) {
  const std::string message = message_of(
      "x-mine:1\nx-mine:2\nsubscription:s\nack:a\nmessage-id:m\ndestination:d\nreceipt:r\ntransaction:t\n"
      "Authorization:Bearer x\nauthorization:y\npasscode:p\nlogin:l\ntoken:k\ncorohub-seq:9\n",
      "x");
  EXPECT_THAT(message, HasSubstr("\nx-mine:1\n"));
  for (const char* other : {"x-mine:2", "subscription", "ack:", "message-id:m", "destination", "receipt",
                            "transaction", "uthorization", "passcode", "login", "token", "corohub-seq:9"})
    EXPECT_THAT(message, Not(HasSubstr(other))) << other;
}

TEST(StompMessage, T54c_escapes_headers_by_version) {
  EXPECT_THAT(message_of("a\\cb:c\\nd\n", "x", BinaryBodies::as_base64, Version::v1_2),
              HasSubstr("\na\\cb:c\\nd\n"));
  EXPECT_THAT(message_of("a\\cb:c\\nd\n", "x", BinaryBodies::as_base64, Version::v1_0),
              HasSubstr("\na b:c d\n"));
}

TEST(StompSend, T26_keeps_nothing_that_proves_who_somebody_is) {
  for (const std::string header : {"Cookie", "proxy-authorization", "ticket", "access_token", "refresh_token",
                                   "password", "secret", "Authorization"})
    EXPECT_EQ(publication_of(header + ":x\n", "a")->attributes.find("headers"), std::string::npos) << header;
}

TEST(StompSend, reads_a_content_type_with_blanks_around_it) {
  EXPECT_EQ(publication_of("content-type: application/json\t\n", "[ 1 ]")->data, "[1]");
}

TEST(StompMessage, of_a_volatile_event_has_an_id_that_nothing_resumes_from) {
  Publication publication{.topic = "a", .data = "1"};
  const hub::Event event = event_of(std::move(publication), 0);
  const auto message = [&] {
    return MessageRest(event, "e").append_to(FrameWriter(Version::v1_0, ""), BinaryBodies::as_base64);
  };
  const std::string first = message();
  EXPECT_THAT(first, StartsWith("message-id:-:"));
  EXPECT_THAT(first, Not(HasSubstr("corohub-seq")));
  EXPECT_NE(first.substr(0, first.find('\n')), message().substr(0, first.find('\n')));
}

TEST(StompMessage, of_an_alert_to_all_is_a_status) {
  const hub::Event alert(
      {"system.alert", R"({"message":"Down at \"ten\"","priority":"high"})", hub::Audience::everyone()}, 8,
      1640995200000);
  const std::string message =
      MessageRest(alert, "e").append_to(FrameWriter(Version::v1_2, ""), BinaryBodies::as_base64);
  EXPECT_EQ(body_of(message),
            R"({"type":"connection_status","message":"Down at \"ten\"","timestamp":1640995200000})");
  const hub::Event to_one({"system.alert", R"({"message":"x"})", hub::Audience::user(4)}, 9, 0);
  EXPECT_EQ(
      body_of(MessageRest(to_one, "e").append_to(FrameWriter(Version::v1_2, ""), BinaryBodies::as_base64)),
      R"({"message":"x"})");
}

// ---- forms ----

TEST(StompForms, are_one_for_each_version_and_carrier) {
  EXPECT_EQ(&form_of(Version::v1_2, websocket_text(), false),
            &form_of(Version::v1_2, websocket_text(), false));
  EXPECT_NE(&form_of(Version::v1_2, websocket_text(), false),
            &form_of(Version::v1_1, websocket_text(), false));
  EXPECT_NE(&form_of(Version::v1_2, websocket_text(), false), &form_of(Version::v1_2, http_chunk(), false));
}

TEST(StompForms, make_the_rest_of_a_message_once) {
  const hub::Event event = event_of(*publication_of("", "{}"));
  const hub::Form& form = form_of(Version::v1_0, websocket_text(), false);
  const hub::FrameRef& frame = event.frame(form, "epoch");
  ASSERT_TRUE(frame);
  EXPECT_EQ(frame->bytes().substr(0, 1), "\x80");  // a final continuation
  EXPECT_THAT(std::string(frame->bytes()), HasSubstr("message-id:epoch:7\n"));
  EXPECT_EQ(&event.frame(form, "epoch"), &frame);
}

TEST(StompForms, share_no_binary_body) {
  const hub::Event binary = event_of(*publication_of("", "\xff"));
  EXPECT_FALSE(binary.frame(form_of(Version::v1_2, websocket_text(), false), "e"));
  const hub::Event text = event_of(*publication_of("", "x"));
  EXPECT_FALSE(text.frame(form_of(Version::v1_2, websocket_text(), true), "e"));
}

// ---- subscriptions ----

TEST(StompSubscriptions, are_found_by_id_or_destination) {
  Subscriptions subscriptions;
  const std::uint32_t first = subscriptions.add({"1", "/topic/a"})->label;
  const std::uint32_t second = subscriptions.add({"2", "/topic/a"})->label;
  const std::uint32_t third = subscriptions.add({"", "/topic/a"})->label;
  EXPECT_EQ(subscriptions.add({"1", "/topic/b"}), nullptr);
  EXPECT_EQ(subscriptions.add({"", "/topic/a"}), nullptr);
  EXPECT_EQ(subscriptions.find("2", "")->label, second);
  EXPECT_EQ(subscriptions.find("", "/topic/a")->label, third);
  EXPECT_EQ(subscriptions.find("3", "/topic/a"), nullptr);
  subscriptions.remove(first);
  EXPECT_EQ(subscriptions.find(first), nullptr);
  EXPECT_GT(subscriptions.add({"1", "/topic/a"})->label, third);
}

TEST(StompSubscriptions, that_were_revoked_make_room_for_their_names) {
  Subscriptions subscriptions;
  const std::uint32_t first = subscriptions.add({"1", "/topic/a"})->label;
  subscriptions.find(first)->is_revoked = true;
  const Subscription* again = subscriptions.add({"1", "/topic/a"});
  ASSERT_NE(again, nullptr);
  EXPECT_FALSE(again->is_revoked);
  EXPECT_EQ(subscriptions.find(first), nullptr);
}

TEST(StompSubscriptions, are_bounded) {
  Subscriptions subscriptions;
  for (std::size_t i = 0; i < Subscriptions::count_max; ++i)
    EXPECT_NE(subscriptions.add({std::to_string(i), "/topic/a"}), nullptr);
  EXPECT_EQ(subscriptions.add({"one more", "/topic/a"}), nullptr);
}

TEST(StompSubscriptions, name_themselves_in_a_message) {
  Subscription subscription{"s:1", "/topic/a"};
  EXPECT_EQ(begin_message(Version::v1_2, subscription).head(),
            "MESSAGE\nsubscription:s\\c1\ndestination:/topic/a\n");
  subscription.acknowledges = true;
  subscription.label = 3;
  EXPECT_THAT(begin_message(Version::v1_2, subscription).head(), HasSubstr("\nack:3\n"));
  EXPECT_EQ(begin_message(Version::v1_0, {"", "/topic/a"}).head(), "MESSAGE\ndestination:/topic/a\n");
}

bool wants(Destination::Kind kind, std::vector<std::string> types, std::string type,
           hub::Audience audience = hub::Audience::everyone()) {
  const hub::Event event({std::move(type), "{}", audience}, 1, 0);
  return filter_of(kind, std::move(types))->wants(event);
}

TEST(StompSubscriptions, hear_of_presence_only_if_they_ask) {
  using Kind = Destination::Kind;
  EXPECT_TRUE(wants(Kind::topic, {}, "message"));
  EXPECT_FALSE(wants(Kind::topic, {}, "presence.joined"));
  EXPECT_FALSE(wants(Kind::topic, {}, "typing"));
  EXPECT_TRUE(wants(Kind::topic, {"presence.*"}, "presence.joined"));
  EXPECT_FALSE(wants(Kind::topic, {"presence.*"}, "message"));
}

TEST(StompSubscriptions, divide_what_is_for_the_user) {
  using Kind = Destination::Kind;
  EXPECT_FALSE(wants(Kind::messages, {}, "system.alert"));
  EXPECT_TRUE(wants(Kind::messages, {}, "system.alert", hub::Audience::user(7)));
  EXPECT_TRUE(wants(Kind::messages, {}, "user.updated"));
}

}  // namespace
}  // namespace corohub::gateway::stomp
