// One client's conversation: who he is, what he asks, when his token ends. It joins a transport with the hub.
// Used on its shard's thread only.
#pragma once

#include "auth/authenticator.hpp"
#include "core/close_reason.hpp"
#include "core/metrics.hpp"
#include "core/wheel.hpp"
#include "gateway/native/native_json.hpp"
#include "gateway/session/event_query.hpp"
#include "gateway/session/presence_desk.hpp"
#include "gateway/session/session_publishing.hpp"
#include "gateway/session/session_replay.hpp"
#include "gateway/session/session_topics.hpp"
#include "gateway/session/session_typing.hpp"
#include "gateway/session/under_way.hpp"
#include "gateway/wire/transport.hpp"
#include "hub/member.hpp"
#include "hub/roster.hpp"
#include "hub/shard.hpp"
#include "storage/reader_pool.hpp"

#include <array>
#include <chrono>
#include <cstddef>
#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <boost/asio/ip/address.hpp>

namespace corohub::gateway {

// References into the registry, looked up once.
struct SessionMetrics {
  SessionMetrics();

  std::array<metrics::Gauge*, role_count> connections{};
  std::array<metrics::Counter*, close_reason_count> closes{};
  metrics::Counter& resumed;
  metrics::Counter& gaps;
  metrics::Counter& messages;
};

// The same for all sessions of a gateway.
struct SessionSettings {
  std::chrono::seconds ping_interval{54};
  hub::OutboxLimits outbox;
  std::string epoch;
  const hub::TopicRules& rules;
  SessionMetrics metrics;
};

// Where a session lives; all of it outlives it.
struct SessionPlace {
  hub::Shard& shard;
  auth::Authenticator& authenticator;
  storage::ReaderPool& readers;
  const SessionSettings& settings;
  Publishing& publishing;
  PresenceDesk& presence;
};

// Which events a client wants to begin with, and what the log was when it asked.
struct Beginning {
  EventQuery events;                   // without since: what comes
  Seq committed = 0;                   // the log's newest
  Seq floor = 0;                       // events up to here are gone
  std::vector<Seq> topic_floors;       // the same for each topic, if there is a since
  bool exempt = false;                 // from the limits of rates
  std::optional<hub::Identity> who{};  // whose session it is to be; nothing: nobody's, it is refused
};

// A code of the client protocol that is no ErrorCode.
inline constexpr std::string_view not_subscribed = "not_subscribed";

class Session final : public hub::Member,
                      public TransportListener,
                      public Timed,
                      public std::enable_shared_from_this<Session> {
 public:
  static constexpr std::chrono::seconds expiry_notice{60};

  // `principal` has been judged in this same turn; null: his login died during the upgrade, so the session is
  // nobody's, is never attached, and closes as soon as it opens.
  Session(const SessionPlace& place, const auth::Principal* principal, hub::Roster::Admission admission,
          const boost::asio::ip::address& address, Beginning beginning);

  // ---- hub::Member ----
  const hub::Form& form() const noexcept override;
  void close(CloseReason reason) noexcept override;
  void role_changed() noexcept override;
  void subscription_lost(const hub::Subscription& subscription) noexcept override;
  hub::MemberInfo info() const override;

  // ---- TransportListener ----
  void on_open(Transport& transport) override;
  void on_message(MessageKind kind, std::string_view payload) override;
  void on_throttled() override;
  void on_low_water() override;
  void on_closed(CloseReason reason) noexcept override;
  std::string position_text() const override;

  // ---- for its parts ----
  const SessionPlace& place() const noexcept { return place_; }
  bool exempt() const noexcept { return exempt_; }
  bool ended() noexcept { return outbox().closed(); }
  SessionReplay& replay();
  SessionTopics& topics();
  bool catches_up() const noexcept { return replay_ && replay_->is_under_way(); }
  // What it is to have up to here has been queued, and nothing durable after it: where a client goes on that
  // has read all of that.
  Seq position() const noexcept { return replay_ ? replay_->position() : place_.shard.had(*this); }
  // Why the log does not reach to `since`; `committed`: its newest. Nothing if all may be there.
  std::optional<SessionReplay::Gap> gap_before(const Position& since, Seq committed) const;
  // Starts what answers this request later. If that fails, or has no memory, the client is told all the same.
  void answer_later(const native_json::RequestId& id, Task<> work);
  // `position`: what an event stream gives it as its id.
  void push_event(std::string type, const json::object& data, std::optional<Seq> position = {});
  void reply(const native_json::RequestId& id, const json::value& data);
  // JSON text. `readers`: who may still have it when it leaves; an answer may be lost with a right.
  void reply_raw(const native_json::RequestId& id, std::string_view data,
                 const hub::Audience& readers = hub::Audience::one_connection());
  void refuse(const native_json::RequestId& id, const native_json::Refusal& refusal);
  // He has done something else in this topic.
  void stop_typing(std::string_view topic) noexcept;
  void end(CloseReason reason) noexcept;

  // ---- Timed: the end of the token ----
  void on_due(SteadyTime now) noexcept override;

 private:
  void begin(const Beginning& beginning);
  void follow(const Beginning& beginning);
  void fail(const native_json::RequestId& id, const std::exception_ptr& failure) noexcept;
  void welcome(Seq position, bool recovered);
  void push_text(std::string_view text, const hub::Audience& readers = hub::Audience::one_connection());

  void answer(const native_json::RequestId& id, const native_json::Refusal& refusal);
  void answer(const native_json::RequestId& id, const native_json::Ping&);
  void answer(const native_json::RequestId& id, const native_json::AuthRefresh& refresh);
  void answer(const native_json::RequestId& id, const native_json::Subscribe& asked);
  void answer(const native_json::RequestId& id, const native_json::Unsubscribe& asked);
  void answer(const native_json::RequestId& id, native_json::Publish& asked);
  void answer(const native_json::RequestId& id, native_json::HistoryQuery& asked);
  void answer(const native_json::RequestId& id, const native_json::PresenceQuery& asked);
  void answer(const native_json::RequestId& id, const native_json::Typing& asked);
  Task<> refresh(UnderWay counted, native_json::RequestId id, std::string token);

  SessionPublishing& publishing();
  SessionTyping& typing();

  void expire_at(std::int64_t seconds);
  void notice_expiry();
  void enter_counts();
  void leave_counts() noexcept;

  SessionPlace place_;
  Transport* transport_ = nullptr;
  hub::Roster::Admission admission_;
  boost::asio::ip::address address_;
  UnixMs connected_at_;
  std::int64_t token_expires_at_;          // seconds since 1970
  std::unique_ptr<Beginning> beginning_;   // until it is open
  std::unique_ptr<SessionReplay> replay_;  // these when they are needed
  std::unique_ptr<SessionTopics> topics_;
  std::unique_ptr<SessionPublishing> publishing_;
  std::unique_ptr<SessionTyping> typing_;
  hub::Presence::Place online_;
  SteadyTime token_ends_{};    // the same moment; the wall clock may be set meanwhile
  std::size_t refreshes_ = 0;  // under way
  Role counted_role_{};        // while it is counted
  bool counted_ = false;
  bool expiry_noticed_ = false;
  bool exempt_;
};

}  // namespace corohub::gateway
