// Random changes of clients, some refused, some in vain, some at a failing disk: whatever happened, the
// tables, the shard's memory and a simple model agree, and the events tell of exactly what differs.
#include "client_room.hpp"

#include <algorithm>
#include <chrono>
#include <map>
#include <random>
#include <set>

#include <gmock/gmock.h>

namespace corohub::flags::test {
namespace {

using namespace std::chrono_literals;
constexpr int steps = 250;

class Model {
 public:
  explicit Model(unsigned seed) : random_(seed) {}

  void run() {
    for (int i = 0; i < 3; ++i) users_.push_back(room_.make_user("u" + std::to_string(i)));
    for (int step = 0; step < steps && !testing::Test::HasFailure(); ++step) {
      SCOPED_TRACE("step " + std::to_string(step));
      take_step();
      check();
    }
    EXPECT_GT(done_, steps / 3) << "most changes are good";
    EXPECT_GT(refused_, steps / 20) << "some are refused";
  }

 private:
  struct Known {
    ClientBody body;
    std::int64_t version = 1;
  };

  std::size_t below(std::size_t bound) {
    return std::uniform_int_distribution<std::size_t>(0, bound - 1)(random_);
  }
  std::string some_key() { return "c" + std::to_string(below(6)); }

  ClientBody some_body() {
    ClientBody body;
    body.key = some_key();
    body.name = std::to_string(below(2));
    if (below(3) == 0 && !users_.empty()) body.user_id = users_[below(users_.size())];
    if (below(3) == 0) body.platform = "web";
    if (below(3) == 0) body.environment = below(8) == 0 ? "nowhere" : "staging";
    body.attributes = R"({"n":)" + std::to_string(below(3)) + "}";
    body.status = below(4) == 0 ? Client::Status::disabled : Client::Status::active;
    for (int i = 0; i < 3; ++i) {
      if (below(2) == 0) continue;
      OverrideBody& one = body.overrides.emplace_back();
      one.flag = "f" + std::to_string(i);
      one.granted = below(2) == 0;
      if (below(2) == 0) one.expires_at = now() + 1'000 + static_cast<UnixMs>(below(20'000));
    }
    return body;
  }
  UnixMs now() const { return room_.database.clock.unix_ms(); }

  bool is_possible(const ClientBody& body) const {
    if (body.environment == "nowhere") return false;
    return std::ranges::none_of(clients_, [&](const auto& entry) {
      return entry.first != body.key && body.user_id && entry.second.body.user_id == body.user_id;
    });
  }
  static std::string text_of(const ClientBody& body) {
    std::string text = body.name + '|' + std::to_string(body.user_id.value_or(0)) + '|' +
                       body.platform.value_or("") + '|' + body.environment.value_or("") + '|' +
                       body.attributes + '|' + std::string(name(body.status));
    for (const OverrideBody& one : body.overrides)
      text += '|' + one.flag + (one.granted ? '+' : '-') + std::to_string(one.expires_at.value_or(0));
    return text;
  }

  void take_step() {
    switch (below(8)) {
      case 0:
        return remove(some_key());
      case 1:
        return let_time_pass();
      case 2:
        if (below(4) == 0) remove_user();
        return;
      default:
        return put(some_body());
    }
  }

  void put(const ClientBody& body) {
    const std::size_t fate = below(10);
    corohub::test::FaultyVfs::disk_full() = fate == 1;
    const Result<ClientRef> changed = room_.put(body, fate == 0);
    corohub::test::FaultyVfs::disk_full() = false;
    if (!changed) {
      ++refused_;
      EXPECT_TRUE(fate < 2 || !is_possible(body)) << name(changed.error().code);
      return;
    }
    ++done_;
    EXPECT_TRUE(is_possible(body));
    const auto known = clients_.find(body.key);
    if (known == clients_.end()) {
      clients_.emplace(body.key, Known{body, 1});
      expected_.push_back("client.created " + body.key + " 1 []");
    } else if (text_of(known->second.body) != text_of(body)) {
      known->second = {body, known->second.version + 1};
      expected_.push_back("client.updated " + body.key + ' ' + std::to_string(known->second.version));
    }
  }

  void remove(const std::string& key) {
    const Result<ClientRef> removed = room_.remove(key);
    const auto known = clients_.find(key);
    EXPECT_EQ(removed.has_value(), known != clients_.end());
    if (known == clients_.end()) return;
    expected_.push_back("client.deleted " + key + ' ' + std::to_string(known->second.version) + " []");
    clients_.erase(known);
  }

  // By the order of the clients' making, as the expiry takes them.
  void let_time_pass() {
    room_.database.clock.advance(std::chrono::milliseconds(below(10'000)));
    const bool lost = below(4) == 0;
    corohub::test::FaultyVfs::disk_full() = lost;
    room_.expire();
    corohub::test::FaultyVfs::disk_full() = false;
    if (lost) {
      room_.database.clock.advance(1s);
      room_.expire();
    }
    for (auto& [key, known] : clients_) {
      const std::size_t gone = std::erase_if(known.body.overrides, [&](const OverrideBody& one) {
        return one.expires_at && *one.expires_at <= now();
      });
      if (gone != 0)
        expected_.push_back("client.updated " + key + ' ' + std::to_string(++known.version) +
                            R"( ["overrides"])");
    }
  }

  void remove_user() {
    if (users_.empty()) return;
    const UserId user = users_.back();
    users_.pop_back();
    ASSERT_TRUE(room_.remove_user(user));
    for (auto& [key, known] : clients_)
      if (known.body.user_id == user) {
        known.body.user_id.reset();
        expected_.push_back("client.updated " + key + ' ' + std::to_string(++known.version) +
                            R"( ["user_id"])");
      }
  }

  void check() {
    const std::vector<std::string> stored = room_.stored();
    EXPECT_EQ(stored, room_.known());
    EXPECT_EQ(room_.index().size(), clients_.size());
    ASSERT_EQ(stored.size(), clients_.size());
    auto shown = stored.begin();
    for (const auto& [key, known] : clients_) {
      const json::object client = corohub::test::object_of(*shown++);
      json::object sent = client;
      for (const char* member : {"id", "version", "created_at", "updated_at"}) sent.erase(member);
      EXPECT_EQ(text_of(read_new_client(sent).value()), text_of(known.body)) << key;
      EXPECT_EQ(client.at("version"), known.version) << key;
      if (known.body.user_id) {
        const Client* of_user = room_.index().of_user(room_.name_space().id, *known.body.user_id);
        ASSERT_NE(of_user, nullptr);
        EXPECT_EQ(of_user->key, key);
      }
    }
    check_events();
  }

  void check_events() {
    std::vector<std::string> told = room_.events();
    std::ranges::sort(told);
    std::ranges::sort(expected_);
    ASSERT_EQ(told.size(), expected_.size());
    for (std::size_t i = 0; i < told.size(); ++i) EXPECT_TRUE(told[i].starts_with(expected_[i])) << told[i];
    expected_.clear();
  }

  std::mt19937 random_;
  ClientRoom room_;
  std::map<std::string, Known> clients_;
  std::vector<UserId> users_;
  std::vector<std::string> expected_;
  int done_ = 0;
  int refused_ = 0;
};

TEST(ClientModel, tables_memory_and_events_agree) {
  for (const unsigned seed : {1U, 2U, 3U}) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Model(seed).run();
  }
}

}  // namespace
}  // namespace corohub::flags::test
