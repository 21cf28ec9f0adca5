// One connection as its shard sees it: whose it is, what waits for it, and how to make it leave. The hub
// knows members, never sockets or protocols. A member is used on its shard's thread only.
#pragma once

#include "core/close_reason.hpp"
#include "core/wheel.hpp"
#include "hub/event.hpp"
#include "hub/form.hpp"
#include "hub/outbox.hpp"
#include "hub/topic.hpp"

#include <cassert>
#include <cstddef>
#include <cstdint>
#include <memory>
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
  bool is_guest;
  std::string_view transport;  // "websocket"
  std::string ip;
  UnixMs connected_at;
  KeyHolderRef key{};  // of a client of feature flags or a service
};

// Where a member's outbox is emptied into.
class Outlet {
 public:
  // Sends all that waits, in one go. Never blocks, throws or re-enters the shard. The shard may call this
  // after Member::close(), too.
  virtual void flush() noexcept = 0;
  // The client has not taken all of an earlier send, so that what is queued now waits behind that.
  virtual bool is_full() const noexcept = 0;
  // What waits for the same client in an outbox that is no member's, in bytes: the member's end ends that,
  // too.
  virtual std::size_t waiting_beside() const noexcept { return 0; }

 protected:
  ~Outlet() = default;
};

class Member {
 public:
  // `is_client`: an event that was queued for this member has reached a client. False for a request that only
  // waits for a hint.
  Member(ClientId client, const OutboxLimits& limits, bool is_client = true) noexcept
      : outbox_(limits), is_client_(is_client), client_id_(client) {}
  virtual ~Member() = default;
  Member(const Member&) = delete;
  Member& operator=(const Member&) = delete;

  // In which form events leave; the same form as long as the member is attached, but for
  // Shard::form_changed().
  virtual const Form& form() const noexcept = 0;
  // Asks the member to end. What waits leaves first, for at most a second (not for slow_consumer), then the
  // last words of its protocol. The outbox is closed already. The member detaches itself once it has ended,
  // never inside this call.
  virtual void close(CloseReason reason) noexcept = 0;
  // The user has another role from here on; identity() says so already.
  virtual void role_changed() noexcept = 0;
  // The whole message of an event whose bytes are not shared (Form::encode answered null), for this interest.
  // Null: the event is not for this client. Changes no interest. Throws for memory, and then the member is
  // closed. Asked once for each time that the event leaves, and what it answers is queued next: a member of
  // which one event makes several messages pushes all but the last of them in this call. Who wants to know
  // only whether there is a message must not ask here.
  virtual FrameRef own_frame(const Event&, const Interest&) { return nullptr; }
  // The member's role may not subscribe to this topic any more; the subscription ends with this call.
  virtual void subscription_lost(const Subscription& subscription) noexcept = 0;
  virtual MemberInfo info() const = 0;

  // Whose connection this is. A member has an identity from Shard::attach() on; before that, do not ask.
  const Identity& identity() const noexcept {
    assert(is_identified_);
    return identity_;
  }
  bool is_identified() const noexcept { return is_identified_; }
  const ClientId& client_id() const noexcept { return client_id_; }
  Outbox& outbox() noexcept { return outbox_; }
  const Outbox& outbox() const noexcept { return outbox_; }
  // Nothing more is queued, and the member is asked to close. False: that has happened before.
  bool dismiss(CloseReason reason) noexcept;
  // A counter that rises with every change of what the member may see.
  std::uint32_t rights_version() const noexcept { return rights_version_; }

  // ---- events of its own audience ----
  // By default a member hears all that its audience hears. One of these two calls changes that, before the
  // member is attached.
  void set_filter(EventFilterRef filter);  // it hears only what the filter wants; null: all
  void listen_only_when_asked();           // it hears nothing until Shard::add_feed()
  bool hears_by_feeds() const noexcept { return feeds_ != nullptr; }
  // What set_filter() was given; null: nothing.
  EventFilterRef filter() const noexcept;
  // The feeds of a member that hears by feeds. Their addresses hold until a feed is added or removed.
  std::span<const Feed> feeds() const noexcept;
  std::size_t feed_count() const noexcept { return feeds().size(); }
  Feed* feed(std::uint32_t label) const noexcept;  // null: none

  // ---- topics ----
  // Null: the member has no such subscription.
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
  // Where the outbox is emptied into; the outlet lives as long as it is set. Null, as at the beginning: what
  // is pushed waits.
  void set_outlet(Outlet* outlet) noexcept { outlet_ = outlet; }

 private:
  friend class Shard;
  friend class MemberIndex;
  friend class TopicIndex;
  friend class SendLines;
  friend class Sending;
  using Subscriptions = std::vector<std::unique_ptr<Subscription>>;

  void flush() noexcept {
    if (outlet_ != nullptr) outlet_->flush();
  }
  // What is queued now leaves with the member's next send, as far as the outlet knows.
  bool is_idle() const noexcept { return outbox_.empty() || (outlet_ != nullptr && !outlet_->is_full()); }

  // Of all that waits for its client, in bytes.
  std::size_t backlog() const noexcept {
    const std::size_t beside = outlet_ != nullptr ? outlet_->waiting_beside() : 0;
    return outbox_.bytes() + outbox_.frames() * sizeof(FrameRef) + beside;
  }

  // These two bring into the processor's cache what a delivery touches of the member, and what a send reads.
  void prefetch() const noexcept { prefetch_lines(this, 128); }
  void prefetch_send() const noexcept {
    if (outlet_ != nullptr) prefetch_lines(outlet_, 256);
  }
  static void prefetch_lines(const void* begin, std::size_t size) noexcept {
    const char* const first = static_cast<const char*>(begin);
    for (std::size_t at = 0; at < size; at += 64) __builtin_prefetch(first + at);
    __builtin_prefetch(first + size - 1);  // `begin` need not be the beginning of a cache line
  }

  // What every delivery touches stands together, at the beginning.
  Outbox outbox_;
  Seq skip_ = 0;                              // without feeds: own durable events up to here are not for it
  std::unique_ptr<std::vector<Feed>> feeds_;  // null: it hears all that its audience hears, as with most
  std::unique_ptr<Subscriptions> subscriptions_;  // null: none, as with most
  const Form* form_ = nullptr;                    // form(), asked once
  std::uint32_t slot_ = 0;                        // place in its role's vector
  std::uint32_t rights_version_ = 0;
  bool attached_ = false;
  bool is_identified_ = false;
  const bool is_client_;
  bool touched_ = false;                          // something was queued for it in this turn
  bool in_long_line_ = false;                     // if it waits for its send, it does in the long line
  boost::intrusive::list_member_hook<> waiting_;  // in one of the SendLines
  Outlet* outlet_ = nullptr;
  Identity identity_{0, Role::user};  // without meaning until is_identified_
  ClientId client_id_;
  Member* same_user_next_ = nullptr;
  Member* same_user_previous_ = nullptr;
};

// A walk along members or subscriptions asks for the memory of the one so many places ahead.
inline constexpr std::size_t prefetch_ahead = 8;

}  // namespace corohub::hub
