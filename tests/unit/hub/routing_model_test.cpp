// T48: 10,000 random changes of everything that routes, against an oracle that is slow and obvious.
#include "unit/hub/support.hpp"

#include <algorithm>
#include <deque>
#include <random>

#include <gtest/gtest.h>

namespace corohub::hub::test {
namespace {

struct ModelUser {
  Role role = Role::user;
  bool gone = false;
  std::vector<SessionId> sessions;
};

struct Waiting {
  std::string type;
  Audience audience;
};

// Events whose number is even.
class EvenOnly final : public EventFilter {
 public:
  static bool wants(std::string_view type) noexcept { return (type.back() - '0') % 2 == 0; }
  bool wants(const Event& event) const noexcept override { return wants(event.type()); }
};

// A subscription or a feed.
struct ModelInterest {
  std::string topic;  // empty: its own audience
  std::string prefix;
  bool even_only = false;
};

struct ModelMember {
  std::unique_ptr<FakeMember> real;
  std::vector<ModelInterest> interests;
  UserId user = 0;
  SessionId session{};
  bool closed = false;
  std::deque<Waiting> waiting;
  std::vector<std::string> log;
};

class RoutingModel {
 public:
  void step() {
    switch (random_() % 10) {
      case 0:
        return connect();
      case 1:
        return disconnect();
      case 2:
        return change_role();
      case 3:
        return change_sessions();
      case 4:
        return random_() % 8 == 0 ? remove_or_restore() : block_or_read();
      case 5:
        return block_or_read();
      case 6:
        return run();
      default:
        return publish();
    }
  }

  // Applies all that is queued and compares.
  void run() {
    one_.put(std::move(entries_));
    entries_.clear();
    one_.run();
    for (ModelMember& member : members_) {
      if (!member.real->blocked) drain(member);
      ASSERT_EQ(in_order(member.real->log), in_order(member.log));
      ASSERT_EQ(member.real->outbox().messages(), member.waiting.size());
      ASSERT_EQ(member.closed, !member.real->closed_with.empty());
    }
    ASSERT_EQ(one_.shard.size(), members_.size());
  }

 private:
  static constexpr UserId user_count = 6;
  static constexpr std::array topics{"rooms/x", "admin/x", "flags", "flags/x", "flags/x/y"};

  static bool hears(const ModelInterest& interest, std::string_view topic) noexcept {
    return interest.topic == topic || (interest.topic == "flags" && topic == "flags/x");
  }

  // The copies of one event may come in any order.
  static std::vector<std::string> in_order(std::vector<std::string> log) {
    const auto event_of = [](const std::string& said) { return said.substr(said.find(':') + 1); };
    for (auto begin = log.begin(); begin != log.end();) {
      const auto end = std::find_if(begin, log.end(), [&, event = event_of(*begin)](const std::string& said) {
        return event_of(said) != event;
      });
      std::sort(begin, end);
      begin = end;
    }
    return log;
  }

  static void drain(ModelMember& member) {
    // The real one writes "close" when it is told; what waited was written before.
    for (const Waiting& waiting : member.waiting) member.log.push_back(waiting.type);
    member.waiting.clear();
  }
  UserId any_user() { return 1 + static_cast<UserId>(random_() % user_count); }
  ModelUser& model(UserId id) { return users_[static_cast<std::size_t>(id)]; }

  void connect() {
    run();  // the identity is judged in the turn in which it is attached
    const UserId id = any_user();
    ModelUser& user = model(id);
    if (user.gone || members_.size() >= 40) return;
    if (user.sessions.empty()) {
      user.sessions.push_back(SessionId::random());
      announce(id, CloseReason::session_revoked);
      run();
    }
    ModelMember member;
    member.user = id;
    member.session = user.sessions[random_() % user.sessions.size()];
    const Own own = random_() % 3 == 0 ? Own::by_feeds : Own::all;
    member.real = std::make_unique<FakeMember>(one_.shard, Identity{id, user.role, member.session},
                                               FakeMember::default_limits(), own);
    member.real->blocked = random_() % 3 == 0;
    if (own == Own::all) member.interests.push_back({});
    follow(member, user.role);
    members_.push_back(std::move(member));
  }

  void follow(ModelMember& member, Role role) {
    for (std::uint32_t label = 1; label <= 2; ++label) {
      const bool even_only = random_() % 2 == 0;
      const std::string name = std::to_string(label) + ":";
      const auto terms = [&] {
        return InterestTerms{label, prefix(name), even_only ? std::make_shared<EvenOnly>() : nullptr};
      };
      for (const char* topic : topics) {
        const TopicRule* rule = rules_.readable(topic, role);
        if (rule == nullptr || random_() % 2 == 0) continue;
        one_.shard.subscribe(*member.real, topic, *rule, terms());
        member.interests.push_back({topic, name, even_only});
      }
      if (!member.real->hears_by_feeds() || random_() % 2 == 0) continue;
      one_.shard.add_feed(*member.real, terms());
      member.interests.push_back({"", name, even_only});
    }
  }

  void disconnect() {
    run();
    if (members_.empty()) return;
    members_.erase(members_.begin() + static_cast<std::ptrdiff_t>(random_() % members_.size()));
  }

  void change_role() {
    const UserId id = any_user();
    if (model(id).gone) return;
    model(id).role = static_cast<Role>(random_() % role_count);
    announce(id, CloseReason::session_revoked);
  }

  void change_sessions() {
    const UserId id = any_user();
    ModelUser& user = model(id);
    if (user.gone) return;
    if (user.sessions.size() > 2 || (random_() % 3 == 0 && !user.sessions.empty()))
      user.sessions.erase(user.sessions.begin());
    else
      user.sessions.push_back(SessionId::random());
    announce(id, CloseReason::logged_out);
  }

  void remove_or_restore() {
    const UserId id = any_user();
    model(id) = ModelUser{Role::user, !model(id).gone, {}};
    announce(id, CloseReason::account_deleted);
  }

  void block_or_read() {
    run();
    if (members_.empty()) return;
    ModelMember& member = members_[random_() % members_.size()];
    member.real->blocked = !member.real->blocked;
    if (!member.real->blocked) member.real->take_all();
    if (!member.real->blocked) drain(member);
  }

  void announce(UserId id, CloseReason ending) {
    const ModelUser& user = model(id);
    entries_.emplace_back(
        AccountChanged{id, user.gone ? nullptr : account(id, user.role, user.sessions), ending});
    const Role role = user.gone ? Role::user : user.role;
    for (ModelMember& member : members_) {
      if (member.user != id) continue;
      std::erase_if(member.waiting,
                    [&](const Waiting& waiting) { return !waiting.audience.includes({id, role, {}}); });
      std::erase_if(member.interests, [&](const ModelInterest& interest) {
        return !interest.topic.empty() && rules_.readable(interest.topic, role) == nullptr;
      });
      const bool stays = !user.gone && std::ranges::count(user.sessions, member.session) == 1;
      if (member.closed || stays) continue;
      member.closed = true;
      if (!member.real->blocked) drain(member);
      const auto first_of_others = std::ranges::find_if(
          member.waiting, [&](const Waiting& waiting) { return waiting.audience.user_id != id; });
      member.waiting.erase(first_of_others, member.waiting.end());
      member.log.push_back("close " + std::string(name(ending)));
    }
  }

  void publish() {
    Audience audience{static_cast<std::uint8_t>(random_() % 8),
                      random_() % 2 == 0 ? 0 : 1 + static_cast<UserId>(random_() % (user_count + 1))};
    const std::string topic = random_() % 2 == 0 ? "" : topics[random_() % topics.size()];
    if (!topic.empty()) audience = {rules_.find(topic)->subscribers, 0};
    const std::string type = "e" + std::to_string(++published_);
    entries_.emplace_back(EventRef(new Event({type, "{}", audience, topic}, published_, 0)));
    for (ModelMember& member : members_) {
      const bool by_role = (audience.roles >> static_cast<unsigned>(model(member.user).role)) % 2 == 1;
      const bool may_see = !topic.empty() || by_role || audience.user_id == member.user;
      if (member.closed || !may_see) continue;
      for (const ModelInterest& interest : member.interests)
        if (hears(interest, topic) && (!interest.even_only || EvenOnly::wants(type)))
          member.waiting.push_back({interest.prefix + type, audience});
    }
  }

  const TopicRules rules_;
  std::mt19937 random_{48};
  OneShard one_;
  std::array<ModelUser, user_count + 1> users_;
  std::vector<ModelMember> members_;
  std::vector<Entry> entries_;
  Seq published_ = 0;
};

TEST(RoutingModel, T48_ten_thousand_random_changes_agree_with_the_oracle) {
  RoutingModel model;
  for (int i = 0; i < 10'000; ++i) {
    model.step();
    if (testing::Test::HasFatalFailure()) FAIL() << "at step " << i;
  }
  model.run();
}

}  // namespace
}  // namespace corohub::hub::test
