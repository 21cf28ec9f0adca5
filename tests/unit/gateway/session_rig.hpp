// A shard with sessions on real sockets, tokens and an account cache, on a clock that stands still.
#pragma once

#include "auth/authenticator.hpp"
#include "flags/directory.hpp"
#include "gateway/native/dialect.hpp"
#include "gateway/session/key_ends.hpp"
#include "gateway/session/session.hpp"
#include "gateway/wire/websocket.hpp"
#include "hub/hub.hpp"
#include "raw_client.hpp"
#include "support/manual_clock.hpp"
#include "support/run_task.hpp"
#include "support/test_database.hpp"

#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <boost/json/parse.hpp>

namespace corohub::gateway::test {

class SessionRig {
 public:
  explicit SessionRig(FlagWatchLimits limits = {}) : watch_limits(limits) {
    hub.set_shards({&shard});
    database.hub.set_shards({&shard});
  }
  ~SessionRig() {
    clients.clear();  // they are gone already
    shard.close_all(CloseReason::draining, std::chrono::milliseconds(0));
    pass(std::chrono::seconds(3));
  }

  AccountRef add_account(UserId id, Role role, const SessionId& session = SessionId::random()) {
    auto account = std::make_shared<Account>();
    account->id = id;
    account->role = role;
    account->sessions.push_back(session);
    accounts[id] = account;
    cache.apply(id, account);
    return account;
  }
  // So that the writer finds it, too.
  void store(const Account& account) {
    auto unit = [&account](storage::UnitOfWork& work) -> Result<storage::Nothing> {
      work.query(
              "INSERT INTO users (id, name, email, email_key, role, password_hash, created_at, updated_at) "
              "VALUES (?, '', '', ?, ?, '', 0, 0)")
          .bind(account.id, std::to_string(account.id), name(account.role))
          .run();
      return storage::Nothing{};
    };
    corohub::test::run_task([&] { return database.writer.commit(unit); }).value();
  }
  std::string token(const Account& account) { return tokens.issue(account, account.sessions.front()); }
  auth::Principal principal(const std::string& text) {
    return corohub::test::run_task([&] { return authenticator.authenticate(text); }).value();
  }

  // A connection of this account with the token it would get now.
  std::unique_ptr<RawClient> connect(const Account& account) {
    auto client = std::make_unique<RawClient>(context);
    start(*client, principal(token(account)));
    return client;
  }
  std::unique_ptr<RawClient> connect(Entrant entrant, Beginning beginning = {}) {
    auto client = std::make_unique<RawClient>(context);
    start(*client, std::move(entrant), std::move(beginning));
    return client;
  }
  std::shared_ptr<Session> start(RawClient& client, const auth::Principal& principal,
                                 Beginning beginning = {}) {
    return start(client, Entrant(principal), std::move(beginning));
  }
  std::shared_ptr<Session> start(RawClient& client, Entrant entrant, Beginning beginning = {}) {
    auto admission = hub.roster().admit(entrant.user_id(), asio::ip::address_v4::loopback(), false);
    const auto session = std::make_shared<Session>(desk, *dialect,
                                                   Arrival{.admission = std::move(admission.value()),
                                                           .address = asio::ip::address_v4::loopback(),
                                                           .entrant = std::move(entrant),
                                                           .beginning = std::move(beginning)});
    start_websocket({.socket = client.take_server_socket(),
                     .unread = {},
                     .head = "HTTP/1.1 101 Switching Protocols\r\n\r\n",
                     .limited = true,
                     .deflate = deflate},
                    {sockets, shard.wheel(), clock}, session->outbox(), session);
    clients.push_back(&client);
    return session;
  }

  void publish(std::vector<hub::Entry> entries) {
    hub.publish(std::make_shared<hub::Batch>(std::move(entries)));
    settle();
  }
  void settle() { turn_until_quiet(context, clients); }
  bool until(const std::function<bool()>& done) { return turn_until(context, clients, done); }
  void pass(std::chrono::milliseconds time) {
    for (std::chrono::milliseconds passed{0}; passed < time; passed += Wheel::tick) {
      clock.advance(Wheel::tick);
      shard.tick();
      context.restart();
      context.poll();
      for (RawClient* client : clients) client->turn();
    }
    settle();
  }

  std::map<UserId, AccountRef> accounts;
  asio::io_context context{1};
  corohub::test::ManualClock clock;
  corohub::test::TestDatabase database;
  auth::KeyStore keys{database.directory.path() / "keys", clock};
  auth::Tokens tokens{keys, auth::TokenSettings(), clock};
  auth::AccountCache cache{[this](UserId id) { return load(id); }, 100};
  auth::Authenticator authenticator{tokens, cache, clock};
  hub::Shard shard{context, clock};
  hub::Hub hub{{}, clock};
  const hub::TopicRules topic_rules;
  SessionSettings settings{std::chrono::seconds(54), {}, "epoch-1", topic_rules, {}, {}};
  Publishing publishing{hub, database.writer, topic_rules, clock, 65'536};
  PresenceDesk presence{hub, topic_rules, clock, {5, std::chrono::seconds(1), 5}};
  Reception reception{hub.roster(), {}, clock};
  flags::Directory flags{clock};
  users::ServiceKeyCache service_keys{database.readers, cache, clock};
  flags::ClientKeyCache client_keys{database.readers, flags, clock};
  TopicRights topics{shard, topic_rules, flags};
  KeyEnds key_ends{shard, service_keys, client_keys};
  const FlagWatchLimits watch_limits;
  FlagWatching flag_watching{shard, flags, watch_limits};
  Desk desk{shard, authenticator, database.readers, settings, publishing,    presence, reception,
            flags, service_keys,  client_keys,      topics,   flag_watching, nullptr};
  WebSocketSettings sockets;
  Dialect* dialect = &native::dialect();
  bool deflate = false;     // agreed on by those who connect
  bool loads_fail = false;  // with an exception
  std::vector<RawClient*> clients;

 private:
  Task<Result<AccountRef>> load(UserId id) {
    if (loads_fail) throw std::runtime_error("a defect");
    co_return accounts[id];
  }
};

// The text messages a client has, as JSON.
inline std::vector<boost::json::object> messages(const RawClient& client) {
  std::vector<boost::json::object> all;
  for (const ServerFrame& frame : client.frames)
    if (frame.opcode == 0x1) all.push_back(boost::json::parse(frame.payload).as_object());
  return all;
}

}  // namespace corohub::gateway::test
