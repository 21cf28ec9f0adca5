// Random interleavings of commits, applying, retention, changes of role, pages and slow sockets, against the
// log as the oracle: no gap that was not told, no duplicate, no disorder, nothing beyond one's rights. The
// seeds are fixed.
#include "hub/replay.hpp"
#include "support.hpp"

#include <algorithm>
#include <charconv>
#include <map>
#include <random>

#include <gtest/gtest.h>

namespace corohub::hub::test {
namespace {

struct Logged {
  Seq seq = 0;
  EventRef event;  // null: a change of role
  std::optional<Role> role{};
};

class Model final : public ReplayOwner {
 public:
  explicit Model(std::uint32_t seed)
      : dice_(seed),
        one_({.tail = {.events = pick({1, 3, 12}), .bytes = 1 << 20}}),
        page_size_(pick({2, 8, 32})),
        commits_(20 + below(100)),
        role_(below(2) == 0 ? Role::admin : Role::user),
        limits_{static_cast<std::uint32_t>(pick({8, 16, 1024})), 1 << 20} {}

  void run() {
    for (int steps = 0; !done(); ++steps) {
      ASSERT_LT(steps, 100'000) << "it never becomes live";
      step(below(100));
      if (testing::Test::HasFatalFailure()) return;
    }
    member_->take_all();
    check();
  }

 private:
  enum class Due : std::uint8_t { no, yes, perhaps };

  std::uint32_t below(std::uint32_t bound) { return static_cast<std::uint32_t>(dice_() % bound); }
  std::size_t pick(std::initializer_list<std::size_t> from) {
    return *(from.begin() + below(static_cast<std::uint32_t>(from.size())));
  }
  bool done() const { return log_.size() >= commits_ && applied_ == log_.size() && member_ && !replay_; }
  Seq newest() const { return static_cast<Seq>(log_.size()); }

  void step(std::uint32_t what) {
    if (what < 30 && log_.size() < commits_) return commit(1 + below(3));
    if (what < 34) return expire();
    if (what < 60 && applied_ < log_.size()) return apply();
    if (what < 62 && !member_ && newest() > 0) return connect();
    if (!member_) return;
    if (what < 80) member_->blocked = !member_->blocked;
    if (what < 85) return drain();
    if (wish_ && !page_) return read();
    if (page_) return bring();
  }

  // Seq counts changes of role as well, as their own event does in the real log.
  void commit(std::uint32_t count) {
    for (; count > 0; --count) {
      const Seq seq = newest() + 1;
      const std::uint32_t kind = below(100);
      Logged entry{.seq = seq, .event = nullptr};
      if (kind < 12) {
        entry.role = below(2) == 0 ? Role::admin : Role::user;
        entry.event = event("role", Audience::one_connection(), seq);
      } else {
        entry.event = event(std::to_string(seq), kind < 50 ? Audience::admins() : Audience::everyone(), seq);
      }
      log_.push_back(std::move(entry));
    }
  }

  void expire() {
    if (newest() > 0) floor_ = std::max<Seq>(floor_, below(static_cast<std::uint32_t>(newest()) + 1));
  }

  void apply() {
    const Logged& entry = log_[applied_++];
    std::vector<Entry> entries;
    if (entry.role) {
      role_ = *entry.role;
      // What was queued and has not left is taken back.
      if (role_ == Role::user)
        for (auto& [seq, due] : for_admin_) due = due == Due::yes ? Due::perhaps : due;
      entries.emplace_back(AccountChanged{1, account(1, role_, {login_}), CloseReason::session_revoked});
    }
    entries.emplace_back(entry.event);
    role_at_[entry.seq] = role_;
    one_.publish(std::move(entries));
    if (member_ && !replay_) pass(entry.seq);
  }

  // Events up to here have been judged by the role of this moment.
  void pass(Seq position) {
    for (; passed_ < position; ++passed_) for_admin_[passed_ + 1] = role_ == Role::admin ? Due::yes : Due::no;
  }

  void connect() {
    since_ = below(static_cast<std::uint32_t>(newest()) + 1);
    passed_ = since_;
    member_ = std::make_unique<FakeMember>(one_.shard, Identity{1, role_, login_}, limits_,
                                           below(2) == 0 ? Own::all : Own::by_feeds);
    if (member_->hears_by_feeds()) one_.shard.add_feed(*member_, {});  // of all: no difference
    replay_ = std::make_unique<Replay>(one_.shard, *member_, *this, since_);
    advance();
  }

  void advance() {
    if (!replay_) return;
    const bool live = replay_->advance();
    pass(replay_->position());
    if (live) replay_.reset();
  }

  void drain() {
    member_->take_all();
    advance();
  }

  void read_page(const Replay&, ReadPermits::Permit permit, PageWish wish) noexcept override {
    permit_ = std::move(permit);
    wish_ = wish;
  }
  void replay_gap(const Replay&, Seq from, Seq to) override { gaps_.emplace_back(from, to); }
  void replay_failed() noexcept override {}

  void read() {
    page_.emplace();
    page_->floor = floor_;
    page_->scanned_to = std::max(wish_->after, floor_);
    for (std::size_t rows = 0; rows < page_size_ && page_->scanned_to < newest(); ++rows) {
      const Logged& entry = log_[static_cast<std::size_t>(page_->scanned_to++)];
      if (wish_->own && entry.event->audience().includes(*wish_->own)) page_->events.push_back(entry.event);
    }
  }

  void bring() {
    const LogPage page = std::move(*page_);
    page_.reset();
    wish_.reset();
    permit_.give_back();
    replay_->page_read(page);
    pass(replay_->position());
    advance();
  }

  bool was_told(Seq seq) const {
    return std::ranges::any_of(gaps_, [&](const auto& gap) { return gap.first < seq && seq <= gap.second; });
  }

  void check() {
    if (!member_->closed_with.empty()) {  // live and too slow: told by its close, and it resumes
      EXPECT_EQ(member_->closed_with.front(), CloseReason::slow_consumer);
      return;
    }
    std::vector<Seq> got;
    for (const std::string& type : member_->log) {
      Seq seq = 0;
      std::from_chars(type.data(), type.data() + type.size(), seq);
      got.push_back(seq);
    }
    ASSERT_TRUE(std::ranges::is_sorted(got));
    ASSERT_EQ(std::ranges::adjacent_find(got), got.end()) << "twice: " << *std::ranges::adjacent_find(got);
    for (const Logged& entry : log_) {
      const bool arrived = std::ranges::binary_search(got, entry.seq);
      if (entry.seq <= since_ || entry.role) {
        ASSERT_FALSE(arrived) << entry.seq;
        continue;
      }
      if (was_told(entry.seq)) continue;
      const bool for_all = entry.event->audience() == Audience::everyone();
      const Due due = for_all ? Due::yes : for_admin_.at(entry.seq);
      if (due != Due::perhaps) ASSERT_EQ(arrived, due == Due::yes) << entry.seq;
      // Whatever was judged: who has lost his rights before an event must not have it.
      const auto from = role_at_.find(entry.seq);
      const bool ever =
          std::any_of(from, role_at_.end(), [](const auto& at) { return at.second == Role::admin; });
      ASSERT_TRUE(for_all || ever || !arrived) << "not his: " << entry.seq;
    }
  }

  std::mt19937 dice_;
  OneShard one_;
  const std::size_t page_size_;
  const std::size_t commits_;
  Role role_;
  const SessionId login_{};
  const OutboxLimits limits_;
  std::vector<Logged> log_;
  std::map<Seq, Role> role_at_;   // after it was applied
  std::map<Seq, Due> for_admin_;  // an admins' event, by the role when the member's position passed it
  Seq passed_ = 0;
  std::size_t applied_ = 0;
  Seq floor_ = 0;
  Seq since_ = 0;
  ReadPermits::Permit permit_;
  std::optional<PageWish> wish_;
  std::optional<LogPage> page_;
  std::vector<std::pair<Seq, Seq>> gaps_;
  std::unique_ptr<FakeMember> member_;
  std::unique_ptr<Replay> replay_;
};

TEST(ReplayModel, T74_no_gap_no_duplicate_no_leak_in_any_order_of_things) {
  for (std::uint32_t seed = 1; seed <= 3000; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Model(seed).run();
    if (testing::Test::HasFailure()) return;
  }
}

}  // namespace
}  // namespace corohub::hub::test
