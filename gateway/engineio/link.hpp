// One session of Engine.IO 4: what its listener sees, whether the client polls or has a WebSocket. It
// outlives requests. What nobody takes waits in the outboxes of its channels. On its home shard's thread
// only.
#pragma once

#include "core/close_reason.hpp"
#include "core/metrics.hpp"
#include "core/wheel.hpp"
#include "gateway/engineio/link_id.hpp"
#include "gateway/wire/inbound_budget.hpp"
#include "gateway/wire/place.hpp"
#include "gateway/wire/transport.hpp"
#include "gateway/wire/visit.hpp"
#include "hub/member.hpp"
#include "hub/outbox.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <boost/intrusive/list.hpp>

namespace corohub::gateway::engineio {

class Directory;
class Link;
class SocketLeg;

struct LinkSettings {
  std::chrono::milliseconds ping_interval{25'000};
  std::chrono::milliseconds ping_timeout{20'000};  // from a ping to its pong
  std::size_t payload_bytes_max = 65'536;          // of one POST, and of one message on a WebSocket
  hub::OutboxLimits outbox{};                      // of what a listener says itself
  InboundRates rates{};
};

// One of several outboxes that leave by a link in turn, see OutboxQueue. It belongs to the link as long as it
// exists; neither needs to outlive the other.
class Channel : public hub::Outlet, public boost::intrusive::list_base_hook<> {
 public:
  // The outbox outlives the channel.
  Channel(Link& link, hub::Outbox& outbox) noexcept;
  // A message that was begun leaves all the same; the rest is gone, unless hand_over() was called.
  virtual ~Channel();
  Channel(const Channel&) = delete;
  Channel& operator=(const Channel&) = delete;

  // What waits leaves with what the link says itself, in its order. The bytes of it; nothing: there is no
  // room, and nothing has changed.
  std::optional<std::size_t> hand_over() noexcept;

  // ---- hub::Outlet ----
  void flush() noexcept final;
  bool is_full() const noexcept final;
  std::size_t waiting_beside() const noexcept final;  // in what the link says itself

  // The client had not taken all that waited here, and now has.
  virtual void on_low_water() noexcept {}

 private:
  friend class Link;

  Link* link_;  // null: it is gone
  hub::Outbox& outbox_;
  bool ready_ = false;   // something waits that the link has not been asked to send
  bool waited_ = false;  // on_low_water() is due
};

// Whom a link carries for. The link keeps it until on_closed() has returned.
class Listener {
 public:
  virtual ~Listener() = default;

  // The open packet is on its way. First call.
  virtual void on_open(Link& link) = 0;
  // A whole message; text is valid UTF-8. The view ends with the call.
  virtual void on_message(MessageKind kind, std::string_view payload) = 0;
  // The client sends more than it may and is not read from for a moment. Once per episode.
  virtual void on_throttled() = 0;
  // The client has a WebSocket now: wrap() is another one, and what waits in each channel is wrapped anew.
  virtual void on_rewrapped() = 0;
  // Last call, in a turn of its own: the link is not to be touched any more.
  virtual void on_closed(CloseReason reason) noexcept = 0;
};

class Link final : public Timed, private OutboxQueue, public std::enable_shared_from_this<Link> {
 public:
  // How long a client has from its WebSocket to the end of its upgrade.
  static constexpr std::chrono::seconds upgrade_time_max{10};
  // What one client has done on two connections may come in the other order: a poll and the close packet
  // behind it, the end of a poll and the next poll.
  static constexpr std::chrono::milliseconds overtaking_max = Wheel::tick;
  // What a session has still to say when it ends is kept for so long for whoever asks: that it has ended, and
  // before that what is for this client alone, up to the first event. Events are not kept, as the client may
  // lose the right to them meanwhile; they are there when it comes back.
  static constexpr std::chrono::seconds kept_after_end{5};

  // The directory, which has the session under this id, outlives it. `limited`: by the inbound rates.
  Link(Directory& directory, const LinkId& id, std::shared_ptr<Listener> listener, bool limited);
  ~Link() override;

  // ---- for its listener ----
  bool polls() const noexcept { return leg_ == nullptr; }
  // How a message becomes its bytes: one of two Wraps of the whole process, see on_rewrapped(). Texts have no
  // record separator (U+001E) in them.
  const Wrap& wrap() const noexcept;
  // For what the listener says itself: push, then flush().
  hub::Outbox& own_outbox() noexcept { return own_outbox_; }
  void flush() noexcept { own_channel_.flush(); }
  // The end of our own will; the first reason counts. Nothing pushed afterwards is sent.
  void close(CloseReason reason, Drain drain) noexcept;
  // Nothing is read behind the message under way, so that the client is held back.
  void pause_reading() noexcept;
  void resume_reading() noexcept;
  // Until its listener knows who the client is, no message has more than small_message_bytes.
  void allow_large_messages() noexcept;
  bool is_open() const noexcept { return stage_ == Stage::open; }
  bool is_limited() const noexcept { return limited_; }

  // ---- for requests; each ticket is answered, now or later ----
  const LinkId& id() const noexcept { return id_; }
  const Place& place() const noexcept;
  // The first packet.
  std::string open_packet(bool may_upgrade) const;
  // Tells the listener.
  void open() noexcept;
  // Answered with a payload. `number` is the request's own.
  void poll(std::uint64_t number, Ticket ticket) noexcept;
  // The client of this poll has gone away: what it did not get waits for the next.
  void lose_poll(std::uint64_t number) noexcept;
  // Answered once all of it is heard.
  void send(std::string payload, Ticket ticket) noexcept;

  // ---- for its WebSocket ----
  // A session that begins with one. Before open().
  void begin_with(SocketLeg& leg) noexcept;
  // It does not begin at all.
  void give_up() noexcept;
  // A request for an upgrade: `done` if it may come, and then it is judged again.
  void enter(Ticket ticket) noexcept;
  // False: the session takes no upgrade now. It has its time from here on.
  bool may_probe(SocketLeg& leg) noexcept;
  // What a WebSocket has in hand while it carries nothing.
  hub::Outbox& empty_outbox() noexcept;
  // The client polls no more: what waits is answered, and no ping disturbs.
  void probe() noexcept;
  void lose_probe(const SocketLeg& leg) noexcept;  // if it is the one
  // The probe carries from here on.
  void upgrade() noexcept;
  void hear_socket(MessageKind kind, std::string_view payload);
  void throttle_socket() { listener_->on_throttled(); }
  void socket_took_all() noexcept { tell_low_water(); }
  void lose_socket(CloseReason reason) noexcept;

  // ---- Timed ----
  void on_due(SteadyTime now) noexcept override;

 private:
  friend class Channel;
  enum class Stage : std::uint8_t { opening, open, ended };
  struct Sending {
    std::string payload;
    std::size_t next = 0;  // where the next item begins
    Ticket ticket;
  };
  // What only a client needs that polls, or did so when its last POST came.
  struct Polling {
    Polling(const InboundRates& rates, SteadyTime now) noexcept : budget(rates, now) {}

    Ticket poll;
    std::uint64_t poll_number = 0;
    Ticket second;  // came while one waits, and is one too many unless that one's client is gone
    std::uint64_t second_number = 0;
    SteadyTime second_until = SteadyTime::max();
    std::optional<Sending> sending;
    InboundBudget budget;                        // a WebSocket has its own
    SteadyTime probe_until = SteadyTime::max();  // the end of an upgrade that takes too long
    std::uint8_t young_turns = 0;  // in which a poll waits for what its client has said on its WebSocket
    std::uint8_t noops = 0;        // said to polls of this upgrade that cost their address nothing
    bool ping_waits = false;       // for a poll
    // Of an ended session, for the next poll.
    std::optional<std::string> words;
    std::size_t words_bytes = 0;  // as the directory counts them
    SteadyTime words_until{};
  };

  // ---- what waits ----
  void flush(Channel& channel) noexcept;
  bool is_full(const Channel& channel) const noexcept;
  void leave(Channel& channel) noexcept;
  hub::Outbox* next_outbox(const hub::Outbox& in_hand) noexcept override;
  std::string waiting_payload() const;
  void consume_all() noexcept;
  void deliver() noexcept;
  void note_waiting() noexcept;
  void tell_low_water() noexcept;
  void say_noop() noexcept;
  void refuse_polls() noexcept;
  void begin_poll() noexcept;
  void take_second() noexcept;

  // ---- what the client says ----
  bool is_sending() const noexcept { return polling_ && polling_->sending; }
  bool may_hear() const noexcept;
  void hear() noexcept;
  void hear_item(std::string_view item) noexcept;
  void hear_packet(std::string_view text);
  void hear_message(MessageKind kind, std::string_view payload);
  void hear_pong() noexcept;
  void finish_sending(Reply::Kind kind) noexcept;
  void leave_polling() noexcept;
  void hold_socket() noexcept;

  // ---- the end ----
  void end(CloseReason reason, Drain drain, std::string_view last_packet,
           std::chrono::milliseconds kept) noexcept;
  void end_polling(std::string words, std::chrono::milliseconds kept) noexcept;
  void break_off() noexcept;
  void end_by_client() noexcept;
  void tell_end() noexcept;
  void drop_words() noexcept;
  void forget() noexcept;

  void count_as(metrics::Gauge* sessions) noexcept;

  // ---- turns of its own, and time ----
  void settle_later() noexcept;
  void settle() noexcept;
  SteadyTime now() const noexcept;
  SteadyTime next_due() const noexcept;
  void arm() noexcept;
  void pay(SteadyTime now) noexcept;
  void look_at_heartbeat(SteadyTime now) noexcept;
  void begin_heartbeat(SteadyTime from) noexcept;
  void send_ping(SteadyTime now) noexcept;

  Directory& directory_;
  const LinkId id_;
  std::shared_ptr<Listener> listener_;  // until it was told of the end
  boost::intrusive::list<Channel, boost::intrusive::constant_time_size<false>>
      channels_;  // those ready in their order
  hub::Outbox own_outbox_;
  Channel own_channel_{*this, own_outbox_};

  std::unique_ptr<Polling> polling_;  // null: it does not poll any more, or has never done
  SocketLeg* leg_ = nullptr;          // what carries; null: the client polls
  SocketLeg* probe_ = nullptr;        // what may carry soon

  SteadyTime ping_due_ = SteadyTime::max();
  SteadyTime pong_due_ = SteadyTime::max();  // of a ping that was sent
  metrics::Gauge* counted_ = nullptr;        // among those whose carrier is the same
  const bool limited_;
  Stage stage_ = Stage::opening;
  CloseReason reason_ = CloseReason::peer_gone;
  bool probing_ = false;  // the client has asked for the upgrade
  bool large_ = false;
  bool paused_ = false;  // by the listener
  bool busy_ = false;    // the listener is called
  bool opened_ = false;  // the listener knows of the link
  bool settles_ = false;
  bool settles_by_wheel_ = false;  // there was no memory to do it sooner
  bool forgotten_ = false;         // leaves the directory in its next turn
};

}  // namespace corohub::gateway::engineio
