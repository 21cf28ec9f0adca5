// One connection as its shard sees it: who it is, what waits for it, and how to make it leave. The hub knows
// members, never sockets or protocols. Used on the shard's thread only.
#pragma once

#include "core/close_reason.hpp"
#include "core/wheel.hpp"
#include "hub/event.hpp"
#include "hub/form.hpp"
#include "hub/outbox.hpp"
#include "hub/topic.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <boost/intrusive/list_hook.hpp>

namespace corohub::hub {

// What GET /admin/connections tells of a connection.
struct MemberInfo {
  ClientId client_id;
  UserId user_id;
  Role role;
  std::string_view transport;  // "websocket"
  std::string ip;
  UnixMs connected_at;
};

// Where a member's outbox is emptied into.
class Outlet {
 public:
  // One send of all that waits. Never blocks, throws or re-enters the shard. May come after Member::close().
  virtual void flush() noexcept = 0;
  // The client has not taken all of an earlier send: what is queued now waits behind it.
  virtual bool is_full() const noexcept = 0;

 protected:
  ~Outlet() = default;
};

class Member {
 public:
  // `is_client`: counts among those an event has reached; not a request that only waits for a hint.
  Member(ClientId client, const OutboxLimits& limits, bool is_client = true) noexcept
      : outbox_(limits), is_client_(is_client), client_id_(client) {}
  virtual ~Member() = default;
  Member(const Member&) = delete;
  Member& operator=(const Member&) = delete;

  // The same as long as it is attached, but for Shard::form_changed().
  virtual const Form& form() const noexcept = 0;
  // What waits leaves first (for at most a second; not for slow_consumer), then the close frame. The outbox
  // is closed already. The member detaches itself once it has ended, never inside this call.
  virtual void close(CloseReason reason) noexcept = 0;
  // The user's role is another one from here on (counts, and later subscriptions); identity() has it already.
  virtual void role_changed() noexcept = 0;
  // The whole message of an event whose bytes are not shared (Form::encode answered null), for this interest.
  // Null: the event is not for this client. Changes no interest. Throws for memory, and then the member is
  // closed.
  virtual FrameRef own_frame(const Event&, const Interest&) { return nullptr; }
  // Its role may not subscribe to this any more; the subscription ends with this call.
  virtual void subscription_lost(const Subscription& subscription) noexcept = 0;
  virtual MemberInfo info() const = 0;

  // Who it is, from Shard::attach() on; before that it is nobody, and nobody may ask.
  const Identity& identity() const noexcept { return *identity_; }
  bool is_identified() const noexcept { return identity_.has_value(); }
  const ClientId& client_id() const noexcept { return client_id_; }
  Outbox& outbox() noexcept { return outbox_; }
  const Outbox& outbox() const noexcept { return outbox_; }
  // Rises with every change of what it may see.
  std::uint32_t rights_version() const noexcept { return rights_version_; }

  // ---- its own audience ----
  // By default a member hears all that its audience hears. One of these two changes that, before the member
  // is attached.
  void set_filter(EventFilterRef filter);  // only what this wants; null: all
  void listen_only_when_asked();           // nothing, until Shard::add_feed()
  bool hears_by_feeds() const noexcept { return feeds_ != nullptr; }
  // What set_filter() was given; null without.
  EventFilterRef filter() const noexcept;
  // The feeds it has instead of all; their addresses hold until the next one is added or removed.
  std::span<const Feed> feeds() const noexcept;
  std::size_t feed_count() const noexcept { return feeds().size(); }
  Feed* feed(std::uint32_t label) const noexcept;  // null: none

  // ---- topics ----
  // Null: it is not subscribed.
  Subscription* subscription(std::string_view topic, std::uint32_t label = 0) const noexcept;
  std::size_t subscription_count() const noexcept { return subscriptions_ ? subscriptions_->size() : 0; }
  const std::vector<std::unique_ptr<Subscription>>& subscriptions() const noexcept;

  // The subscription or feed of this number; null: it has ended.
  Interest* interest(std::uint32_t number) const noexcept;

  // `visit` takes a Feed&.
  template <class F>
  void for_each_feed(F visit) const {
    if (feeds_)
      for (Feed& feed : *feeds_) visit(feed);
  }
  // `visit` takes an Interest&: each subscription, then each feed.
  template <class F>
  void for_each_interest(F visit) const {
    for (const std::unique_ptr<Subscription>& subscription : subscriptions()) visit(*subscription);
    for_each_feed(visit);
  }

 protected:
  // Null, as at the beginning: what is pushed waits. It outlives its being set here.
  void set_outlet(Outlet* outlet) noexcept { outlet_ = outlet; }

 private:
  friend class Shard;
  friend class MemberIndex;
  friend class TopicIndex;
  friend class SendLines;
  using Subscriptions = std::vector<std::unique_ptr<Subscription>>;

  void flush() noexcept {
    if (outlet_ != nullptr) outlet_->flush();
  }
  // What is queued now leaves with the member's next send, as far as anybody knows.
  bool is_idle() const noexcept { return outbox_.empty() || (outlet_ != nullptr && !outlet_->is_full()); }

  // Into the processor's cache: what a delivery touches of the member itself, and what its send reads.
  void prefetch() const noexcept { prefetch_lines(this, 128); }
  void prefetch_send() const noexcept {
    if (outlet_ != nullptr) prefetch_lines(outlet_, 256);
  }
  static void prefetch_lines(const void* begin, std::size_t size) noexcept {
    const char* const first = static_cast<const char*>(begin);
    for (std::size_t at = 0; at < size; at += 64) __builtin_prefetch(first + at);
    __builtin_prefetch(first + size - 1);  // it need not begin with a line
  }

  // What every delivery touches stands together.
  Outbox outbox_;
  Seq skip_ = 0;                              // without feeds: own durable events up to here are not for it
  std::unique_ptr<std::vector<Feed>> feeds_;  // null: it hears all that its audience hears, as with most
  std::unique_ptr<Subscriptions> subscriptions_;  // null: none, as with most
  const Form* form_ = nullptr;                    // form(), asked once
  std::uint32_t slot_ = 0;                        // place in its role's vector
  std::uint32_t rights_version_ = 0;
  bool attached_ = false;
  const bool is_client_;
  bool touched_ = false;                          // has been pushed to in this turn
  bool in_long_line_ = false;                     // that is where it waits
  boost::intrusive::list_member_hook<> waiting_;  // for its send, in one of the SendLines
  Outlet* outlet_ = nullptr;
  std::optional<Identity> identity_;
  ClientId client_id_;
  Member* same_user_next_ = nullptr;
  Member* same_user_previous_ = nullptr;
};

// In a walk along members or subscriptions: so far ahead of the one in hand memory is asked for.
inline constexpr std::size_t prefetch_ahead = 8;

}  // namespace corohub::hub
