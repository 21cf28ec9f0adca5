// Who hears what of flags, packages and clients, while grants, packages, namespaces, clients and ranks change
// at random, sockets are full and connections come back: compared with a simple function of the log and of
// what was true at each place in it. On one shard, where connections come and go between the changes, and on
// two with threads of their own. Also built with ThreadSanitizer.
#include "gateway/session/client_judge.hpp"
#include "gateway/session/topic_rights.hpp"
#include "hub/hub.hpp"
#include "hub/replay.hpp"
#include "support/manual_clock.hpp"

#include <array>
#include <atomic>
#include <future>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <thread>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <gtest/gtest.h>

namespace corohub::gateway {
namespace {

using flags::NamespaceAccess;
using Id = std::int64_t;

constexpr Id service_of_bep = -1;  // clients of the model that are services
constexpr Id service_of_all = -2;

// ---- what is true ----

struct FlagFacts {
  std::string key;
  std::string parent{};
  bool visible = true;
  bool gated = false;
};

struct NamespaceFacts {
  Id id = 0;
  std::string key;
  NamespaceAccess access = NamespaceAccess::users;
  std::map<Id, FlagFacts> flags;
  std::map<Id, std::set<Id>> packages{};  // the flags of each

  const FlagFacts* parent_of(const FlagFacts& flag) const {
    for (const auto& one : flags)
      if (one.second.key == flag.parent) return &one.second;
    return nullptr;
  }
  Id id_of(const FlagFacts& flag) const {
    for (const auto& one : flags)
      if (one.second.key == flag.key) return one.first;
    return 0;
  }
};

struct ClientFacts {
  Id name_space = 0;
  UserId user = 0;
  Id package = 0;
  bool in_staging = false;
  bool active = true;
  std::map<Id, bool> overrides{};
};

struct World {
  std::map<std::string, NamespaceFacts> namespaces;
  std::map<Id, ClientFacts> clients;
  std::map<UserId, Role> roles;
};

// ---- the log ----

struct Told {
  Seq seq = 0;
  // Of a flag.
  std::string name_space{};
  bool in_staging = false;
  Id flag = 0;
  bool hidden = false;
  bool gated = false;
  std::set<Id> packages{}, granted{}, denied{};  // of one that goes
  // Of an audience.
  bool everyone = false;
  bool admins = false;
  UserId user = 0;
  Id for_namespace = 0, for_package = 0, for_client = 0;
  UserId former_user = 0;  // of that client
  std::string second{};

  bool is_of_flag() const { return !name_space.empty(); }
  std::string topic() const { return "flags/" + name_space + (in_staging ? "/staging" : ""); }
};

std::string list(const std::set<Id>& ids) {
  std::string text = "[";
  for (const Id id : ids) text += (text.size() > 1 ? "," : "") + std::to_string(id);
  return text + "]";
}

hub::EventRef event_of(const Told& told, Id namespace_id) {
  hub::EventDraft draft{.type = "e" + std::to_string(told.seq), .data = "{}", .audience = {}};
  draft.also = told.second;
  if (told.is_of_flag()) {
    draft.audience = hub::Audience::everyone();
    draft.topic = told.topic();
    draft.attributes = R"({"flag":{"id":)" + std::to_string(told.flag) + R"(,"namespace_id":)" +
                       std::to_string(namespace_id) + R"(,"hidden":)" + (told.hidden ? "true" : "false") +
                       R"(,"gated":)" + (told.gated ? "true" : "false") + R"(,"packages":)" +
                       list(told.packages) + R"(,"granted":)" + list(told.granted) + R"(,"denied":)" +
                       list(told.denied) + "}}";
  } else {
    const bool judged = told.for_namespace != 0;
    if (told.everyone) draft.audience = hub::Audience::everyone();
    if (told.admins) draft.audience.roles |= hub::Audience::admin_bits;
    if (judged) draft.audience.roles |= hub::Audience::judged_bit;
    draft.audience.user_id = told.user;
    draft.attributes = R"({"for":{"namespace":)" + std::to_string(told.for_namespace);
    if (told.for_package != 0) draft.attributes += R"(,"package":)" + std::to_string(told.for_package);
    if (told.for_client != 0) draft.attributes += R"(,"client":)" + std::to_string(told.for_client);
    if (told.former_user != 0) draft.attributes += R"(,"former_user":)" + std::to_string(told.former_user);
    draft.attributes += "}}";
  }
  return {new hub::Event(std::move(draft), told.seq, 0)};
}

// ---- the oracle ----

struct Who {
  hub::Identity::Kind kind = hub::Identity::Kind::guest;
  UserId user = 0;
  Id client = 0;  // or a service of the model
  bool is_among_clients = false;
};

class Oracle {
 public:
  Oracle(const World& world, const Who& who) : world_(world), who_(who) {}

  bool is_admin() const {
    return who_.kind == hub::Identity::Kind::user && world_.roles.at(who_.user) != Role::user;
  }
  // Its client in the namespace, which is active; null: none.
  const std::pair<const Id, ClientFacts>* client_in(Id name_space) const {
    for (const auto& one : world_.clients) {
      const bool mine =
          who_.kind == hub::Identity::Kind::user ? one.second.user == who_.user : one.first == who_.client;
      const bool may_be_one =
          who_.kind == hub::Identity::Kind::user || who_.kind == hub::Identity::Kind::client;
      if (may_be_one && mine && one.second.name_space == name_space && one.second.active) return &one;
    }
    return nullptr;
  }
  // Active or not: a client that is disabled hears of itself.
  bool is_client(Id client) const {
    if (who_.kind == hub::Identity::Kind::user) return world_.clients.at(client).user == who_.user;
    return who_.kind == hub::Identity::Kind::client && who_.client == client;
  }
  bool evaluates(const NamespaceFacts& in) const {
    using Kind = hub::Identity::Kind;
    if (who_.kind == Kind::guest) return in.access == NamespaceAccess::everybody;
    if (who_.kind == Kind::user) return in.access != NamespaceAccess::clients || client_in(in.id) != nullptr;
    if (who_.kind == Kind::client) return client_in(in.id) != nullptr;
    return who_.client == service_of_all || in.key == "bep";
  }
  bool evaluates(const NamespaceFacts& in, bool staging) const {
    if (!evaluates(in)) return false;
    return who_.kind != hub::Identity::Kind::client || client_in(in.id)->second.in_staging == staging;
  }
  bool may_follow(const std::string& topic) const {
    if (topic.starts_with("package") || topic.starts_with("feature")) return is_admin();
    if (topic == "system")
      return who_.kind == hub::Identity::Kind::client || who_.kind == hub::Identity::Kind::service;
    if (topic == "flags") {
      if (who_.kind == hub::Identity::Kind::user) return true;
      return std::any_of(world_.namespaces.begin(), world_.namespaces.end(),
                         [&](const auto& one) { return evaluates(one.second); });
    }
    const bool staging = topic.ends_with("/staging");
    const std::string name = topic.substr(6, topic.size() - 6 - (staging ? 8 : 0));
    return is_admin() || evaluates(world_.namespaces.at(name), staging);
  }
  bool sees(const Told& told) const {
    const NamespaceFacts& in = world_.namespaces.at(told.name_space);
    if (is_admin()) return true;
    if (!evaluates(in, told.in_staging)) return false;
    if (who_.kind == hub::Identity::Kind::service) return true;
    if (told.hidden) return false;
    const auto now = in.flags.find(told.flag);
    const auto* const client = client_in(in.id);
    if (now == in.flags.end()) {
      if (!told.gated) return true;
      if (client == nullptr || told.denied.contains(client->first)) return false;
      return told.granted.contains(client->first) || told.packages.contains(client->second.package);
    }
    bool gated_now = false;
    bool granted = true;
    for (const FlagFacts* one = &now->second; one != nullptr; one = in.parent_of(*one)) {
      if (!one->visible) return false;
      if (!one->gated) continue;
      gated_now = true;
      granted = granted && is_granted(in, client, in.id_of(*one));
    }
    if (gated_now) return granted;
    return !told.gated || is_granted(in, client, told.flag);
  }
  bool is_in_audience(const Told& told) const {
    if (told.everyone && who_.kind == hub::Identity::Kind::user) return true;
    if (told.admins && is_admin()) return true;
    if (told.user != 0 && who_.kind == hub::Identity::Kind::user && told.user == who_.user) return true;
    if (told.for_namespace == 0) return false;
    if (told.for_client != 0)
      return is_client(told.for_client) || (who_.is_among_clients && told.former_user == who_.user);
    const auto* const client = client_in(told.for_namespace);
    if (client != nullptr && (told.for_package == 0 || client->second.package == told.for_package))
      return true;
    return who_.is_among_clients && told.for_package == 0 &&
           evaluates(world_.namespaces.at(told.for_namespace == 3 ? "bep" : "shop"));
  }
  // What waits for it stays for it: the topics it follows do not matter any more.
  bool keeps(const Told& told) const {
    if (told.is_of_flag()) return sees(told);
    return told.everyone || is_in_audience(told);
  }
  // Once, by whichever of its topics, or by its audience.
  bool hears(const Told& told, const std::set<std::string>& topics) const {
    const std::string kind = told.second.substr(0, told.second.find('/'));
    if (!told.second.empty() && (topics.contains(told.second) || topics.contains(kind))) return true;
    if (!told.is_of_flag()) return is_in_audience(told);
    const bool follows = topics.contains(told.topic()) || (!told.in_staging && topics.contains("flags"));
    return follows && sees(told);
  }

 private:
  static bool is_granted(const NamespaceFacts& in, const std::pair<const Id, ClientFacts>* client, Id flag) {
    if (client == nullptr) return false;
    const auto own = client->second.overrides.find(flag);
    if (own != client->second.overrides.end()) return own->second;
    const auto package = in.packages.find(client->second.package);
    return package != in.packages.end() && package->second.contains(flag);
  }

  const World& world_;
  const Who& who_;
};

// ---- from facts to what shards know ----

flags::NamespaceRef tree_of(const NamespaceFacts& facts) {
  auto made = std::make_shared<flags::Namespace>();
  made->id = facts.id;
  made->key = facts.key;
  made->access = facts.access;
  Id environment = facts.id * 10;
  for (const char* key : {"default", "staging"}) {
    std::vector<flags::Flag> all;
    for (const auto& [id, one] : facts.flags) {
      auto identity = std::make_shared<flags::FlagIdentity>();
      identity->id = id;
      identity->key = one.key;
      if (!one.parent.empty()) identity->parent = one.parent;
      identity->client_visible = one.visible;
      identity->package_gated = one.gated;
      flags::Flag flag;
      flag.identity = std::move(identity);
      flag.definition = std::make_shared<const flags::Definition>();
      all.push_back(std::move(flag));
    }
    flags::EnvironmentParts parts;
    parts.id = ++environment;
    parts.key = key;
    parts.is_default = environment == facts.id * 10 + 1;
    made->environments.push_back(std::make_shared<flags::Environment>(std::move(parts), std::move(all),
                                                                      std::vector<flags::PlatformRef>()));
  }
  for (const auto& [id, flags_of_it] : facts.packages) {
    auto package = std::make_shared<flags::Package>();
    package->id = id;
    package->key = "p" + std::to_string(id);
    for (const Id flag : flags_of_it) package->features.push_back({.flag_id = flag});
    made->packages.push_back(std::move(package));
  }
  return made;
}

flags::ClientRef client_of(Id id, const ClientFacts& facts) {
  auto made = std::make_shared<flags::Client>();
  made->id = id;
  made->key = "c" + std::to_string(id);
  made->namespace_id = facts.name_space;
  if (facts.user != 0) made->user_id = facts.user;
  made->package_id = facts.package;
  made->environment_id = facts.in_staging ? facts.name_space * 10 + 2 : 0;
  made->status = facts.active ? flags::Client::Status::active : flags::Client::Status::disabled;
  for (const auto& [flag, granted] : facts.overrides) made->overrides.push_back({flag, granted});
  return made;
}

// ---- connections ----

class TextForm final : public hub::Form {
 public:
  hub::FrameRef encode(const hub::Event& event, std::string_view) const override {
    return hub::Frame::make("", event.type(), event.audience());
  }
};
const TextForm text_form;
const hub::OutboxLimits roomy{.messages_max = 4096};

class Connection final : public hub::Member, private hub::Outlet, private hub::ReplayOwner {
 public:
  Connection(hub::Shard& shard, const TopicRights& rights, const hub::Identity& who)
      : Member(ClientId::random(), roomy), shard_(shard), rights_(rights) {
    set_outlet(this);
    shard_.attach(*this, who);
  }
  ~Connection() override {
    replay_.reset();
    shard_.detach(*this);
  }

  hub::Subscription* follow(const std::string& topic) {
    const hub::TopicRule* rule = rights_.readable(topic, identity());
    if (rule == nullptr) return nullptr;
    return shard_.subscribe(*this, topic, *rule, {.filter = rights_.filter(topic, *this, nullptr)});
  }
  // Comes back to all this from a position, at once.
  void resume(Seq since, const std::set<std::string>& topics, const std::vector<hub::EventRef>& log) {
    hub::ReplayOwner& owner = *this;
    replay_ = std::make_unique<hub::Replay>(shard_, *this, owner, since);
    for (const std::string& topic : topics)
      if (hub::Subscription* one = follow(topic)) replay_->hold(*one, since);
    while (!replay_->advance()) {
      if (!wish_) continue;
      const hub::PageWish wish = *std::exchange(wish_, std::nullopt);
      hub::LogPage page{.events = {}, .scanned_to = wish.after};
      for (const hub::EventRef& event : log) {
        if (event->seq() <= wish.after || page.events.size() == 5) continue;
        page.events.push_back(event);
        page.scanned_to = event->seq();
      }
      permit_.give_back();
      replay_->page_read(page);
    }
    replay_.reset();
  }

  const hub::Form& form() const noexcept override { return text_form; }
  void close(CloseReason) noexcept override { heard.emplace_back("closed"); }
  void role_changed() noexcept override { rights_.judge_again(*this); }
  void subscription_lost(const hub::Subscription& one) noexcept override { lost.insert(one.topic->name); }
  hub::MemberInfo info() const override { return {}; }

  // Nothing leaves while it is full.
  void set_full(bool full) noexcept {
    full_ = full;
    flush();
  }
  std::vector<std::string> waiting() const {
    std::vector<std::string> all;
    for (std::uint32_t i = 0; i < outbox().frames(); ++i) all.emplace_back(outbox().at(i).bytes());
    return all;
  }

  std::vector<std::string> heard;
  std::set<std::string> lost;

 private:
  void flush() noexcept override {
    while (!full_ && !outbox().empty()) {
      heard.emplace_back(outbox().at(0).bytes());
      outbox().consume(outbox().at(0).size());
    }
  }
  bool is_full() const noexcept override { return full_; }
  void read_page(const hub::Replay&, hub::ReadPermits::Permit permit, hub::PageWish wish) noexcept override {
    permit_ = std::move(permit);
    wish_ = std::move(wish);
  }
  void replay_gap(const hub::Replay&, Seq, Seq) override { heard.emplace_back("gap"); }
  void replay_failed() noexcept override { heard.emplace_back("failed"); }

  hub::Shard& shard_;
  const TopicRights& rights_;
  std::unique_ptr<hub::Replay> replay_;
  hub::ReadPermits::Permit permit_;
  std::optional<hub::PageWish> wish_;
  bool full_ = false;
};

// A shard with all that knows of flags there, and a thread if it has one.
class Room final : public hub::ShardListener {
 public:
  Room(std::size_t number, const Clock& clock, const hub::TopicRules& rules, flags::Directory& directory)
      : number_(number),
        shard(context, clock, {.tail = {.events = 3, .bytes = 1 << 20}}),
        rights(shard, rules, directory),
        judge_(directory) {
    shard.set_listener(this);
    shard.set_judge(&judge_);
  }
  void start() {
    work_.emplace(context.get_executor());
    thread_ = std::thread([this] { context.run(); });
  }
  void stop() {
    work_.reset();
    if (thread_.joinable()) thread_.join();
  }
  // On its thread, to the end.
  template <class F>
  void run(F what) {
    if (!thread_.joinable()) {
      what();
      context.restart();
      context.poll();
      return;
    }
    std::promise<void> done;
    boost::asio::post(context, [&] {
      what();
      done.set_value();
    });
    done.get_future().wait();
  }

  void account_changed(const hub::AccountChanged&) noexcept override {}
  void apply(const hub::ShardChange& change) noexcept override { change.apply(number_); }

 private:
  const std::size_t number_;

 public:
  asio::io_context context{1};
  hub::Shard shard;
  TopicRights rights;

 private:
  ClientJudge judge_;
  std::optional<boost::asio::executor_work_guard<asio::io_context::executor_type>> work_;
  std::thread thread_;
};

// What KeyEnds does when the key of a client ends.
class KeysOf final : public hub::ShardChange {
 public:
  KeysOf(std::vector<std::unique_ptr<Room>>& rooms, Id client) : rooms_(rooms), client_(client) {}
  void apply(std::size_t shard) const noexcept override {
    rooms_[shard]->shard.end_keys([this](const hub::KeyHolder& key) { return key.client_id == client_; });
  }

 private:
  std::vector<std::unique_ptr<Room>>& rooms_;
  const Id client_;
};

class Counted final : public hub::BatchDone {
 public:
  explicit Counted(std::atomic<std::size_t>& done) : done_(done) {}
  void applied(const std::vector<std::uint32_t>&) noexcept override { ++done_; }

 private:
  std::atomic<std::size_t>& done_;
};

struct Expected {
  std::string text;
  Told told{};
  bool may_be_gone = false;  // it waited, or had left, when it was hidden
};

struct Actor {
  Who who;
  SessionId login{};
  std::size_t room = 0;
  std::unique_ptr<Connection> connection{};
  std::set<std::string> topics{};
  std::vector<Expected> expected{};
  std::size_t left = 0;  // so many of these have left the server, at least
  bool full = false;     // and the others wait, all of them
  std::set<std::string> expected_lost{};
  Seq had = 0;        // when it left
  bool over = false;  // its key has ended
};

// ---- the model ----

class Model {
 public:
  Model(std::uint64_t seed, std::size_t shards) : random_(seed) {
    world_.roles = {{1, Role::user}, {2, Role::user}, {3, Role::admin}, {4, Role::user}};
    world_.namespaces["bep"] = {
        3,
        "bep",
        NamespaceAccess::users,
        {{1, {"f1"}}, {2, {"f2", "", false}}, {3, {"f3", "", true, true}}, {4, {"f4", "f3"}}},
        {{7, {3}}, {8, {}}}};
    world_.namespaces["shop"] = {
        5, "shop", NamespaceAccess::clients, {{11, {"s1"}}, {12, {"s2", "", true, true}}}, {{9, {12}}}};
    world_.clients = {{101, {3, 1, 7}}, {102, {3, 2, 8}}, {103, {3, 0, 7, true}}, {104, {5, 1, 9}}};
    std::vector<flags::NamespaceRef> trees;
    for (const auto& [key, facts] : world_.namespaces) trees.push_back(trees_[key] = tree_of(facts));
    std::vector<flags::ClientRef> clients;
    for (const auto& [id, facts] : world_.clients) clients.push_back(clients_[id] = client_of(id, facts));
    directories_.begin(shards, trees, clients);
    std::vector<hub::Shard*> all;
    for (std::size_t i = 0; i < shards; ++i) {
      rooms_.push_back(std::make_unique<Room>(i, clock_, rules_, directories_.of(i)));
      all.push_back(&rooms_.back()->shard);
    }
    hub_.set_shards(all);
    using Kind = hub::Identity::Kind;
    for (std::size_t room = 0; room < shards; ++room) {
      for (const UserId user : {1, 2, 3, 4})
        for (const bool is_among_clients : {false, true}) add({Kind::user, user, 0, is_among_clients}, room);
      for (const Id client : {101, 102, 103, 104}) add({Kind::client, 0, client}, room);
      for (const Id service : {service_of_bep, service_of_all}) add({Kind::service, 0, service}, room);
      add({Kind::guest, 0, 0}, room);
    }
    if (shards > 1)
      for (const auto& room : rooms_) room->start();
  }
  ~Model() {
    for (Actor& actor : actors_) at(actor).run([&] { actor.connection.reset(); });
    for (const auto& room : rooms_) room->stop();
  }

  void connect_all() {
    for (Actor& actor : actors_)
      if (!actor.connection && !actor.over) come(actor);
  }
  // Connections come and go, subscribe and leave.
  void move_somebody() {
    Actor& actor = actors_[pick(actors_.size())];
    if (actor.over) return;
    if (!actor.connection) return come(actor);
    if (pick(4) == 0) return set_full(actor, !actor.full);
    if (pick(3) == 0) return leave(actor);
    const std::string topic = some_topic();
    at(actor).run([&] {
      const bool may = Oracle(world_, actor.who).may_follow(topic);
      ASSERT_EQ(actor.connection->follow(topic) != nullptr, may) << topic;
      if (may) actor.topics.insert(topic);
    });
  }
  void change_something() {
    entries_.clear();
    told_.clear();
    switch (pick(11)) {
      case 10:
        tell({.admins = true, .for_namespace = one_of(world_.namespaces).second.id});  // of a platform
        put_events();
        break;
      case 0:
      case 1:
      case 2:
        toggle();
        break;
      case 3:
        change_flag();
        break;
      case 4:
        change_package();
        break;
      case 5:
      case 6:
        change_client();
        break;
      case 7:
        change_access();
        break;
      case 8:
        change_rank();
        break;
      case 9:
        tell({.everyone = true, .second = "system"});
        put_events();
        break;
    }
    hub_.publish(std::make_shared<hub::Batch>(std::move(entries_), std::make_unique<Counted>(applied_)));
    ++published_;
    for (Actor& actor : actors_) expect(actor);
  }
  // All is applied, and what came of it has left.
  void settle() {
    do {
      for (const auto& room : rooms_) room->run([] {});
    } while (applied_ < published_);
    for (const auto& room : rooms_) room->run([] {});
    for (Actor& actor : actors_)
      if (!actor.full) actor.left = actor.expected.size();
  }
  void check() {
    settle();
    for (Actor& actor : actors_) {
      if (!actor.connection) continue;
      at(actor).run([&] {
        SCOPED_TRACE("kind " + std::to_string(static_cast<int>(actor.who.kind)) + " user " +
                     std::to_string(actor.who.user) + " client " + std::to_string(actor.who.client));
        check_heard(actor);
        if (!actor.over) ASSERT_EQ(actor.connection->lost, actor.expected_lost);
        if (actor.over) actor.connection.reset();
      });
    }
  }
  std::size_t heard() const { return heard_; }
  std::size_t taken_back() const { return taken_back_; }

 private:
  static std::string describe(const Told& told) {
    if (told.is_of_flag())
      return "flag " + std::to_string(told.flag) + " in " + told.topic() + (told.hidden ? " hidden" : "") +
             (told.gated ? " gated" : "");
    return "for user " + std::to_string(told.user) + " namespace " + std::to_string(told.for_namespace) +
           " package " + std::to_string(told.for_package) + " client " + std::to_string(told.for_client) +
           (told.admins ? " admins" : "") + (told.everyone ? " everyone" : "");
  }
  static void check_heard(const Actor& actor) {
    std::vector<std::string> all = actor.connection->heard;
    if (actor.full) {
      for (std::string& text : actor.connection->waiting()) all.push_back(std::move(text));
    }
    auto next = all.begin();
    for (const Expected& one : actor.expected) {
      if (next != all.end() && *next == one.text)
        ++next;
      else
        ASSERT_TRUE(one.may_be_gone) << one.text << " is missing: " << describe(one.told);
    }
    ASSERT_TRUE(next == all.end()) << *next << " is too much";
  }
  std::size_t pick(std::size_t below) {
    return std::uniform_int_distribution<std::size_t>(0, below - 1)(random_);
  }
  template <class Map>
  typename Map::value_type& one_of(Map& map) {
    return *std::next(map.begin(), static_cast<std::ptrdiff_t>(pick(map.size())));
  }
  Room& at(const Actor& actor) { return *rooms_[actor.room]; }

  void add(Who who, std::size_t room) {
    Actor actor;
    actor.who = who;
    actor.room = room;
    actor.login = SessionId::random();
    actors_.push_back(std::move(actor));
  }
  hub::Identity identity_of(const Actor& actor) const {
    using Kind = hub::Identity::Kind;
    if (actor.who.kind == Kind::guest) return hub::Identity::guest();
    if (actor.who.kind == Kind::user) {
      hub::Identity user{actor.who.user, world_.roles.at(actor.who.user), actor.login};
      user.is_among_clients = actor.who.is_among_clients;
      return user;
    }
    boost::intrusive_ptr<hub::KeyHolder> holder(new hub::KeyHolder);
    holder->key_id = 1;
    if (actor.who.kind == Kind::client) holder->client_id = actor.who.client;
    if (actor.who.client == service_of_bep) holder->scopes = {"flags:evaluate:bep"};
    if (actor.who.client == service_of_all) holder->scopes = {"flags:read"};
    return hub::Identity::of_key(std::move(holder));
  }

  // ---- connections ----

  std::string some_topic() {
    constexpr std::array topics{
        "flags",     "flags/bep", "flags/bep/staging", "flags/shop", "flags/shop/staging",
        "package/7", "feature/1", "feature/3",         "feature",    "system"};
    return topics[pick(topics.size())];
  }

  void come(Actor& actor) {
    settle();
    actor.expected.clear();
    actor.left = 0;
    actor.expected_lost.clear();
    for (int i = 0; i < 3; ++i) actor.topics.insert(some_topic());
    std::erase_if(actor.topics,
                  [&](const std::string& topic) { return !Oracle(world_, actor.who).may_follow(topic); });
    for (const Told& told : log_)
      if (told.seq > actor.had) hear(actor, told);
    at(actor).run([&] {
      actor.connection = std::make_unique<Connection>(at(actor).shard, at(actor).rights, identity_of(actor));
      actor.connection->resume(actor.had, actor.topics, events_);
    });
  }
  void set_full(Actor& actor, bool full) {
    settle();
    actor.full = full;
    at(actor).run([&] { actor.connection->set_full(full); });
  }
  void leave(Actor& actor) {
    if (actor.full) set_full(actor, false);
    check();
    actor.had = seq_;
    actor.topics.clear();
    at(actor).run([&] { actor.connection.reset(); });
  }

  // ---- changes ----

  Told& tell(Told told) {
    told.seq = ++seq_;
    told_.push_back(std::move(told));
    return told_.back();
  }
  void put_events() {
    for (const Told& told : told_) {
      const Id id = told.is_of_flag() ? world_.namespaces.at(told.name_space).id : 0;
      events_.push_back(event_of(told, id));
      entries_.emplace_back(events_.back());
      log_.push_back(told);
    }
  }
  void put_tree(const std::string& key) {
    const flags::NamespaceRef before = trees_[key];
    trees_[key] = tree_of(world_.namespaces.at(key));
    entries_.emplace_back(directories_.change(flags::NamespaceChange{before, trees_[key]}));
  }
  void put_client(Id id) {
    const flags::ClientRef before = clients_.contains(id) ? clients_[id] : nullptr;
    const auto facts = world_.clients.find(id);
    flags::ClientRef after = facts == world_.clients.end() ? nullptr : client_of(id, facts->second);
    if (after)
      clients_[id] = after;
    else
      clients_.erase(id);
    const bool ends = before && before->is_active() && !(after && after->is_active());
    entries_.emplace_back(directories_.change(flags::ClientChange{before, std::move(after)}));
    if (ends) entries_.emplace_back(std::make_shared<const KeysOf>(rooms_, id));
  }

  static Told about(const NamespaceFacts& in, Id id, bool staging) {
    Told told{.name_space = in.key, .in_staging = staging, .flag = id};
    for (const FlagFacts* one = &in.flags.at(id); one != nullptr; one = in.parent_of(*one)) {
      told.hidden = told.hidden || !one->visible;
      told.gated = told.gated || one->gated;
    }
    told.second = "feature/" + std::to_string(id);
    return told;
  }

  void toggle() {
    NamespaceFacts& in = one_of(world_.namespaces).second;
    if (in.flags.empty()) return put_tree(in.key);
    tell(about(in, one_of(in.flags).first, pick(3) == 0));
    put_tree(in.key);
    put_events();
  }
  void change_flag() {
    NamespaceFacts& in = one_of(world_.namespaces).second;
    const std::size_t what = pick(4);
    if (what == 0 && in.flags.size() < 6) {
      const Id id = next_id_++;
      in.flags[id] = {"n" + std::to_string(id), "", true, pick(2) == 0};
      for (const bool staging : {false, true}) tell(about(in, id, staging));
    } else if (what == 1 && in.flags.size() > 2) {
      remove_flag(in);
    } else if (!in.flags.empty()) {
      auto& [id, flag] = one_of(in.flags);
      (pick(2) == 0 ? flag.visible : flag.gated) ^= true;
      for (const bool staging : {false, true}) tell(about(in, id, staging));
    }
    put_tree(in.key);
    put_events();
  }
  // One that nobody has for its parent.
  void remove_flag(NamespaceFacts& in) {
    const Id id = std::prev(in.flags.end())->first;
    for (const bool staging : {false, true}) {
      Told told = about(in, id, staging);
      for (const auto& [package, has] : in.packages)
        if (has.contains(id)) told.packages.insert(package);
      for (const auto& [client, facts] : world_.clients)
        if (const auto own = facts.overrides.find(id); own != facts.overrides.end())
          (own->second ? told.granted : told.denied).insert(client);
      tell(std::move(told));
    }
    for (auto& [package, has] : in.packages) has.erase(id);
    for (auto& [client, facts] : world_.clients) facts.overrides.erase(id);
    in.flags.erase(id);
  }
  void change_package() {
    NamespaceFacts& in = one_of(world_.namespaces).second;
    auto& [id, has] = one_of(in.packages);
    if (!in.flags.empty()) {
      const Id flag = one_of(in.flags).first;
      if (!has.erase(flag)) has.insert(flag);
    }
    tell({.admins = true,
          .for_namespace = in.id,
          .for_package = id,
          .second = "package/" + std::to_string(id)});
    put_tree(in.key);
    put_events();
  }
  void change_client() {
    auto& [id, facts] = one_of(world_.clients);
    NamespaceFacts& in = world_.namespaces.at(facts.name_space == 3 ? "bep" : "shop");
    const Id client = id;
    const UserId before = facts.user;
    UserId user = before;
    switch (pick(6)) {
      case 0:
        facts.package = pick(3) == 0 ? 0 : one_of(in.packages).first;
        break;
      case 1:
        if (!in.flags.empty()) facts.overrides[one_of(in.flags).first] = pick(2) == 0;
        break;
      case 2:
        facts.overrides.clear();
        break;
      case 3:
        facts.in_staging ^= true;
        break;
      case 4:  // to a user who has none there
        facts.user = 0;
        if (pick(2) == 0 && client_of_user(facts.name_space, 4) == 0) facts.user = user = 4;
        break;
      case 5:  // it ends, or comes back, but its key does not
        if (pick(4) == 0) facts.active ^= true;
        break;
    }
    tell({.admins = true,
          .user = user,
          .for_namespace = facts.name_space,
          .for_client = client,
          .former_user = facts.user != before ? before : 0});
    put_client(client);
    put_events();
  }
  Id client_of_user(Id name_space, UserId user) const {
    for (const auto& [id, facts] : world_.clients)
      if (facts.name_space == name_space && facts.user == user) return id;
    return 0;
  }
  void change_access() {
    NamespaceFacts& in = one_of(world_.namespaces).second;
    in.access = static_cast<NamespaceAccess>(pick(3));
    tell({.admins = true});
    put_tree(in.key);
    put_events();
  }
  void change_rank() {
    auto& [user, role] = one_of(world_.roles);
    role = static_cast<Role>(pick(3));
    Account account;
    account.id = user;
    account.role = role;
    for (const Actor& actor : actors_)
      if (actor.who.user == user) account.sessions.push_back(actor.login);
    tell({.user = user});
    put_events();
    entries_.emplace_back(hub::AccountChanged{user, std::make_shared<const Account>(std::move(account)),
                                              CloseReason::session_revoked});
  }

  // ---- what is to be heard ----

  void hear(Actor& actor, const Told& told) {
    if (!Oracle(world_, actor.who).hears(told, actor.topics)) return;
    actor.expected.push_back({"e" + std::to_string(told.seq), told});
    ++heard_;
  }
  // What waits and is hidden by now is taken back; what has left already, is not.
  template <class F>
  void take_back(Actor& actor, F keeps) {
    for (std::size_t i = actor.expected.size(); i-- > actor.left;) {
      if (keeps(actor.expected[i].told)) continue;
      actor.expected[i].may_be_gone = true;
      if (!actor.full) continue;
      actor.expected.erase(actor.expected.begin() + static_cast<std::ptrdiff_t>(i));
      ++taken_back_;
    }
  }
  void expect(Actor& actor) {
    if (actor.over) return;
    if (actor.who.kind == hub::Identity::Kind::client && !world_.clients.at(actor.who.client).active) {
      actor.over = true;
      take_back(actor, [](const Told&) { return false; });
      actor.full = false;
      if (actor.connection) actor.expected.push_back({"closed"});
      return;
    }
    if (!actor.connection) return;
    take_back(actor, [&](const Told& told) { return Oracle(world_, actor.who).keeps(told); });
    for (const std::string& topic : std::set<std::string>(actor.topics))
      if (!Oracle(world_, actor.who).may_follow(topic)) {
        actor.topics.erase(topic);
        actor.expected_lost.insert(topic);
      }
    for (const Told& told : told_) hear(actor, told);
  }

  std::mt19937_64 random_;
  test::ManualClock clock_;
  hub::TopicRules rules_;
  World world_;
  std::map<std::string, flags::NamespaceRef> trees_;
  std::map<Id, flags::ClientRef> clients_;
  flags::Directories directories_{clock_};
  hub::Hub hub_;
  std::vector<std::unique_ptr<Room>> rooms_;
  std::vector<Actor> actors_;
  std::vector<Told> log_;
  std::vector<hub::EventRef> events_;
  std::vector<hub::Entry> entries_;
  std::vector<Told> told_;
  Seq seq_ = 0;
  Id next_id_ = 1000;
  std::atomic<std::size_t> applied_{0};
  std::size_t published_ = 0;
  std::size_t heard_ = 0;
  std::size_t taken_back_ = 0;
};

TEST(VisibilityModel, T49_whoever_gains_or_loses_has_that_at_once_live_and_after_it_comes_back) {
  std::size_t taken_back = 0;
  for (int run = 0; run < 40 && !testing::Test::HasFatalFailure(); ++run) {
    const std::uint64_t seed = std::random_device()() + static_cast<std::uint64_t>(run);
    SCOPED_TRACE("seed " + std::to_string(seed));
    Model model(seed, 1);
    for (int step = 0; step < 120 && !testing::Test::HasFatalFailure(); ++step) {
      model.move_somebody();
      model.change_something();
      model.check();
    }
    EXPECT_GT(model.heard(), 0U);
    taken_back += model.taken_back();
  }
  EXPECT_GT(taken_back, 0U) << "what waited when it was hidden";
}

TEST(VisibilityModel, T49_shards_with_threads_of_their_own_judge_the_same) {
  std::size_t taken_back = 0;
  for (int run = 0; run < 6 && !testing::Test::HasFatalFailure(); ++run) {
    const std::uint64_t seed = std::random_device()() + static_cast<std::uint64_t>(run);
    SCOPED_TRACE("seed " + std::to_string(seed));
    Model model(seed, 2);
    for (int round = 0; round < 6 && !testing::Test::HasFatalFailure(); ++round) {
      model.connect_all();
      for (int step = 0; step < 60; ++step) model.change_something();
      model.check();
      for (int i = 0; i < 12; ++i) model.move_somebody();
    }
    EXPECT_GT(model.heard(), 0U);
    taken_back += model.taken_back();
  }
  EXPECT_GT(taken_back, 0U);
}

}  // namespace
}  // namespace corohub::gateway
