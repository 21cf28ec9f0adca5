// What the hub's tests share: a shard on a clock that stands still, members without sockets, short names for
// events and batches.
#pragma once

#include "core/account.hpp"
#include "hub/hub.hpp"
#include "hub/shard.hpp"
#include "support/manual_clock.hpp"

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace corohub::hub::test {

using corohub::test::ManualClock;

// An event as its text and nothing else.
class PlainForm final : public Form {
 public:
  FrameRef encode(const Event& event, std::string_view) const override {
    return Frame::make("", event.text(), event.audience());
  }
};
inline const PlainForm plain_form;

// What leads the events of one interest.
inline FrameRef prefix(std::string_view text) {
  return Frame::make("", text, Audience::one_connection(), Frame::Next::is_joined);
}

// The same, and how often it was asked.
class CountingForm final : public Form {
 public:
  FrameRef encode(const Event& event, std::string_view epoch) const override {
    ++encoded;
    return plain_form.encode(event, epoch);
  }
  mutable std::atomic<int> encoded{0};
};

// A text for one connection alone.
inline FrameRef personal(std::string_view text) { return Frame::make("", text, Audience::one_connection()); }

// The type of a message made by Event: {"type":"<it>",...
inline std::string type_of(const Frame& frame) {
  const std::string_view text = frame.bytes();
  const std::size_t begin = std::string_view(R"({"type":")").size();
  return std::string(text.substr(begin, text.find('"', begin) - begin));
}

inline EventRef event(std::string type, Audience audience, Seq seq = 0) {
  return EventRef(new Event({std::move(type), "{}", audience}, seq, 0));
}

inline AccountRef account(UserId id, Role role, std::vector<SessionId> sessions,
                          UserStatus status = UserStatus::active) {
  Account made;
  made.id = id;
  made.role = role;
  made.status = status;
  made.sessions = std::move(sessions);
  return std::make_shared<const Account>(std::move(made));
}

enum class Own : bool { all, by_feeds };

// A connection whose socket takes everything, or nothing while `blocked`. Its log holds the types it was
// sent, each behind its prefix, and, last, why it was closed.
class FakeMember final : public Member, private Outlet {
 public:
  FakeMember(Shard& shard, Identity who, const OutboxLimits& limits = default_limits(), Own own = Own::all)
      : Member(ClientId::random(), limits), shard_(shard) {
    if (own == Own::by_feeds) listen_only_when_asked();
    set_outlet(this);
    shard_.attach(*this, who);
  }
  ~FakeMember() override { shard_.detach(*this); }

  const Form& form() const noexcept override { return plain_form; }
  void close(CloseReason reason) noexcept override {
    if (reason != CloseReason::slow_consumer && !blocked) take_all();
    closed_with.push_back(reason);
    log.push_back("close " + std::string(name(reason)));
  }
  void role_changed() noexcept override { roles_seen.push_back(identity().role); }
  void subscription_lost(const Subscription& subscription) noexcept override {
    topics_lost.push_back(subscription.topic->name);
    for (const auto& left : subscriptions()) ASSERT_NE(left, nullptr);
  }
  MemberInfo info() const override {
    return {client_id(), identity().user_id, identity().role, identity().is_guest(), "fake", "127.0.0.1", 0};
  }

  void take_all() {
    while (!outbox().empty()) {
      std::string said;
      if (outbox().at(0).is_joined_to_next()) said = take();
      log.push_back(said + type_of(outbox().at(0)));
      take();
    }
  }

  static const OutboxLimits& default_limits() {
    static const OutboxLimits limits;
    return limits;
  }

  std::vector<std::string> log;
  std::vector<CloseReason> closed_with;
  std::vector<Role> roles_seen;
  std::vector<std::string> topics_lost;
  int flushes = 0;
  bool blocked = false;
  std::size_t beside = 0;

 private:
  std::string take() {
    std::string bytes(outbox().at(0).bytes());
    outbox().consume(bytes.size() - outbox().sent());
    return bytes;
  }
  std::size_t waiting_beside() const noexcept override { return beside; }
  void flush() noexcept override {
    ++flushes;
    if (!blocked) take_all();
  }
  bool is_full() const noexcept override { return blocked && !outbox().empty(); }

  Shard& shard_;
};

// Keeps what the receipt said.
class Receipt final : public BatchDone {
 public:
  explicit Receipt(std::optional<std::vector<std::uint32_t>>& said) : said_(said) {}
  void applied(const std::vector<std::uint32_t>& reached) noexcept override { said_ = reached; }

 private:
  std::optional<std::vector<std::uint32_t>>& said_;
};

// One shard and its loop, turned by hand.
struct OneShard {
  explicit OneShard(ShardLimits limits = {}) : shard(context, clock, limits) { hub.set_shards({&shard}); }

  // Publishes one batch, runs the loop until it is idle, and returns what the receipt said.
  std::vector<std::uint32_t> publish(std::vector<Entry> entries) {
    std::optional<std::vector<std::uint32_t>> said;
    hub.publish(std::make_shared<Batch>(std::move(entries), std::make_unique<Receipt>(said)));
    run();
    return said.value();
  }
  void put(std::vector<Entry> entries) { hub.publish(std::make_shared<Batch>(std::move(entries))); }
  void run() {
    context.restart();
    context.run();
  }
  void tick(int times = 1) {
    for (int i = 0; i < times; ++i) {
      clock.advance(Wheel::tick);
      shard.tick();
    }
  }

  ManualClock clock;
  asio::io_context context{1};
  Shard shard;
  Hub hub;
};

}  // namespace corohub::hub::test
