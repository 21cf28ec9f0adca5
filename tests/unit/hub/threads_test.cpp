// The hub as it runs: several shards on threads of their own, a writer that waits for room, members that come
// and go. Afterwards an oracle, which knows only the order of the batches, says what each of them had to get.
// Also built with ThreadSanitizer.
#include "unit/hub/support.hpp"

#include <atomic>
#include <charconv>
#include <map>
#include <random>
#include <thread>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <gtest/gtest.h>

namespace corohub::hub::test {
namespace {

constexpr UserId user_count = 5;
constexpr int batch_count = 2000;
constexpr std::size_t shard_count = 3;

// What a user is after the durable event `after`, until the next version.
struct Version {
  Seq after = 0;
  AccountRef account;

  bool lets_in(const SessionId& session) const { return account && account->has_session(session); }
  Role role() const { return account ? account->role : Role::user; }
};
using Accounts = std::map<UserId, AccountRef>;

// One connection: who it was, between which events it was here, what it got.
struct Story {
  UserId user = 0;
  SessionId session{};
  Seq attached_at = 0;
  Seq detached_at = 0;
  bool closed = false;
  std::vector<Seq> got;
};

class StoryMember final : public Member, private Outlet {
 public:
  StoryMember(Shard& shard, Identity who, const OutboxLimits& limits)
      : Member(ClientId::random(), limits), shard_(shard) {
    story.user = who.user_id;
    story.session = who.session;
    story.attached_at = shard_.head();
    set_outlet(this);
    shard_.attach(*this, who);
  }
  ~StoryMember() override { shard_.detach(*this); }

  const Form& form() const noexcept override { return plain_form; }
  void close(CloseReason) noexcept override {
    flush();
    story.closed = true;
  }
  void role_changed() noexcept override {}
  void subscription_lost(const Subscription&) noexcept override {}
  MemberInfo info() const override { return {}; }

  Story story;

 private:
  void flush() noexcept override {
    while (!outbox().empty()) {
      const std::string_view text = outbox().at(0).bytes();
      const std::string_view digits = text.substr(text.rfind(':') + 1);
      Seq seq = 0;
      std::from_chars(digits.data(), digits.data() + digits.size() - 1, seq);
      story.got.push_back(seq);
      outbox().consume(outbox().at(0).size());
    }
  }
  bool is_full() const noexcept override { return false; }

  Shard& shard_;
};

// One shard's thread: it knows the accounts as the account cache does, and lets members come and go between
// the shard's turns.
class Neighbourhood final : public ShardListener {
 public:
  Neighbourhood(unsigned seed, Accounts accounts) : random_(seed), accounts_(std::move(accounts)) {
    shard_.set_listener(this);
    shard_.start();
  }

  Shard& shard() { return shard_; }
  const std::vector<Story>& stories() const { return stories_; }

  void begin() {
    asio::post(context_, [this] { come_and_go(); });
    thread_ = std::thread([this] { context_.run(); });
  }
  // All is published: applies what is left, and the loop ends by itself.
  void end() {
    asio::post(context_, [this] {
      shard_.stop();
      while (!members_.empty()) leave(0);
      ended_ = true;
    });
    thread_.join();
  }
  void account_changed(const AccountChanged& change) noexcept override {
    accounts_[change.user_id] = change.account;
  }

 private:
  void come_and_go() {
    if (ended_) return;
    if (std::exchange(seen_, shard_.head()) != shard_.head()) {
      come();
      if (members_.size() > 20) leave(random_() % members_.size());
    }
    std::this_thread::yield();
    asio::post(context_, [this] { come_and_go(); });
  }
  void come() {
    const UserId user = 1 + static_cast<UserId>(random_() % user_count);
    const AccountRef& account = accounts_.at(user);
    if (!account) return;
    const SessionId& session = account->sessions[random_() % account->sessions.size()];
    members_.push_back(
        std::make_unique<StoryMember>(shard_, Identity{user, account->role, session}, limits_));
  }
  void leave(std::size_t i) {
    StoryMember& member = *members_[i];
    member.story.detached_at = shard_.head();
    stories_.push_back(std::move(member.story));
    members_.erase(members_.begin() + static_cast<std::ptrdiff_t>(i));
  }

  std::mt19937 random_;
  Accounts accounts_;
  ManualClock clock_;
  asio::io_context context_{1};
  const OutboxLimits limits_;
  Shard shard_{context_, clock_, {.inbox_entries = 6}};
  std::vector<std::unique_ptr<StoryMember>> members_;
  std::vector<Story> stories_;
  Seq seen_ = -1;
  bool ended_ = false;
  std::thread thread_;
};

// The writer: events and changes of accounts in one order, remembered for the oracle.
class Writer {
 public:
  explicit Writer(const Accounts& accounts) {
    for (const auto& [user, account] : accounts) history[user].push_back({0, account});
  }

  void publish_all(Hub& hub) {
    for (int i = 0; i < batch_count; ++i) {
      entries_.clear();
      for (unsigned n = 1 + random_() % 4; n > 0; --n)
        if (random_() % 5 == 0)
          add_change_of_account();
        else
          add_event(any_audience());
      hub.publish(std::make_shared<Batch>(entries_, std::make_unique<Tally>(*this, entries_)));
    }
  }

  std::map<UserId, std::vector<Version>> history;
  std::vector<Audience> audiences{Audience{}};  // by seq
  std::atomic<int> receipts{0};
  std::atomic<std::uint64_t> reached{0};  // by events

 private:
  struct Tally final : BatchDone {
    Tally(Writer& owner, const std::vector<Entry>& entries) : writer(owner) {
      for (const Entry& entry : entries) is_event.push_back(std::holds_alternative<EventRef>(entry));
    }
    void applied(const std::vector<std::uint32_t>& counts) noexcept override {
      for (std::size_t i = 0; i < counts.size(); ++i)
        if (is_event[i]) writer.reached += counts[i];
      ++writer.receipts;
    }
    Writer& writer;
    std::vector<bool> is_event;
  };

  Audience any_audience() {
    static const std::array<Audience, 4> kinds{Audience::everyone(), Audience::admins(), Audience::user(1),
                                               Audience::user_and_admins(2)};
    return kinds[random_() % kinds.size()];
  }
  void add_event(Audience audience) {
    audiences.push_back(audience);
    entries_.emplace_back(event("e", audience, static_cast<Seq>(audiences.size() - 1)));
  }
  // An event for nobody goes before it, so that every version has a seq of its own.
  void add_change_of_account() {
    add_event(Audience::one_connection());
    const UserId user = 1 + static_cast<UserId>(random_() % user_count);
    std::vector<Version>& versions = history[user];
    AccountRef next;
    if (random_() % 10 != 0) {
      const AccountRef& old = versions.back().account;
      std::vector<SessionId> sessions{SessionId::random(), SessionId::random()};
      if (old && random_() % 4 != 0) sessions = old->sessions;
      next = account(user, static_cast<Role>(random_() % role_count), std::move(sessions));
    }
    versions.push_back({static_cast<Seq>(audiences.size() - 1), next});
    entries_.emplace_back(AccountChanged{user, next, CloseReason::session_revoked});
  }

  std::mt19937 random_{7};
  std::vector<Entry> entries_;
};

class Oracle {
 public:
  explicit Oracle(const Writer& published) : writer_(published) {}

  // What is visible must have come, in order and once. What a later change of role takes away may be missing:
  // it may have waited when the change came. With a login's end goes what waits from the first event on that
  // is not the user's own, so that nothing comes behind it.
  void judge(const Story& story) {
    const std::vector<Version>& versions = writer_.history.at(story.user);
    std::size_t next = 0;
    bool closed = false;
    bool goes = false;  // with the login's end
    auto version = versions.begin();
    for (Seq seq = story.attached_at + 1; seq <= story.detached_at + 1 && !closed; ++seq) {
      while (version + 1 != versions.end() && (version + 1)->after < seq) ++version;
      closed = !version->lets_in(story.session);
      if (closed || seq > story.detached_at) break;
      const bool is_visible = visible(seq, story.user, *version);
      const bool came = next < story.got.size() && story.got[next] == seq;
      next += came ? 1 : 0;
      reached_ += is_visible ? 1 : 0;
      ASSERT_TRUE((is_visible && !goes) || !came) << "event " << seq << " is not for user " << story.user;
      if (is_visible && !came) {
        if (!taken_back(seq, story, version + 1)) {
          ASSERT_TRUE(ends(story, version + 1) && (goes || !personal(seq, story.user)))
              << "event " << seq << " is missing for user " << story.user;
          goes = true;
        }
        ++taken_back_;
      }
    }
    ASSERT_EQ(next, story.got.size()) << "out of order, twice, or after the end";
    ASSERT_EQ(story.closed, closed);
    closed_ += closed ? 1 : 0;
    came_ += story.got.size();
  }

  std::uint64_t reached() const { return reached_; }
  std::uint64_t came() const { return came_; }
  std::uint64_t taken_back() const { return taken_back_; }
  std::uint64_t closed() const { return closed_; }

 private:
  bool visible(Seq seq, UserId user, const Version& version) const {
    return writer_.audiences[static_cast<std::size_t>(seq)].includes({user, version.role(), {}});
  }
  bool personal(Seq seq, UserId user) const {
    return writer_.audiences[static_cast<std::size_t>(seq)].user_id == user;
  }
  // Of the later versions, up to the one that ends the login.
  using Later = std::vector<Version>::const_iterator;
  bool taken_back(Seq seq, const Story& story, Later later) const {
    return any_of(story, later, [&](const Version& one) { return !visible(seq, story.user, one); });
  }
  bool ends(const Story& story, Later later) const {
    return any_of(story, later, [&](const Version& one) { return !one.lets_in(story.session); });
  }
  template <class Is>
  bool any_of(const Story& story, Later later, Is is) const {
    const Later end = writer_.history.at(story.user).end();
    for (; later != end && later->after <= story.detached_at; ++later) {
      if (is(*later)) return true;
      if (!later->lets_in(story.session)) break;
    }
    return false;
  }

  const Writer& writer_;
  std::uint64_t reached_ = 0;
  std::uint64_t came_ = 0;
  std::uint64_t taken_back_ = 0;
  std::uint64_t closed_ = 0;
};

TEST(Threads, every_connection_gets_exactly_what_was_for_it) {
  Accounts accounts;
  for (UserId user = 1; user <= user_count; ++user)
    accounts[user] = account(user, Role::user, {SessionId::random(), SessionId::random()});
  std::vector<std::unique_ptr<Neighbourhood>> neighbourhoods;
  std::vector<Shard*> shards;
  for (unsigned i = 0; i < shard_count; ++i) {
    neighbourhoods.push_back(std::make_unique<Neighbourhood>(i, accounts));
    shards.push_back(&neighbourhoods.back()->shard());
  }
  Hub hub;
  hub.set_shards(shards);
  Writer writer(accounts);
  for (const auto& neighbourhood : neighbourhoods) neighbourhood->begin();
  std::thread([&] { writer.publish_all(hub); }).join();
  for (const auto& neighbourhood : neighbourhoods) neighbourhood->end();

  EXPECT_EQ(writer.receipts, batch_count);
  Oracle oracle(writer);
  for (const auto& neighbourhood : neighbourhoods)
    for (const Story& story : neighbourhood->stories()) {
      oracle.judge(story);
      if (HasFatalFailure()) return;
    }
  EXPECT_EQ(writer.reached, oracle.reached());
  EXPECT_EQ(oracle.came() + oracle.taken_back(), oracle.reached());
  EXPECT_GT(oracle.came(), 0U);
  RecordProperty("came", std::to_string(oracle.came()));
  RecordProperty("closed", std::to_string(oracle.closed()));
}

// The writer waits as long as a shard takes nothing, and goes on when it does.
TEST(Threads, a_full_inbox_holds_the_writer_back_and_loses_nothing) {
  ManualClock clock;
  asio::io_context context(1);
  Shard shard(context, clock, {.inbox_entries = 2});
  Hub hub;
  hub.set_shards({&shard});
  FakeMember member(shard, {1, Role::user, {}});
  std::atomic<bool> published{false};
  std::thread writer([&] {
    for (Seq seq = 1; seq <= 500; ++seq) {
      std::vector<Entry> entries;
      entries.emplace_back(event("e" + std::to_string(seq), Audience::everyone(), seq));
      hub.publish(std::make_shared<Batch>(std::move(entries)));
    }
    published = true;
  });
  while (!published || shard.head() < 500) {
    context.restart();
    context.run();
  }
  writer.join();
  ASSERT_EQ(member.log.size(), 500U);
  for (int i = 0; i < 500; ++i)
    EXPECT_EQ(member.log[static_cast<std::size_t>(i)], "e" + std::to_string(i + 1));
}

TEST(Threads, stop_lets_a_waiting_writer_go) {
  ManualClock clock;
  asio::io_context context(1);
  Shard shard(context, clock, {.inbox_entries = 1});
  Hub hub;
  hub.set_shards({&shard});
  std::optional<std::vector<std::uint32_t>> said;
  hub.publish(std::make_shared<Batch>(std::vector<Entry>{event("first", Audience::everyone(), 1)}));
  std::thread writer([&] {
    hub.publish(std::make_shared<Batch>(std::vector<Entry>{event("second", Audience::everyone(), 2)},
                                        std::make_unique<Receipt>(said)));
  });
  shard.stop();
  writer.join();
  EXPECT_TRUE(said) << "whoever waits for it is answered";
}

TEST(Threads, volatile_events_come_from_all_sides) {
  constexpr int publishers = 3;
  constexpr int each = 300;
  ManualClock clock;
  std::array<asio::io_context, 2> contexts;
  Shard left(contexts[0], clock, {.inbox_entries = 4});
  Shard right(contexts[1], clock, {.inbox_entries = 4});
  Hub hub;
  hub.set_shards({&left, &right});
  FakeMember here(left, {1, Role::user, {}}), there(right, {2, Role::user, {}});
  std::vector<std::thread> loops;
  std::vector<asio::executor_work_guard<Executor>> guards;
  for (asio::io_context& context : contexts) {
    guards.emplace_back(context.get_executor());
    loops.emplace_back([&context] { context.run(); });
  }
  std::atomic<std::size_t> accepted{0};
  std::vector<std::thread> threads;
  threads.reserve(publishers);
  for (int i = 0; i < publishers; ++i)
    threads.emplace_back([&] {
      for (int n = 0; n < each; ++n) {
        std::vector<Entry> entries;
        entries.emplace_back(event("e", Audience::everyone()));
        if (hub.try_publish(std::make_shared<Batch>(std::move(entries)))) ++accepted;
      }
    });
  for (std::thread& thread : threads) thread.join();
  guards.clear();
  for (std::thread& loop : loops) loop.join();
  EXPECT_EQ(here.log.size(), accepted);
  EXPECT_EQ(there.log.size(), accepted);
  EXPECT_GT(accepted, 0U);
}

}  // namespace
}  // namespace corohub::hub::test
