// One client's conversation: who he is, what he asks, when his token ends. It joins a transport with the hub.
// Used on its shard's thread only.
#pragma once

#include "auth/authenticator.hpp"
#include "core/close_reason.hpp"
#include "core/metrics.hpp"
#include "core/wheel.hpp"
#include "gateway/protocols/native_json.hpp"
#include "gateway/session_publishing.hpp"
#include "gateway/transport.hpp"
#include "hub/member.hpp"
#include "hub/replay.hpp"
#include "hub/roster.hpp"
#include "hub/shard.hpp"
#include "storage/reader_pool.hpp"

#include <array>
#include <chrono>
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
  SessionMetrics metrics;
};

// Where a session lives; all of it outlives it.
struct SessionPlace {
  hub::Shard& shard;
  auth::Authenticator& authenticator;
  storage::ReaderPool& readers;
  const SessionSettings& settings;
  Publishing& publishing;
};

// Which events a client wants to begin with, and what the log was when it asked.
struct Beginning {
  std::optional<Position> since;   // nothing: what comes
  std::vector<std::string> types;  // patterns; empty: all
  Seq committed = 0;               // the log's newest
  Seq floor = 0;                   // events up to here are gone
};

class Session final : public hub::Member,
                      public TransportListener,
                      public Timed,
                      private hub::ReplayOwner,
                      public std::enable_shared_from_this<Session> {
 public:
  static constexpr std::chrono::seconds expiry_notice{60};

  // `principal` has been judged in this same turn; null: his login died during the upgrade, so the session
  // closes as soon as it opens.
  Session(const SessionPlace& place, const auth::Principal* principal, hub::Roster::Admission admission,
          const boost::asio::ip::address& address, Beginning beginning);

  // ---- hub::Member ----
  hub::WireFormat format() const noexcept override { return transport_->format(); }
  void flush() noexcept override;
  void close(CloseReason reason) noexcept override;
  void role_changed() noexcept override;
  void subscription_lost(const hub::Subscription& subscription) noexcept override;
  hub::MemberInfo info() const override;

  // ---- TransportListener ----
  void on_open(Transport& transport) override;
  void on_message(MessageKind kind, std::string_view payload) override;
  void on_throttled() override;
  void on_low_water() override { advance_replays(); }
  void on_closed(CloseReason reason) noexcept override;

  // ---- for its parts ----
  const SessionPlace& place() const noexcept { return place_; }
  bool ended() noexcept { return outbox().closed(); }
  void reply_raw(const native_json::RequestId& id, std::string_view data);  // JSON text
  void refuse(const native_json::RequestId& id, const native_json::Refusal& refusal);

  // ---- Timed: the end of the token ----
  void on_due(SteadyTime now) noexcept override;

 private:
  // What the log cannot give: the events between two positions.
  struct Gap {
    Seq from;
    Seq to;
    std::string_view reason;
  };
  std::optional<Gap> gap_at_beginning(const Beginning& beginning) const;
  void begin(const Beginning& beginning);
  void welcome(Seq position, bool recovered);
  void push_gap(const Gap& gap);
  // `position`: what an event stream gives it as its id.
  void push_event(std::string type, const json::object& data, std::optional<Seq> position = {});
  void push_text(std::string_view text);

  void answer(const native_json::RequestId& id, const native_json::Refusal& refusal);
  void answer(const native_json::RequestId& id, const native_json::Ping&);
  void answer(const native_json::RequestId& id, const native_json::AuthRefresh& refresh);
  void answer(const native_json::RequestId& id, native_json::Publish& asked);
  void answer(const native_json::RequestId& id, native_json::HistoryQuery& asked);
  // ---- hub::ReplayOwner ----
  void read_page(const hub::Replay& replay, hub::ReadPermits::Permit permit,
                 hub::PageWish wish) noexcept override;
  void replay_gap(const hub::Replay&, Seq from, Seq to) override { push_gap({from, to, "expired"}); }
  void replay_too_long() noexcept override { end(CloseReason::overloaded); }
  Task<> read_page_of(std::shared_ptr<Session> self, std::weak_ptr<hub::Replay> asking,
                      hub::ReadPermits::Permit permit, hub::PageWish wish);
  void advance_replays();
  void end(CloseReason reason) noexcept;

  Task<> refresh(std::shared_ptr<Session> self, native_json::RequestId id, std::string token);

  SessionPublishing& publishing();

  void expire_at(std::int64_t seconds);
  void notice_expiry();
  void enter_counts();
  void leave_counts() noexcept;

  SessionPlace place_;
  Transport* transport_ = nullptr;
  hub::Roster::Admission admission_;
  boost::asio::ip::address address_;
  UnixMs connected_at_;
  std::int64_t token_expires_at_;                      // seconds since 1970
  std::unique_ptr<Beginning> beginning_;               // until it is open
  std::vector<std::shared_ptr<hub::Replay>> replays_;  // until they are live
  std::unique_ptr<SessionPublishing> publishing_;      // when it is needed
  SteadyTime token_ends_{};                            // the same moment; the wall clock may be set meanwhile
  Role counted_role_ = Role::user;
  bool counted_ = false;
  bool refused_;
  bool expiry_noticed_ = false;
  bool refreshing_ = false;
};

}  // namespace corohub::gateway
