// A shard with seats on carriers that write down what they are given, a namespace of flags that changes, and
// a clock that stands still.
#pragma once

#include "auth/authenticator.hpp"
#include "core/json_text.hpp"
#include "gateway/session/client_judge.hpp"
#include "gateway/session/desk.hpp"
#include "gateway/socketio/client.hpp"
#include "gateway/socketio/packet.hpp"
#include "gateway/socketio/seat.hpp"
#include "gateway/socketio/server_parts.hpp"
#include "hub/hub.hpp"
#include "support/manual_clock.hpp"
#include "support/run_task.hpp"
#include "support/test_database.hpp"

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace corohub::gateway::socketio::test {

// A text and nothing else; a client of these tests reads what it says.
class PlainWrap final : public Wrap {
 public:
  hub::FrameRef frame(std::string_view text, Part part, const hub::Audience& audience,
                      MessageKind) const override {
    return hub::Frame::make("", text, audience,
                            part == Part::first ? hub::Frame::Next::is_joined : hub::Frame::Next::is_free);
  }
};
inline const PlainWrap plain_wrap;

class Carrier final : public Transport {
 public:
  explicit Carrier(std::shared_ptr<Session> its_session) : session(std::move(its_session)) {}

  std::string_view name() const noexcept override { return "plain"; }
  const Wrap& wrap() const noexcept override { return plain_wrap; }
  void close(CloseReason why, Drain) noexcept override { reason = name_of(why); }
  void abort() noexcept override {}
  void pause_reading() noexcept override {}
  void resume_reading() noexcept override {}
  void flush() noexcept override {
    hub::Outbox& outbox = session->outbox();
    while (reads && !outbox.empty()) {
      packets.emplace_back(outbox.at(0).bytes());
      outbox.consume(outbox.at(0).size());
    }
  }
  bool is_full() const noexcept override { return !reads; }

  // It reads all that waits.
  void read() {
    reads = true;
    flush();
  }
  // What has come since the last call, without the packet CONNECT.
  std::vector<std::string> take() {
    std::vector<std::string> taken = std::exchange(packets, {});
    std::erase_if(taken, [](const std::string& packet) { return packet.starts_with('0'); });
    return taken;
  }
  // The one that has come.
  std::string take_one() {
    const std::vector<std::string> taken = take();
    return taken.size() == 1 ? taken.front() : std::to_string(taken.size()) + " packets";
  }

  const std::shared_ptr<Session> session;
  Seat* seat = nullptr;
  bool reads = true;
  std::vector<std::string> packets;
  std::string reason;  // why it was closed

 private:
  static std::string name_of(CloseReason why) { return std::string(corohub::name(why)); }
};

// What a test may change of the namespace `bep`; each build() is its next state.
struct World {
  struct Plan {
    bool value = true;  // of its default
    bool enabled = true;
    bool visible = true;
    bool gated = false;
    std::string name{};  // the key, if it is empty
    std::string parent{};
    std::string rule{};
  };

  flags::NamespaceRef build() {
    auto made = std::make_shared<flags::Namespace>();
    made->id = 3;
    made->key = "bep";
    made->access = access;
    auto web = std::make_shared<flags::Platform>();
    web->id = 7;
    web->key = web->name = "web";
    web->enabled = platform_enabled;
    web->config = R"({"secret":1})";
    made->platforms = {web};
    for (const std::int64_t id : {8, 9}) {
      auto package = std::make_shared<flags::Package>();
      package->id = id;
      package->key = package->name = id == 8 ? "silver" : "gold";
      package->version = version;
      if (id == 9) package->features = {{1, {{"seats", 5}}}};
      made->packages.push_back(std::move(package));
    }
    ++version;
    made->environments = {environment(1, "default", made->platforms), environment(2, "staging", {})};
    return made;
  }

  std::map<std::string, Plan> plans{{"one", {}}, {"two", {.value = false}}};
  std::map<std::string, std::int64_t> ids{{"one", 1}, {"two", 2}};
  flags::NamespaceAccess access = flags::NamespaceAccess::users;
  bool platform_enabled = true;
  std::int64_t version = 1;
  Seq revision = 0;

 private:
  flags::EnvironmentRef environment(std::int64_t id, const std::string& key,
                                    const std::vector<flags::PlatformRef>& platforms) {
    std::vector<flags::Flag> list;
    for (const auto& [name, plan] : plans) {
      auto identity = std::make_shared<flags::FlagIdentity>();
      identity->id = ids.try_emplace(name, static_cast<std::int64_t>(ids.size()) + 1).first->second;
      identity->key = name;
      identity->name = plan.name.empty() ? name : plan.name;
      identity->client_visible = plan.visible;
      identity->package_gated = plan.gated;
      if (!plan.parent.empty()) identity->parent = plan.parent;
      flags::Flag flag;
      flag.identity = std::move(identity);
      flag.definition = definition(plan);
      list.push_back(std::move(flag));
    }
    flags::EnvironmentParts parts;
    parts.id = id;
    parts.key = key;
    parts.is_default = id == 1;
    parts.revision = revision;
    return std::make_shared<flags::Environment>(std::move(parts), std::move(list), platforms);
  }
  // The same plan is the same definition, so that nothing has changed.
  flags::DefinitionRef definition(const Plan& plan) {
    const std::string text = R"({"state":")" + std::string(plan.enabled ? "ENABLED" : "DISABLED") +
                             R"(","variants":{"on":true,"off":false},"defaultVariant":")" +
                             (plan.value ? "on" : "off") + "\"" +
                             (plan.rule.empty() ? "" : R"(,"targeting":)" + plan.rule) + "}";
    flags::DefinitionRef& known = definitions_[text];
    if (!known) {
      flags::Reading reading;
      known = flags::parse_definition(parse_json(text).value().as_object(), reading).value();
    }
    return known;
  }
  std::map<std::string, flags::DefinitionRef> definitions_;
};

class SeatRig {
 public:
  SeatRig() {
    hub.set_shards({&shard});
    database.hub.set_shards({&shard});
    shard.set_judge(&judge);
    now = world.build();
    flags.begin_with({now});
  }
  ~SeatRig() {
    for (const std::unique_ptr<Carrier>& one : carriers) one->session->on_closed(CloseReason::normal);
  }

  // ---- who comes ----
  AccountRef account(UserId id, Role role) {
    auto made = std::make_shared<Account>();
    made->id = id;
    made->role = role;
    made->sessions.push_back(SessionId::random());
    return made;
  }
  static Entrant user(const AccountRef& account) {
    return Entrant(auth::Principal{account, account->sessions.front(), 2'000'000'000, {}});
  }
  Entrant user(UserId id, Role role) { return user(account(id, role)); }
  static Entrant client_key(std::int64_t client_id) {
    flags::ClientKey key;
    key.id = 1;
    key.client_id = client_id;
    return Entrant(key, "chc_");
  }

  // As a connection does it: null with `refused` if it may have no seat.
  Carrier* connect(const Vocabulary& vocabulary, Entrant entrant, const std::string& auth = "{}",
                   std::optional<Seq> offset = {}) {
    Result<Seating> seating =
        vocabulary.admit(desk, entrant.identity(), parse_json(auth)->as_object(), offset.has_value());
    if (!note_refusal(seating)) return nullptr;
    Beginning beginning;
    if (offset) {
      beginning.events.since = Position{"", *offset};
      beginning.events.topics = seating->topics;
      beginning.topic_floors.assign(seating->topics.size(), topics_floor);
      beginning.committed = shard.head();
    } else {
      beginning.events.topics = seating->topics;
    }
    auto admission = hub.roster().admit(entrant.user_id(), asio::ip::address_v4::loopback(), false);
    SeatTerms terms{.state = std::move(seating->state), .with_position = with_position};
    terms.new_pid = "pid";
    if (offset) terms.old_pid = "pid";
    return open(vocabulary, std::move(terms),
                Arrival{.admission = std::move(admission.value()),
                        .address = asio::ip::address_v4::loopback(),
                        .exempt = exempt,
                        .entrant = std::move(entrant),
                        .beginning = std::move(beginning)});
  }
  Carrier* connect_guest(const Vocabulary& vocabulary, const std::string& auth) {
    const hub::Identity who = hub::Identity::guest();
    Result<Seating> seating = vocabulary.admit(desk, who, parse_json(auth)->as_object(), false);
    if (!note_refusal(seating)) return nullptr;
    auto admission = reception.admit_stranger(asio::ip::address_v4::loopback(), false);
    Carrier* const carrier = open(vocabulary, SeatTerms{.state = std::move(seating->state)},
                                  Arrival{.admission = std::move(admission.value()),
                                          .address = asio::ip::address_v4::loopback(),
                                          .may_identify = true});
    EXPECT_TRUE(carrier->session->enter_as_guest());
    carrier->seat->tell(*carrier->session, Welcome{shard.head(), false, 0});
    settle();
    return carrier;
  }

  // ---- what happens ----
  // The client says this; what it is answered.
  std::vector<std::string> say(Carrier& carrier, const std::string& payload, AckId ack = {}) {
    carrier.take();
    carrier.seat->hear(read_call(payload, ack).value());
    settle();
    return carrier.take();
  }
  void change() {
    flags::NamespaceRef next = world.build();
    flags.apply(flags::NamespaceChange{now, next});
    now = std::move(next);
  }
  void set_client(flags::ClientRef next) {
    flags.apply(flags::ClientChange{client, next});
    client = std::move(next);
  }
  flags::ClientRef make_client(std::int64_t package, std::vector<flags::Override> overrides = {},
                               UserId user_id = 1) {
    auto made = std::make_shared<flags::Client>();
    made->id = 5;
    made->key = "acme";
    made->namespace_id = 3;
    made->user_id = user_id;
    made->package_id = package;
    made->overrides = std::move(overrides);
    made->version = ++client_version;
    return made;
  }
  // `along`: what comes into force with the event.
  Seq publish(hub::EventDraft draft, bool durable = true, const std::function<void()>& along = {}) {
    if (durable) ++seq;
    const hub::EventRef event(new hub::Event(std::move(draft), durable ? seq : 0, clock.unix_ms()));
    std::vector<hub::Entry> entries{event};
    hub.publish(std::make_shared<hub::Batch>(std::move(entries)));
    if (along) along();
    settle();
    return seq;
  }
  void become(const AccountRef& account, Role role) {
    auto changed = std::make_shared<Account>(*account);
    changed->role = role;
    std::vector<hub::Entry> entries;
    entries.emplace_back(hub::AccountChanged{account->id, changed, CloseReason::session_revoked});
    hub.publish(std::make_shared<hub::Batch>(std::move(entries)));
    settle();
  }
  Seq publish_flag(const std::string& key, const std::string& action,
                   const std::string& environment = "default", const std::function<void()>& along = {}) {
    const std::string id = std::to_string(world.ids.at(key));
    hub::EventDraft draft;
    draft.type = action == "deleted" ? "flag.deleted" : "flag.updated";
    draft.data = R"({"namespace":"bep","environment":")" + environment + R"(","flag_id":)" + id +
                 R"(,"flag_key":")" + key + R"(","action":")" + action + R"("})";
    draft.audience = hub::Audience::everyone();
    draft.topic = environment == "default" ? "flags/bep" : "flags/bep/" + environment;
    draft.also = "feature/" + id;
    draft.attributes = R"({"flag":{"id":)" + id + R"(,"namespace_id":3,"environment_id":)" +
                       (environment == "default" ? "1" : "2") + R"(,"hidden":false,"gated":false}})";
    return publish(std::move(draft), true, along);
  }
  // Of a platform, a package or a client.
  static hub::EventDraft about(const std::string& type, std::int64_t id, const std::string& changes,
                               const std::string& whom) {
    hub::EventDraft draft;
    draft.type = type;
    draft.data = R"({"namespace":"bep","id":)" + std::to_string(id) + R"(,"changes":)" + changes + "}";
    draft.audience = hub::Audience::admins_and_clients();
    draft.attributes = R"({"for":{"namespace":3)" + whom + "}}";
    return draft;
  }
  void settle() {
    context.restart();
    while (context.poll() > 0) context.restart();
  }
  void pass(std::chrono::milliseconds time) {
    for (std::chrono::milliseconds passed{0}; passed < time; passed += Wheel::tick) {
      clock.advance(Wheel::tick);
      shard.tick();
      settle();
    }
  }

  asio::io_context context{1};
  corohub::test::ManualClock clock;
  corohub::test::TestDatabase database;
  auth::KeyStore keys{database.directory.path() / "keys", clock};
  auth::Tokens tokens{keys, auth::TokenSettings(), clock};
  auth::AccountCache cache{[](UserId) -> Task<Result<AccountRef>> { co_return AccountRef(); }, 100};
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
  const ClientJudge judge{flags};
  FlagWatching flag_watching{shard, flags};
  Desk desk{shard, authenticator, database.readers, settings, publishing,    presence, reception,
            flags, service_keys,  client_keys,      topics,   flag_watching, nullptr};
  auth::RateLimiter broadcasts{{10, std::chrono::seconds(1), 20}, clock};
  std::atomic<bool> draining{false};
  auth::RateLimiter reports{client_reports, clock};
  const ServerParts parts{hub, database.writer, broadcasts, reports, draining};
  World world;
  flags::NamespaceRef now;
  flags::ClientRef client;
  std::int64_t client_version = 0;
  Seq seq = 0;
  bool exempt = false;
  // Of those who come.
  bool reads = true;
  bool with_position = true;
  Seq topics_floor = 0;  // events of topics up to here are gone for them
  std::string refused;   // the code of the last refusal
  std::vector<std::unique_ptr<Carrier>> carriers;

 private:
  bool note_refusal(const Result<Seating>& seating) {
    refused = seating ? std::string() : std::string(name(seating.error().code));
    return seating.has_value();
  }
  Carrier* open(const Vocabulary& vocabulary, SeatTerms terms, Arrival arrival) {
    Seat& seat = Seat::make(vocabulary, std::move(terms));
    auto carrier = std::make_unique<Carrier>(std::make_shared<Session>(desk, seat, std::move(arrival)));
    carrier->seat = &seat;
    carrier->reads = reads;
    Carrier* const one = carrier.get();
    carriers.push_back(std::move(carrier));
    one->session->on_open(*one);
    settle();
    return one;
  }
};

}  // namespace corohub::gateway::socketio::test
