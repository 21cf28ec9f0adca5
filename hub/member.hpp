// One connection as its shard sees it: who it is, what waits for it, and how to make it leave. The hub knows
// members, never sockets or formats. Used on the shard's thread only.
#pragma once

#include "core/close_reason.hpp"
#include "core/wheel.hpp"
#include "hub/event.hpp"
#include "hub/form.hpp"
#include "hub/outbox.hpp"
#include "hub/topic.hpp"
#include "hub/type_filter.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
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

  virtual const Form& form() const noexcept = 0;  // the same as long as it is attached
  // What waits leaves first (for at most a second; not for slow_consumer), then the close frame. The outbox
  // is closed already. The member detaches itself once it has ended, never inside this call.
  virtual void close(CloseReason reason) noexcept = 0;
  // The user's role is another one from here on (counts, and later subscriptions); identity() has it already.
  virtual void role_changed() noexcept = 0;
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

  // Only events of these types, whatever its rights; an empty list: all. Before it is attached. What is
  // queued by hand is not asked.
  void set_types(std::vector<std::string> patterns) {
    types_ =
        patterns.empty() ? nullptr : std::make_unique<const std::vector<std::string>>(std::move(patterns));
  }
  void set_filter(EventFilterRef filter) { set_types(filter->types()); }
  EventFilterRef filter() const { return nullptr; }
  void listen_only_when_asked() {}
  std::size_t feed_count() const { return 0; }
  Interest* feed(std::uint32_t) const { return nullptr; }
  virtual FrameRef own_frame(const Event&, const Interest&) { return nullptr; }
  Interest* interest(std::uint32_t number) const {
    for (const auto& one : subscriptions())
      if (one->number == number) return one.get();
    return nullptr;
  }
  std::vector<std::string> types() const { return types_ ? *types_ : std::vector<std::string>(); }
  bool wants(const Event& event) const noexcept {
    return types_ == nullptr || matches_types(event.type(), *types_);
  }
  // By its rights of now, and wanted. Events of topics are for subscriptions to judge.
  bool may_see(const Event& event) const noexcept {
    return event.topic().empty() && event.audience().includes(*identity_) && wants(event);
  }

  // Null: it is not subscribed.
  Subscription* subscription(std::string_view topic, std::uint32_t = 0) const noexcept;
  std::size_t subscription_count() const noexcept { return subscriptions_ ? subscriptions_->size() : 0; }
  const std::vector<std::unique_ptr<Subscription>>& subscriptions() const noexcept;

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
  Seq skip_ = 0;                                           // durable events up to here are not for it
  std::unique_ptr<const std::vector<std::string>> types_;  // null: all
  std::unique_ptr<Subscriptions> subscriptions_;           // null: none, as with most
  const Form* form_ = nullptr;                             // form(), asked once
  std::uint32_t slot_ = 0;                                 // place in its role's vector
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
