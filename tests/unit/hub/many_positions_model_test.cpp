// A client that keeps a position for each of its interests, several of them in the same topic and some in its
// own audience, with filters, and comes back with those: in random interleavings of commits, applying, pages,
// slow sockets, beginnings and ends, each interest gets what it wants once and in order. The seeds are fixed.
#include "hub/replay.hpp"
#include "hub/type_filter.hpp"
#include "support.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <random>
#include <sstream>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace corohub::hub::test {
namespace {

// Says nothing of types, so a page has all of them.
class OddOnly final : public EventFilter {
 public:
  bool wants(const Event& event) const noexcept override { return event.seq() % 2 == 1; }
};

struct Slot {
  std::string topic;  // empty: its own audience
  std::uint32_t label;
  EventFilterRef filter;

  bool followed = false;  // as far as the client has read
  Seq position = 0;       // told last
};

class Model final : public ReplayOwner {
 public:
  explicit Model(std::uint32_t seed)
      : dice_(seed),
        one_({.tail = {.events = pick({1, 3, 12}), .bytes = 1 << 20}}),
        page_rows_(pick({2, 8, 32})),
        limits_{static_cast<std::uint32_t>(pick({8, 16, 1024})), 1 << 20} {}
  ~Model() { replay_.reset(); }

  void run() {
    for (int steps = 0; steps < 500 && !testing::Test::HasFailure(); ++steps) {
      step(below(100));
      read_log();
    }
    finish();
    if (!testing::Test::HasFailure()) check();
  }

 private:
  std::uint32_t below(std::uint32_t bound) { return static_cast<std::uint32_t>(dice_() % bound); }
  std::size_t pick(std::initializer_list<std::size_t> from) {
    return *(from.begin() + below(static_cast<std::uint32_t>(from.size())));
  }
  Seq newest() const { return static_cast<Seq>(log_.size()); }
  std::size_t any_slot() { return below(static_cast<std::uint32_t>(slots_.size())); }

  void step(std::uint32_t what) {
    if (what < 18) return commit();
    if (what < 38) return apply();
    if (what < 43) return connect();
    if (!member_) return;
    if (what < 45) return drop();
    if (what < 52) return follow(any_slot(), {});
    if (what < 60) return follow(any_slot(), below(static_cast<std::uint32_t>(newest()) + 1));
    if (what < 63) return leave(any_slot());
    if (what < 72) member_->blocked = !member_->blocked;
    if (what < 80) return drain();
    if (wish_ && !page_) return read_page_of_log();
    if (page_) return bring();
  }

  void commit() {
    static const std::array<std::string, 6> topics{"",        "rooms/a", "rooms/b",
                                                   "flags/a", "flags/b", "flags/a/x"};
    for (std::uint32_t count = 1 + below(4); count > 0; --count) {
      const Seq seq = newest() + 1;
      EventDraft draft{(below(2) == 0 ? "x." : "y.") + std::to_string(seq), "{}", Audience::everyone(),
                       topics[below(topics.size())]};
      log_.emplace_back(new Event(std::move(draft), seq, 0));
    }
  }

  void apply() {
    if (applied_ < log_.size()) one_.publish({log_[applied_++]});
  }

  void connect() {
    if (member_) return;
    member_ = std::make_unique<FakeMember>(one_.shard, Identity{1, Role::user}, limits_, Own::by_feeds);
    read_ = 0;
    for (std::size_t i = 0; i < slots_.size() && member_; ++i)
      if (slots_[i].followed) follow(i, slots_[i].position);
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

  Interest* find(const Slot& slot) {
    return slot.topic.empty() ? member_->feed(slot.label) : member_->subscription(slot.topic, slot.label);
  }

  Interest& open(std::size_t i) {
    const Slot& slot = slots_[i];
    InterestTerms terms{slot.label, prefix(std::to_string(i) + "|"), slot.filter};
    if (slot.topic.empty()) return one_.shard.add_feed(*member_, std::move(terms));
    return *one_.shard.subscribe(*member_, slot.topic, *rules_.find(slot.topic), std::move(terms));
  }

  void follow(std::size_t i, std::optional<Seq> since) {
    if (find(slots_[i]) != nullptr && !since) return;
    Interest& interest = open(i);
    const Seq from = since.value_or(replay_ ? replay_->position() : one_.shard.head());
    if (since || replay_) {
      if (!replay_) replay_ = std::make_unique<Replay>(one_.shard, *member_, *this, one_.shard.had(*member_));
      replay_->hold(interest, from);
    }
    // The answer, in its place between the events.
    const std::string said = "told " + std::to_string(i) + " " + std::to_string(from);
    one_.shard.push(*member_, personal(R"({"type":")" + said + R"("})"));
    advance();
  }

  void leave(std::size_t i) {
    const Slot& slot = slots_[i];
    if (find(slot) == nullptr) return;
    one_.shard.remove(*member_, *find(slot));
    slots_[i].followed = false;
    advance();
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
      const EventRef& event = log_[static_cast<std::size_t>(page_->scanned_to++)];
      const bool in_topic = std::ranges::any_of(wish_->topics, [&](const TopicScope& scope) {
        return scope.has(event->topic()) && event->seq() > scope.floor;
      });
      const bool in = event->topic().empty() ? wish_->own.has_value() : in_topic;
      if (in && matches_types(event->type(), wish_->types)) page_->events.push_back(event);
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
    if (said.starts_with("told")) return take_answer(said);
    Slot& slot = slots_[static_cast<std::size_t>(said[0] - '0')];
    const std::string digits = said.substr(4);  // "0|x.17"
    Seq seq = 0;
    std::from_chars(digits.data(), digits.data() + digits.size(), seq);
    if (!slot.followed) return;  // it was on its way
    EXPECT_EQ(seq, next_due(slot)) << said << " after " << slot.position;
    slot.position = seq;
  }

  void take_answer(const std::string& said) {
    std::istringstream words(said.substr(5));
    std::size_t i = 0;
    Seq from = 0;
    words >> i >> from;
    if (find(slots_[i]) == nullptr) return;  // ended meanwhile
    slots_[i].followed = true;
    slots_[i].position = from;
  }

  // What the client is to hear next of this slot; 0: nothing.
  Seq next_due(const Slot& slot) const {
    for (auto seq = static_cast<std::size_t>(slot.position); seq < log_.size(); ++seq) {
      const Event& event = *log_[seq];
      const bool hears =
          event.topic() == slot.topic ||
          (slot.topic == "flags" && (event.topic() == "flags/a" || event.topic() == "flags/b"));
      if (hears && (!slot.filter || slot.filter->wants(event))) return event.seq();
    }
    return 0;
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
    for (const Slot& slot : slots_)
      if (slot.followed) EXPECT_EQ(next_due(slot), 0) << slot.topic << " " << slot.label;
  }

  std::mt19937 dice_;
  OneShard one_;
  const TopicRules rules_;
  const std::size_t page_rows_;
  const OutboxLimits limits_;
  std::vector<EventRef> log_;
  std::size_t applied_ = 0;
  ReadPermits::Permit permit_;
  std::optional<PageWish> wish_;
  std::optional<LogPage> page_;
  std::unique_ptr<FakeMember> member_;
  std::unique_ptr<Replay> replay_;
  std::size_t read_ = 0;  // of the member's log

  std::array<Slot, 10> slots_{Slot{"rooms/a", 0, nullptr},
                              Slot{"rooms/a", 1, filter_of_types({"x.*"})},
                              Slot{"rooms/a", 2, std::make_shared<OddOnly>()},
                              Slot{"rooms/b", 1, filter_of_types({"x.*"})},
                              Slot{"rooms/b", 2, filter_of_types({"y.*"})},
                              Slot{"flags", 1, nullptr},
                              Slot{"flags/a", 2, std::make_shared<OddOnly>()},
                              Slot{"", 0, nullptr},
                              Slot{"", 1, filter_of_types({"x.*"})},
                              Slot{"", 2, std::make_shared<OddOnly>()}};
};

TEST(ManyPositionsModel, T74_each_interest_gets_what_it_wants_once_and_in_order) {
  for (std::uint32_t seed = 1; seed <= 1000; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Model(seed).run();
    if (testing::Test::HasFailure()) return;
  }
}

}  // namespace
}  // namespace corohub::hub::test
