#include "core/deflate.hpp"
#include "gateway/native/forms.hpp"
#include "session_rig.hpp"

#include <boost/json/serialize.hpp>
#include <gtest/gtest.h>

namespace corohub::gateway::test {
namespace {

using namespace std::chrono_literals;

bool has_close(const RawClient& client) {
  return !client.frames.empty() && client.frames.back().opcode == 0x8;
}

hub::EventRef event(std::string type, hub::Audience audience, Seq seq = 0) {
  return hub::EventRef(new hub::Event({std::move(type), "{}", audience}, seq, 0));
}

bool gets(SessionRig& rig, const RawClient& client, std::size_t count) {
  return rig.until([&] { return messages(client).size() >= count; });
}

std::vector<std::string> types(const RawClient& client) {
  std::vector<std::string> all;
  for (const json::object& message : messages(client)) all.emplace_back(message.at("type").as_string());
  return all;
}

TEST(Session, welcomes_first_of_all) {
  SessionRig rig;
  rig.shard.set_head(41);
  const AccountRef ann = rig.add_account(7, Role::admin);
  const auto client = rig.connect(*ann);
  rig.publish({event("system.alert", hub::Audience::everyone(), 42)});
  ASSERT_TRUE(gets(rig, *client, 2));
  const auto received = messages(*client);
  EXPECT_EQ(received[0].at("type"), "connection.established");
  EXPECT_FALSE(received[0].contains("seq"));
  EXPECT_EQ(received[0].at("timestamp"), "2026-01-06T10:30:01.123Z");
  json::object data = received[0].at("data").as_object();
  Uuid client_id;
  EXPECT_TRUE(Uuid::parse(data.at("client_id").as_string(), client_id));
  data.erase("client_id");
  const json::object expected{{"user_id", 7},
                              {"role", "admin"},
                              {"message", "Welcome to WebSocket real-time updates"},
                              {"epoch", "epoch-1"},
                              {"seq", 41},
                              {"recovered", false},
                              {"ping_interval", 54},
                              {"token_expires_at", "2026-01-06T10:45:02.000Z"}};
  EXPECT_EQ(data, expected);
  EXPECT_EQ(received[1].at("seq"), 42);
}

TEST(Session, T62_what_leaves_the_log_while_a_client_is_on_its_way_is_a_gap) {
  SessionRig rig;
  rig.shard.set_head(9);
  rig.publish({hub::Entry(hub::LogShortened{5})});
  Beginning beginning;  // as it was before that
  beginning.events.since = Position{"epoch-1", 1};
  beginning.committed = 9;
  const AccountRef ann = rig.add_account(7, Role::user);
  const auto client = rig.connect(Entrant(rig.principal(rig.token(*ann))), std::move(beginning));
  ASSERT_TRUE(gets(rig, *client, 2));
  const auto received = messages(*client);
  EXPECT_EQ(received[0].at("data").at("recovered"), false);
  EXPECT_EQ(received[0].at("data").at("seq"), 5);
  EXPECT_EQ(received[1].at("type"), "stream.gap");
  EXPECT_EQ(received[1].at("data"), (json::object{{"from", 1}, {"to", 5}, {"reason", "expired"}}));
}

TEST(Session, T57_gets_events_compressed_and_what_is_for_it_alone_as_it_is) {
  SessionRig rig;
  rig.deflate = true;
  const AccountRef ann = rig.add_account(7, Role::user);
  const auto client = rig.connect(*ann);
  const hub::EventRef large(
      new hub::Event({"large", '"' + std::string(1000, 'x') + '"', hub::Audience::everyone()}, 1, 0));
  rig.publish({large, event("small", hub::Audience::everyone(), 2)});
  const std::string id(64, 'i');
  client->send(text(R"({"type":")" + std::string(300, 'x') + R"(","id":")" + id + "\"}"));
  ASSERT_TRUE(rig.until([&] { return client->frames.size() == 4; }));
  EXPECT_FALSE(client->frames[0].compressed) << "the welcome";
  EXPECT_GE(client->frames[0].payload.size(), native::compressed_text_min);
  EXPECT_TRUE(client->frames[1].compressed);
  EXPECT_EQ(inflate_message(client->frames[1].payload, 2000).bytes, large->text());
  EXPECT_FALSE(client->frames[2].compressed) << "too short";
  EXPECT_FALSE(client->frames[3].compressed) << "an answer";
}

TEST(Session, counts_while_it_is_registered) {
  SessionRig rig;
  const AccountRef ann = rig.add_account(7, Role::user);
  const auto first = rig.connect(*ann);
  const auto second = rig.connect(*ann);
  EXPECT_EQ(rig.hub.roster().counts().total, 2U);
  EXPECT_EQ(rig.hub.roster().counts().by_role[0], 2U);
  first->send(close(1000));
  EXPECT_TRUE(rig.until([&] { return rig.shard.size() == 1; })) << "it does not wait for the end of TCP";
  EXPECT_EQ(rig.hub.roster().counts().total, 1U);
  second->shut_down_sending();  // without a word
  EXPECT_TRUE(rig.until([&] { return rig.hub.roster().places() == 0; }));
  EXPECT_EQ(rig.hub.roster().counts().total, 0U);
}

TEST(Session, T15_places_come_back_however_a_connection_ends) {
  SessionRig rig;
  const AccountRef ann = rig.add_account(7, Role::user);
  for (int i = 0; i < 100; ++i) {
    auto client = rig.connect(*ann);
    if (i % 2 == 0) client->send(text("{}"));
    rig.settle();
    rig.clients.pop_back();
    client.reset();  // unread bytes: a reset
    rig.settle();
  }
  EXPECT_TRUE(rig.until([&] { return rig.hub.roster().places() == 0; }));
  EXPECT_EQ(rig.shard.size(), 0U);
}

TEST(Session, T31_follows_its_users_role) {
  SessionRig rig;
  const AccountRef ann = rig.add_account(7, Role::admin);
  const auto client = rig.connect(*ann);
  rig.publish({event("user.created", hub::Audience::admins(), 1)});
  auto demoted = std::make_shared<Account>(*ann);
  demoted->role = Role::user;
  rig.publish({hub::AccountChanged{7, demoted, CloseReason::session_revoked},
               event("user.created", hub::Audience::admins(), 2)});
  ASSERT_TRUE(gets(rig, *client, 2));
  rig.settle();
  EXPECT_EQ(types(*client), (std::vector<std::string>{"connection.established", "user.created"}));
  EXPECT_EQ(rig.hub.roster().counts().by_role, (std::array<std::size_t, 3>{1, 0, 0}));
}

TEST(Session, T30_gets_its_own_last_event_and_then_the_close) {
  SessionRig rig;
  const AccountRef ann = rig.add_account(7, Role::user);
  const auto client = rig.connect(*ann);
  auto changed = std::make_shared<Account>(*ann);
  changed->sessions = {SessionId::random()};
  rig.publish({event("password.changed", hub::Audience::user(7), 1),
               hub::AccountChanged{7, changed, CloseReason::credentials_changed},
               event("profile.updated", hub::Audience::user(7), 2)});
  ASSERT_TRUE(rig.until([&] { return has_close(*client); }));
  EXPECT_EQ(types(*client), (std::vector<std::string>{"connection.established", "password.changed"}));
  EXPECT_EQ(client->frames.back().close_code(), 1008);
  EXPECT_EQ(client->frames.back().close_reason(), "credentials_changed");
  EXPECT_EQ(rig.hub.roster().counts().total, 0U) << "who was told to go is no client";
}

TEST(Session, a_login_that_died_during_the_upgrade_is_never_registered) {
  SessionRig rig;
  RawClient client(rig.context);
  const auto session = std::make_shared<Session>(
      rig.desk, native::dialect(), Arrival{.admission = {}, .address = asio::ip::address_v4::loopback()});
  start_websocket({.socket = client.take_server_socket(),
                   .unread = {},
                   .head = "HTTP/1.1 101 Switching Protocols\r\n\r\n"},
                  {rig.sockets, rig.shard.wheel(), rig.clock}, session->outbox(), session);
  EXPECT_EQ(rig.shard.size(), 0U);
  EXPECT_FALSE(session->is_identified()) << "not even as a guest";
  rig.clients.push_back(&client);
  ASSERT_TRUE(rig.until([&] { return !client.frames.empty(); }));
  EXPECT_EQ(client.frames[0].close_reason(), "session_revoked");
}

// ---- who it is, said after the upgrade ----

std::shared_ptr<Session> start_unidentified(SessionRig& rig, RawClient& client) {
  const auto session = std::make_shared<Session>(
      rig.desk, native::dialect(),
      Arrival{.admission = {}, .address = asio::ip::address_v4::loopback(), .may_identify = true});
  start_websocket({.socket = client.take_server_socket(),
                   .unread = {},
                   .head = "HTTP/1.1 101 Switching Protocols\r\n\r\n"},
                  {rig.sockets, rig.shard.wheel(), rig.clock}, session->outbox(), session);
  rig.clients.push_back(&client);
  rig.settle();
  return session;
}

TEST(Session, T14_has_ten_seconds_to_say_who_it_is) {
  SessionRig rig;
  RawClient client(rig.context);
  const auto session = start_unidentified(rig, client);
  rig.publish({event("system.alert", hub::Audience::everyone(), 1)});
  rig.pass(9'500ms);
  EXPECT_TRUE(messages(client).empty()) << "it is nobody: it hears nothing but pings";
  rig.pass(600ms);
  ASSERT_TRUE(rig.until([&] { return has_close(client); }));
  EXPECT_EQ(client.frames.back().close_reason(), "auth_timeout");
}

TEST(Session, T14_may_say_little_before_that) {
  SessionRig rig;
  RawClient client(rig.context);
  const auto session = start_unidentified(rig, client);
  client.send(text(std::string(40'000, 'x')));
  rig.settle();
  EXPECT_FALSE(has_close(client));
  client.send(text(std::string(40'000, 'x')));
  ASSERT_TRUE(rig.until([&] { return has_close(client); }));
  EXPECT_EQ(client.frames.back().close_reason(), "rate_limited");
}

// ---- the token's end ----

TEST(Session, T25_says_that_its_token_ends_and_then_ends) {
  SessionRig rig;
  const AccountRef ann = rig.add_account(7, Role::user);
  const auto client = rig.connect(*ann);
  // The clock stands at .123 s; tokens end on the next whole second. Pongs keep the heartbeat content.
  for (int i = 0; i < 27; ++i) {
    rig.pass(31s);
    client->send(encode({.opcode = 0xA}));
    rig.settle();
  }
  EXPECT_EQ(types(*client).size(), 1U);
  rig.pass(4s);
  ASSERT_TRUE(gets(rig, *client, 2));
  EXPECT_EQ(messages(*client)[1].at("type"), "auth.expiring");
  EXPECT_EQ(messages(*client)[1].at("data"), (json::object{{"expires_at", "2026-01-06T10:45:02.000Z"}}));
  client->send(encode({.opcode = 0xA}));
  rig.pass(59'700ms);
  EXPECT_FALSE(has_close(*client));
  rig.pass(600ms);
  ASSERT_TRUE(rig.until([&] { return has_close(*client); }));
  EXPECT_EQ(client->frames.back().close_code(), 1008);
  EXPECT_EQ(client->frames.back().close_reason(), "token_expired");
}

TEST(Session, T25_a_short_token_is_announced_right_after_the_welcome) {
  SessionRig rig;
  const AccountRef ann = rig.add_account(7, Role::user);
  auth::Principal principal = rig.principal(rig.token(*ann));
  principal.token_expires_at = rig.clock.unix_ms() / 1000 + 5;
  RawClient client(rig.context);
  rig.start(client, principal);
  ASSERT_TRUE(gets(rig, client, 2));
  EXPECT_EQ(types(client), (std::vector<std::string>{"connection.established", "auth.expiring"}));
  rig.clock.step_wall(-2h);  // T69: the deadline is steady
  rig.pass(4'700ms);
  EXPECT_FALSE(has_close(client));
  rig.pass(600ms);
  EXPECT_TRUE(rig.until([&] { return has_close(client); }));
}

TEST(Session, T25_a_pause_of_the_process_does_not_lengthen_a_token) {
  SessionRig rig;
  const auto account = rig.add_account(7, Role::user);
  auth::Principal principal = rig.principal(rig.token(*account));
  principal.token_expires_at = rig.clock.unix_ms() / 1000 + 70;
  RawClient client(rig.context);
  rig.start(client, principal);
  const auto lasting = rig.connect(*account);
  rig.settle();
  rig.clock.advance(90s);  // the whole process was stopped
  rig.shard.tick();
  ASSERT_TRUE(rig.until([&] { return has_close(client); }));
  EXPECT_EQ(client.frames.back().close_reason(), "token_expired");
  EXPECT_FALSE(has_close(*lasting));
}

TEST(Session, R13_a_healthy_connection_outlives_a_pause_of_the_process) {
  SessionRig rig;
  const auto client = rig.connect(*rig.add_account(7, Role::user));
  rig.settle();
  rig.clock.advance(10min);
  rig.pass(200ms);
  EXPECT_FALSE(has_close(*client)) << "nobody could have taken a pong meanwhile";
  rig.pass(rig.sockets.pong_timeout);
  EXPECT_TRUE(has_close(*client)) << "which this one never sends";
}

TEST(Session, T25_a_refresh_keeps_it_open) {
  SessionRig rig;
  const AccountRef ann = rig.add_account(7, Role::user);
  const auto client = rig.connect(*ann);
  const auto pass_with_pongs = [&](int half_minutes) {
    for (int i = 0; i < half_minutes; ++i) {
      rig.pass(30s);
      client->send(encode({.opcode = 0xA}));
      rig.settle();
    }
  };
  pass_with_pongs(20);
  client->send(text(R"({"type":"auth.refresh","id":"r","data":{"token":")" + rig.token(*ann) + "\"}}"));
  ASSERT_TRUE(gets(rig, *client, 2));
  const json::object expected{{"type", "reply"},
                              {"id", "r"},
                              {"ok", true},
                              {"data", {{"token_expires_at", "2026-01-06T10:55:02.000Z"}}}};
  EXPECT_EQ(json::serialize(messages(*client).back()), json::serialize(expected));
  pass_with_pongs(20);
  EXPECT_FALSE(has_close(*client)) << "the old token has ended five minutes ago";
  EXPECT_EQ(types(*client).size(), 2U);
}

TEST(Session, T25_a_token_of_another_user_or_login_changes_nothing) {
  SessionRig rig;
  const AccountRef ann = rig.add_account(7, Role::user);
  const AccountRef bob = rig.add_account(8, Role::user);
  const auto client = rig.connect(*ann);
  auto twice = std::make_shared<Account>(*ann);
  twice->sessions.push_back(SessionId::random());
  rig.cache.apply(7, twice);
  const std::string tokens[] = {rig.token(*bob), rig.tokens.issue(*twice, twice->sessions.back()),
                                "nonsense"};
  std::size_t answers = 1;
  for (const std::string& token : tokens) {
    client->send(text(R"({"type":"auth.refresh","id":1,"data":{"token":")" + token + "\"}}"));
    ASSERT_TRUE(gets(rig, *client, ++answers));
    const json::object answer = messages(*client).back();
    EXPECT_EQ(answer.at("type"), "error");
    EXPECT_EQ(answer.at("data").at("code"), "invalid_token");
  }
  EXPECT_FALSE(has_close(*client));
}

TEST(Session, T25_what_waits_when_a_token_ends_is_not_sent) {
  SessionRig rig;
  const AccountRef ann = rig.add_account(7, Role::user);
  auth::Principal principal = rig.principal(rig.token(*ann));
  principal.token_expires_at = rig.clock.unix_ms() / 1000 + 5;
  RawClient client(rig.context);
  const auto session = rig.start(client, principal);
  ASSERT_TRUE(gets(rig, client, 2));
  client.reading = false;
  const std::string data = "\"" + std::string(60'000, 'x') + "\"";
  Seq seq = 0;
  while (session->outbox().messages() < 8 && seq < 1000) {
    ++seq;
    rig.publish({hub::EventRef(new hub::Event({"system.alert", data, hub::Audience::everyone()}, seq, 0))});
  }
  const std::uint32_t waiting = session->outbox().messages() - (session->outbox().sent() > 0 ? 1 : 0);
  ASSERT_GE(waiting, 7U);
  rig.pass(5s);
  client.reading = true;
  ASSERT_TRUE(rig.until([&] { return has_close(client); }));
  EXPECT_EQ(client.frames.back().close_reason(), "token_expired");
  EXPECT_EQ(types(client).size(), 2 + static_cast<std::size_t>(seq) - waiting) << "what the kernel had";
}

TEST(Session, a_request_whose_work_fails_is_answered_and_leaves_nothing_behind) {
  SessionRig rig;
  const AccountRef ann = rig.add_account(7, Role::user);
  const auto client = rig.connect(*ann);
  ASSERT_TRUE(gets(rig, *client, 1));
  Account stranger = *ann;
  stranger.id = 99;  // not in the cache
  const std::string asked =
      text(R"({"type":"auth.refresh","id":1,"data":{"token":")" + rig.token(stranger) + "\"}}");
  rig.loads_fail = true;
  for (std::size_t answers = 2; answers < 5; ++answers) {
    client->send(asked);
    ASSERT_TRUE(gets(rig, *client, answers));
    EXPECT_EQ(messages(*client).back().at("id"), 1);
    EXPECT_EQ(messages(*client).back().at("data").at("code"), "internal_error");
  }
  rig.loads_fail = false;
  client->send(text(R"({"type":"auth.refresh","id":2,"data":{"token":")" + rig.token(*ann) + "\"}}"));
  ASSERT_TRUE(gets(rig, *client, 5));
  EXPECT_EQ(messages(*client).back().at("type"), "reply");
}

// ---- client messages ----

TEST(Session, answers_every_message) {
  SessionRig rig;
  rig.shard.set_head(9);
  const AccountRef ann = rig.add_account(7, Role::user);
  const auto client = rig.connect(*ann);
  client->send(text(R"({"type":"ping","id":5})") + text("hello") + text(R"({"type":"dance","id":"d"})"));
  ASSERT_TRUE(gets(rig, *client, 4));
  const auto received = messages(*client);
  EXPECT_EQ(received[1], (json::object{{"type", "reply"}, {"id", 5}, {"ok", true}, {"data", {{"seq", 9}}}}));
  EXPECT_EQ(received[2].at("id"), nullptr);
  EXPECT_EQ(received[2].at("data").at("code"), "invalid_message");
  EXPECT_EQ(received[3].at("id"), "d");
  EXPECT_EQ(received[3].at("data").at("code"), "unknown_type");
}

TEST(Session, T58_is_told_once_that_it_sends_too_fast) {
  SessionRig rig;
  const AccountRef ann = rig.add_account(7, Role::user);
  const auto client = rig.connect(*ann);
  for (int i = 0; i < 300; ++i) client->send(text(R"({"type":"ping"})"));
  const auto warnings = [&] {
    return std::ranges::count_if(messages(*client), [](const json::object& message) {
      return message.at("type") == "error" && message.at("data").at("code") == "rate_limited";
    });
  };
  EXPECT_TRUE(rig.until([&] { return warnings() > 0; }));
  rig.settle();
  EXPECT_EQ(warnings(), 1);
}

TEST(Session, T60_a_full_outbox_ends_the_client_that_does_not_read) {
  SessionRig rig;
  const AccountRef ann = rig.add_account(7, Role::user);
  const AccountRef bob = rig.add_account(8, Role::user);
  const auto slow = rig.connect(*ann);
  const auto quick = rig.connect(*bob);
  rig.settle();
  slow->reading = false;
  const std::string data = "\"" + std::string(60'000, 'x') + "\"";
  for (Seq seq = 1; seq <= 300 && rig.shard.size() == 2; ++seq) {
    rig.publish({hub::EventRef(new hub::Event({"system.alert", data, hub::Audience::everyone()}, seq, 0))});
    rig.pass(100ms);
  }
  EXPECT_EQ(rig.shard.size(), 1U);
  EXPECT_FALSE(has_close(*quick));
}

TEST(Session, kicked) {
  SessionRig rig;
  const AccountRef ann = rig.add_account(7, Role::user);
  const auto client = rig.connect(*ann);
  const hub::MemberInfo info = rig.shard.list(1).front();
  EXPECT_EQ(info.user_id, 7);
  EXPECT_EQ(info.transport, "websocket");
  EXPECT_EQ(info.ip, "127.0.0.1");
  rig.publish({hub::Kick{info.client_id}});
  ASSERT_TRUE(rig.until([&] { return has_close(*client); }));
  EXPECT_EQ(client->frames.back().close_reason(), "kicked");
}

}  // namespace
}  // namespace corohub::gateway::test
