// A client that keeps one position, the last it was told by an event, a welcome or the answer to a subscribe,
// and comes back with it, in random interleavings of commits, applying, pages, slow sockets and
// subscriptions, some of which go back: it misses nothing of what it follows. The seeds are fixed.
#include "hub/replay.hpp"
#include "support.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <map>
#include <optional>
#include <random>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace corohub::hub::test {
namespace {

// What may be followed, and where events are; the empty topic: its own.
struct World {
  std::array<std::string, 2> follows;
  std::vector<std::string> events;
};
const World two_rooms{{"rooms/a", "rooms/b"}, {"", "rooms/a", "rooms/b"}};
const World roll_up{{"flags", "flags/a"}, {"", "flags/a", "flags/b", "flags/a/x"}};

bool hears(const std::string& topic, const std::string& of_event) {
  return topic == of_event || (topic == "flags" && (of_event == "flags/a" || of_event == "flags/b"));
}

class Model final : public ReplayOwner {
 public:
  Model(std::uint32_t seed, const World& world)
      : dice_(seed),
        world_(world),
        one_({.tail = {.events = pick({1, 3, 12}), .bytes = 1 << 20}}),
        page_rows_(pick({2, 8, 32})),
        limits_{static_cast<std::uint32_t>(pick({8, 16, 1024})), 1 << 20} {}
  ~Model() { replay_.reset(); }

  void run() {
    for (int steps = 0; steps < 600 && !testing::Test::HasFailure(); ++steps) {
      step(below(100));
      read_log();
    }
    finish();
    if (!testing::Test::HasFailure()) check();
  }

 private:
  struct Row {
    std::string topic;
    EventRef event;
  };

  std::uint32_t below(std::uint32_t bound) { return static_cast<std::uint32_t>(dice_() % bound); }
  std::size_t pick(std::initializer_list<std::size_t> from) {
    return *(from.begin() + below(static_cast<std::uint32_t>(from.size())));
  }
  Seq newest() const { return static_cast<Seq>(log_.size()); }

  void step(std::uint32_t what) {
    if (what < 20) return commit();
    if (what < 40) return apply();
    if (what < 45) return connect();
    if (!member_) return;
    if (what < 47) return drop();
    if (what < 55) return subscribe(world_.follows[below(2)], {});
    if (what < 60)
      return subscribe(world_.follows[below(2)], below(static_cast<std::uint32_t>(newest()) + 1));
    if (what < 62) return unsubscribe(world_.follows[below(2)]);
    if (what < 72) member_->blocked = !member_->blocked;
    if (what < 80) return drain();
    if (wish_ && !page_) return read_page_of_log();
    if (page_) return bring();
  }

  void commit() {
    for (std::uint32_t count = 1 + below(4); count > 0; --count) {
      const std::string topic = world_.events[below(static_cast<std::uint32_t>(world_.events.size()))];
      const Seq seq = newest() + 1;
      EventDraft draft{std::to_string(seq), "{}", Audience::everyone(), topic};
      log_.push_back({topic, EventRef(new Event(std::move(draft), seq, 0))});
    }
  }

  void apply() {
    if (applied_ < log_.size()) one_.publish({log_[applied_++].event});
  }

  void connect() {
    if (member_) return;
    member_ = std::make_unique<FakeMember>(one_.shard, Identity{1, Role::user}, limits_,
                                           below(2) == 0 ? Own::all : Own::by_feeds);
    if (member_->hears_by_feeds()) one_.shard.add_feed(*member_, {});  // of all: no difference
    read_ = 0;
    own_.clear();
    replay_ = std::make_unique<Replay>(one_.shard, *member_, *this, position_);
    for (const auto& [topic, from] : follows_)
      replay_->hold(*one_.shard.subscribe(*member_, topic, *rules_.find(topic)), position_);
    advance();
  }

  // What was not read is lost.
  void drop() {
    replay_.reset();
    page_.reset();
    wish_.reset();
    permit_.give_back();
    member_.reset();
  }

  void advance() {
    if (replay_ && replay_->advance()) replay_.reset();
  }

  Seq position() const { return replay_ ? replay_->position() : one_.shard.head(); }

  void subscribe(const std::string& topic, std::optional<Seq> since) {
    const bool known = member_->subscription(topic) != nullptr;
    if (known && !since) return;
    Subscription* subscription = one_.shard.subscribe(*member_, topic, *rules_.find(topic));
    const Seq from = since.value_or(position());
    if (since || replay_) {
      if (!replay_) replay_ = std::make_unique<Replay>(one_.shard, *member_, *this, one_.shard.had(*member_));
      replay_->hold(*subscription, from);
    }
    tell(topic, position(), from, since.has_value());
    advance();
  }

  // The answer, in its place between the events.
  void tell(const std::string& topic, Seq position, Seq from, bool since) {
    const std::string text = R"({"type":")" + std::string(since ? "since " : "now ") + topic + " " +
                             std::to_string(position) + " " + std::to_string(from) + R"("})";
    one_.shard.push(*member_, personal(text));
  }

  void unsubscribe(const std::string& topic) {
    Subscription* subscription = member_->subscription(topic);
    if (subscription == nullptr) return;
    one_.shard.unsubscribe(*subscription);
    follows_.erase(topic);
  }

  void drain() {
    member_->take_all();
    advance();
  }

  void read_page(const Replay&, ReadPermits::Permit permit, PageWish wish) noexcept override {
    permit_ = std::move(permit);
    wish_ = std::move(wish);
  }
  void replay_gap(const Replay&, Seq, Seq) override { ADD_FAILURE() << "nothing expires here"; }
  void replay_failed() noexcept override {}

  void read_page_of_log() {
    page_.emplace();
    page_->scanned_to = wish_->after;
    for (std::size_t rows = 0; rows < page_rows_ && page_->scanned_to < newest(); ++rows) {
      const Row& row = log_[static_cast<std::size_t>(page_->scanned_to++)];
      const bool in_topic = std::ranges::any_of(wish_->topics, [&](const TopicScope& scope) {
        return scope.has(row.topic) && row.event->seq() > scope.floor;
      });
      const bool in = row.topic.empty() ? wish_->own.has_value() : in_topic;
      if (in) page_->events.push_back(row.event);
    }
  }

  void bring() {
    const LogPage page = std::move(*page_);
    page_.reset();
    wish_.reset();
    permit_.give_back();
    if (!replay_) return;
    replay_->page_read(page);
    advance();
  }

  // ---- what the client makes of it ----

  void read_log() {
    for (; member_ && read_ < member_->log.size(); ++read_) take(member_->log[read_]);
  }

  void take(const std::string& said) {
    if (said.starts_with("close")) return drop();  // live and too slow
    if (said.starts_with("now") || said.starts_with("since")) return take_answer(said);
    Seq seq = 0;
    std::from_chars(said.data(), said.data() + said.size(), seq);
    EXPECT_GT(seq, position_) << "before what was told last";
    position_ = seq;
    got_.insert(seq);
    if (log_[static_cast<std::size_t>(seq) - 1].topic.empty())
      EXPECT_TRUE(own_.insert(seq).second) << seq << " twice";
  }

  void take_answer(const std::string& said) {
    std::istringstream words(said);
    std::string how, topic;
    Seq position = 0, from = 0;
    words >> how >> topic >> position >> from;
    if (how == "now") EXPECT_GE(position, position_) << "the highest seq would do, but for a since";
    position_ = position;
    if (member_->subscription(topic) != nullptr) follows_[topic] = from;
  }

  void finish() {
    if (!member_) connect();
    for (int rounds = 0; rounds < 20'000; ++rounds) {
      if (!member_) connect();
      member_->blocked = false;
      if (applied_ < log_.size()) {
        apply();
      } else if (!replay_ && member_->outbox().empty()) {
        read_log();
        if (member_) return;
      }
      drain();
      if (wish_ && !page_) read_page_of_log();
      if (page_) bring();
      read_log();
    }
    ADD_FAILURE() << "it never becomes live";
  }

  void check() {
    for (const Row& row : log_) {
      const Seq seq = row.event->seq();
      const bool followed = std::ranges::any_of(
          follows_, [&](const auto& one) { return hears(one.first, row.topic) && seq > one.second; });
      const bool due = row.topic.empty() || followed;
      if (due)
        EXPECT_TRUE(got_.contains(seq)) << seq << " of " << (row.topic.empty() ? "its own" : row.topic);
    }
  }

  std::mt19937 dice_;
  const World& world_;
  OneShard one_;
  const TopicRules rules_;
  const std::size_t page_rows_;
  const OutboxLimits limits_;
  std::vector<Row> log_;
  std::size_t applied_ = 0;
  ReadPermits::Permit permit_;
  std::optional<PageWish> wish_;
  std::optional<LogPage> page_;
  std::unique_ptr<FakeMember> member_;
  std::unique_ptr<Replay> replay_;
  std::size_t read_ = 0;  // of the member's log

  Seq position_ = 0;
  std::map<std::string, Seq> follows_;  // and after which seq
  std::set<Seq> got_;
  std::set<Seq> own_;  // on this connection
};

TEST(OnePositionModel, T74_the_last_seq_told_is_a_position_whatever_is_subscribed_to_and_when) {
  for (std::uint32_t seed = 1; seed <= 2000; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Model(seed, two_rooms).run();
    if (testing::Test::HasFailure()) return;
  }
}

TEST(OnePositionModel, T74_what_two_topics_bring_comes_once) {
  for (std::uint32_t seed = 1; seed <= 1000; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Model(seed, roll_up).run();
    if (testing::Test::HasFailure()) return;
  }
}

}  // namespace
}  // namespace corohub::hub::test
