// One client's conversation, whatever its protocol and its carrier: who the client is, what it asks, what it
// missed, when its login ends. A session joins a transport, a dialect and the hub. Used on its shard's thread
// only.
#pragma once

#include "auth/principal.hpp"
#include "core/close_reason.hpp"
#include "core/task.hpp"
#include "core/wheel.hpp"
#include "gateway/session/command.hpp"
#include "gateway/session/credential.hpp"
#include "gateway/session/desk.hpp"
#include "gateway/session/dialect.hpp"
#include "gateway/session/entrant.hpp"
#include "gateway/session/event_query.hpp"
#include "gateway/session/session_publishing.hpp"
#include "gateway/session/session_replay.hpp"
#include "gateway/session/session_topics.hpp"
#include "gateway/session/session_typing.hpp"
#include "gateway/session/under_way.hpp"
#include "gateway/wire/transport.hpp"
#include "hub/member.hpp"
#include "hub/roster.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <boost/asio/ip/address.hpp>

namespace corohub::gateway {

// Which events a client wants to begin with, and what the log was when it asked.
struct Beginning {
  EventQuery events{};              // without since: what comes
  Seq committed = 0;                // the log's newest
  Seq floor = 0;                    // events up to here are gone
  std::vector<Seq> topic_floors{};  // the same for each topic, if there is a since
};

// A client that opens a connection, as far as it is known by then.
struct Arrival {
  hub::Roster::Admission admission;
  boost::asio::ip::address address;
  bool exempt = false;  // from the limits of rates
  // Judged in this same turn; nothing: see `may_identify`.
  std::optional<Entrant> entrant{};
  // Without one: the client says who it is in its own protocol. False: its login died during the
  // upgrade, and the session closes as soon as it opens.
  bool may_identify = false;
  Beginning beginning{};
};

// A code of the client protocol that is no ErrorCode.
inline constexpr std::string_view not_subscribed = "not_subscribed";

class Session final : public hub::Member,
                      public TransportListener,
                      public Timed,
                      private Outsider,
                      public std::enable_shared_from_this<Session> {
 public:
  static constexpr std::chrono::seconds expiry_notice{60};
  // How long a client has to say who it is, and how much it may say before (T14).
  static constexpr std::chrono::seconds identify_time_max{10};
  static constexpr std::size_t unidentified_bytes_max = 65'536;

  // `dialect` is released when the session dies.
  Session(const Desk& desk, Dialect& dialect, Arrival arrival);
  ~Session() override;

  // ---- for its dialect ----
  const Desk& desk() const noexcept { return desk_; }
  // Answered once by Dialect::answer(), now or later, unless the session ends before.
  void ask(const RequestId& id, Command command);
  // Says who the client is; nothing is read from it until that is judged. Answered with Authenticated or a
  // Refusal. One that is identified already gets a new end of the same login, as by AuthRefresh.
  void authenticate(const RequestId& id, Credential credential);
  // The client says nothing of itself: it is a guest from here on, who may follow flags of public namespaces
  // and hear how the server is. unauthorized: no namespace is public, or it is known already. rate_limited,
  // overloaded: too many guests come, or are here.
  Result<> enter_as_guest();
  // A whole message of the protocol. `readers`: who may still have it when it leaves.
  void push_text(std::string_view text, const hub::Audience& readers = hub::Audience::one_connection(),
                 MessageKind kind = MessageKind::text);
  void push_frame(const hub::FrameRef& frame);
  // Asks for the end: what waits leaves first, unless the reason says that it must not.
  void close(CloseReason reason) noexcept override;
  bool is_closing() const noexcept { return outbox().closed(); }
  // Null before it is open and after its end.
  Transport* transport() const noexcept { return transport_; }
  const boost::asio::ip::address& address() const noexcept { return address_; }
  bool exempt() const noexcept { return exempt_; }

  // The end of the token, once the notice of it has been told.
  std::optional<UnixMs> expires_soon() const noexcept {
    return expiry_noticed_ ? std::optional(token_expires_at_ * 1000) : std::nullopt;
  }

  // ---- for its parts ----
  void answer(const RequestId& id, const Outcome& outcome);
  // Whether so large an answer does not crowd out what waits for the client.
  bool has_room_for(std::size_t answer_bytes);
  void tell(const Notice& notice) { dialect_.tell(*this, notice); }
  bool hears_unasked() const noexcept { return dialect_.hears_unasked(); }
  void note_caught_up() noexcept { dialect_.caught_up(*this); }
  SessionReplay& replay();
  SessionTopics& topics();
  bool catches_up() const noexcept { return replay_ && replay_->is_under_way(); }
  // What the client is to have up to here has been queued, and nothing durable after it: where it goes on
  // once it has read all of that.
  Seq position() const noexcept { return replay_ ? replay_->position() : desk_.shard.had(*this); }
  // Why the log does not reach to `since`; `committed`: its newest. Nothing if all may be there.
  std::optional<Gap> gap_before(const Position& since, Seq committed) const;
  // Starts what answers this request later. If that fails, or has no memory, the client is told all the same.
  void answer_later(const RequestId& id, Task<> work);
  // A subscription to this topic, whatever its label, other than `but`; null: there is none.
  const hub::Subscription* subscription_to(std::string_view topic,
                                           const hub::Interest* but = nullptr) const noexcept;
  // The user has done something else in this topic.
  void stop_typing(std::string_view topic) noexcept;

  // ---- hub::Member ----
  const hub::Form& form() const noexcept override { return dialect_.form(transport_->wrap()); }
  hub::FrameRef own_frame(const hub::Event& event, const hub::Interest& interest) override;
  void role_changed() noexcept override;
  void subscription_lost(const hub::Subscription& subscription) noexcept override;
  hub::MemberInfo info() const override;

  // ---- TransportListener ----
  void on_open(Transport& transport) override;
  void on_message(MessageKind kind, std::string_view payload) override;
  bool is_heartbeat(std::string_view payload) const noexcept override {
    return dialect_.is_heartbeat(payload);
  }
  void on_throttled() override { tell(Throttled{}); }
  void on_low_water() override;
  std::string farewell(CloseReason reason) override { return dialect_.farewell(*this, reason); }
  void on_closed(CloseReason reason) noexcept override;
  std::string position_text() const override;

  // ---- Timed: the end of the token, or of the time to say who it is ----
  void on_due(SteadyTime now) noexcept override;

 private:
  enum class Stage : std::uint8_t { not_open, unidentified, live, ended };
  // A client that has not entered yet: its connection is not open, or it has not said who it is.
  struct Stranger {
    Arrival arrival;
    std::size_t bytes = 0;  // said so far
  };

  // ---- who it is ----
  void wait_for_identity();
  void enter(const Entrant& entrant, const Beginning& beginning);
  void begin(const Beginning& beginning);
  void follow(const Beginning& beginning);
  bool says_too_much(std::size_t bytes) noexcept;
  Task<> identify(UnderWay counted, RequestId id, Credential credential);
  Task<Result<Entrant>> prove(Credential credential);
  void admit(const RequestId& id, const Result<Entrant>& entrant);
  void refresh_key(const RequestId& id, const Result<Entrant>& fresh);
  void end_password_login() noexcept;
  Task<> refresh(UnderWay counted, RequestId id, std::string token);
  void send_away() noexcept override;

  // ---- what it is asked ----
  void carry_out(const RequestId& id, Refusal& refusal) { answer(id, refusal); }
  void carry_out(const RequestId& id, Ping&) { answer(id, Pong{position()}); }
  void carry_out(const RequestId& id, AuthRefresh& refresh);
  void carry_out(const RequestId& id, Subscribe& asked) { topics().subscribe(id, std::move(asked)); }
  void carry_out(const RequestId& id, Unsubscribe& asked) { topics().unsubscribe(id, asked); }
  void carry_out(const RequestId& id, Publish& asked) { publishing().publish(id, std::move(asked)); }
  void carry_out(const RequestId& id, PublishAll& asked) { publishing().publish_all(id, std::move(asked)); }
  void carry_out(const RequestId& id, HistoryQuery& asked) { publishing().history(id, std::move(asked)); }
  void carry_out(const RequestId& id, PresenceQuery& asked);
  void carry_out(const RequestId& id, SetTyping& asked) { typing().ask(id, asked); }
  bool may_ask(const Command& command) const noexcept;
  void carry_out(const RequestId& id, WatchFlags& asked) { desk_.flag_watching.watch(*this, id, asked); }
  void carry_out(const RequestId& id, UnwatchFlags&) { desk_.flag_watching.unwatch(*this, id); }
  void fail(const RequestId& id, const std::exception_ptr& failure) noexcept;

  SessionPublishing& publishing();
  SessionTyping& typing();

  // ---- its time, and what is counted ----
  void expire_at(std::int64_t seconds);
  CloseReason reason_of_expiry() const noexcept;
  void enter_counts();
  void leave_counts() noexcept;

  const Desk& desk_;
  Dialect& dialect_;
  Transport* transport_ = nullptr;
  hub::Roster::Admission admission_;
  boost::asio::ip::address address_;
  // These small ones stand where the address leaves room.
  Role counted_role_{};  // while it is counted
  Stage stage_ = Stage::not_open;
  bool counted_ = false;
  bool expiry_noticed_ = false;
  UnixMs connected_at_;
  std::int64_t token_expires_at_ = 0;      // seconds since 1970; 0: never
  std::unique_ptr<Stranger> stranger_;     // until it is identified
  std::unique_ptr<SessionReplay> replay_;  // these when they are needed
  std::unique_ptr<SessionTopics> topics_;
  std::unique_ptr<SessionPublishing> publishing_;
  std::unique_ptr<SessionTyping> typing_;
  std::unique_ptr<const auth::Principal> password_login_;  // made for this connection
  hub::Presence::Place online_;
  SteadyTime due_{};  // the end of the token, whatever is done to the wall clock; of the time to identify
  std::uint32_t proofs_ = 0;  // credentials being judged
  bool exempt_;
};

}  // namespace corohub::gateway
