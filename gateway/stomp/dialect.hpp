// STOMP 1.0, 1.1 and 1.2 as a dialect of a session: one for each connection, because versions, subscriptions,
// transactions and frames that came in pieces are the connection's. Used on its session's shard only.
#pragma once

#include "core/token_bucket.hpp"
#include "core/wheel.hpp"
#include "gateway/session/dialect.hpp"
#include "gateway/stomp/body.hpp"
#include "gateway/stomp/destinations.hpp"
#include "gateway/stomp/frame.hpp"
#include "gateway/stomp/heartbeat.hpp"
#include "gateway/stomp/request.hpp"
#include "gateway/stomp/settings.hpp"
#include "gateway/stomp/subscriptions.hpp"
#include "gateway/stomp/transactions.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace corohub::gateway::stomp {

class StompDialect final : public Dialect, private Timed {
 public:
  // For a client to send the rest of a frame (T56).
  static constexpr std::chrono::seconds frame_time_max{10};
  // So long a client is not read from that subscribes faster than it may (T59), or sends frames faster.
  static constexpr std::chrono::milliseconds pause{500};
  // A client that sends frames faster than it may is closed if it has not caught up by then (T58).
  static constexpr std::chrono::seconds patience{5};
  // Of a client that has not said who it is (T14).
  static constexpr std::uint32_t unidentified_frames_max = 8;
  // So long at most a carrier does not read from a client that sends faster than it may (T58).
  static constexpr std::chrono::seconds throttled_time_max{5};

  // Lives until it is released. `settings` outlives it.
  static StompDialect& make(const Settings& settings) { return *new StompDialect(settings); }

  // ---- Dialect ----
  void open(const Wrap& wrap) override { choose_form(wrap); }
  const hub::Form& form(const Wrap&) const noexcept override { return *form_; }
  bool is_heartbeat(std::string_view payload) const noexcept override;
  void read(Session& session, MessageKind kind, std::string_view payload) override;
  void answer(Session& session, const RequestId& id, const Outcome& outcome) override;
  void tell(Session& session, const Notice& notice) override;
  std::string farewell(Session& session, CloseReason reason) override;
  hub::FrameRef own_frame(Session& session, const hub::Event& event, const hub::Interest& interest) override;
  bool hears_unasked() const noexcept override { return false; }
  void release() noexcept override { delete this; }

 private:
  enum class Stage : std::uint8_t {
    expects_connect,
    judging,  // a credential; what else has come waits
    connected,
    leaving,  // DISCONNECT has come; what was asked before is still answered
    ended,
  };
  // A frame that waits until its credential is judged or the client has been quiet for a moment, and what
  // came behind it.
  struct Waiting {
    ClientFrame frame;
    std::string body;
    std::string rest;
  };

  explicit StompDialect(const Settings& settings) noexcept
      : settings_(settings), parser_(settings.message_bytes_max) {}
  ~StompDialect() override = default;

  void choose_form(const Wrap& wrap);

  // ---- frames of the client ----
  void read_frames(std::string_view bytes);
  void act_on(const ClientFrame& frame);
  void connect(const ClientFrame& frame);
  void subscribe(const ClientFrame& frame);
  void unsubscribe(const ClientFrame& frame);
  void send(const ClientFrame& frame);
  void publish(const ClientFrame& frame, std::string_view topic);
  void do_task(const ClientFrame& frame, std::string_view name);
  // /app/subscribe and /app/unsubscribe: what a SUBSCRIBE of these flags would be told.
  void ask_about_flags(const ClientFrame& frame, std::string_view task);
  void acknowledge(const ClientFrame& frame);
  void begin(const ClientFrame& frame);
  void commit(const ClientFrame& frame);
  void abort(const ClientFrame& frame);
  void disconnect(const ClientFrame& frame);
  // Whether the frame brings a credential that is to be judged before anything is done.
  bool waits_for_credential(const ClientFrame& frame);
  void keep_waiting(const ClientFrame& frame);
  void go_on();
  // Whether the client changes its subscriptions faster than a session may. It can't be told so but by an
  // ERROR, which ends the connection, so the frame waits.
  bool is_held_back(const ClientFrame& frame);
  bool sends_too_fast();
  bool is_stranger_that_says_too_much() noexcept;
  // The client is known, or is a guest from here on and may ask for this as one. unauthorized; rate_limited
  // or overloaded: there are too many guests.
  Result<> may_ask(bool is_for_guests);
  // Whoever asked for flags is told at the place where it listens, and goes on.
  void refuse_subscribe(const ClientFrame& frame, const Refusal& refusal);
  bool has_room_for(const Destination& place);
  void hold_back(const ClientFrame& frame);
  void hold_back_sender(const ClientFrame& frame);
  void ask(const Request& request, Command command);

  // ---- what the server says ----
  void welcome();
  void refused(const Request& request, const Refusal& refusal);
  void done(const Request& request, const Outcome& outcome);
  void subscribed(const Request& request, const Subscribed& outcome);
  void say_receipt(std::string_view receipt);
  // To each subscription to this connection's own queue. A header without a value is left out.
  using AnswerHeaders = std::initializer_list<std::pair<std::string_view, std::string_view>>;
  void say_to_listeners(AnswerHeaders headers, std::string_view body,
                        const hub::Audience& readers = hub::Audience::one_connection());
  // There, too. `about`: what the status is of.
  void say_status(std::string_view status, std::string_view message, const Subscription* about = nullptr);
  void say_status(AnswerHeaders headers, std::string_view message);
  void say_refusal(const Refusal& refusal, std::string_view correlation = {});
  void tell_gap(const Gap& gap);
  void tell_revoked(const Revoked& revoked);
  void say_when_it_expires(UnixMs when);
  // The last frame of a connection that can't go on.
  void fail(const Refusal& refusal, std::string_view receipt = {});
  void fail(const ClientFrame& frame, std::string_view code, std::string message);
  void end(const Refusal& refusal, std::string_view receipt, CloseReason reason);
  void leave();

  // ---- Timed: heart-beats, and frames that do not end ----
  void on_due(SteadyTime now) noexcept override;
  void arm();
  void say_that_it_is_there(SteadyTime now);
  void end_pause();
  SteadyTime now() const noexcept;

  const Settings& settings_;
  Session* session_ = nullptr;  // from its first message on
  Parser parser_;
  Subscriptions subscriptions_;
  Heartbeat heartbeat_;
  SteadyTime frame_due_ = SteadyTime::max();
  SteadyTime pause_ends_ = SteadyTime::max();
  SteadyTime behind_since_ = SteadyTime::max();  // it sends frames faster than it may, and has not caught up
  const hub::Form* form_ = nullptr;              // from open() on
  std::unique_ptr<TokenBucket> frames_left_;     // these when they are needed
  std::unique_ptr<Transactions> transactions_;
  std::unique_ptr<Waiting> waiting_;
  std::string receipt_of_disconnect_;
  std::string last_words_;
  std::size_t last_token_ = 0;  // a hash: clients send the same one with each frame
  std::size_t under_way_ = 0;   // asked, and not answered
  std::uint32_t frames_of_stranger_ = 0;
  Version version_ = Version::v1_2;
  Stage stage_ = Stage::expects_connect;
};

}  // namespace corohub::gateway::stomp
