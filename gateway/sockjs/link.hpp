// One session of SockJS over HTTP: the carrier that its listener sees. Requests come and go: one of them at a
// time receives, others send. What nobody takes waits in the listener's own outbox. A session without a
// receiver is gone after a while; one that has ended says so for as long to whoever asks. On its home shard's
// thread only.
#pragma once

#include "core/fixed_post.hpp"
#include "core/wheel.hpp"
#include "gateway/sockjs/stream.hpp"
#include "gateway/wire/inbound_budget.hpp"
#include "gateway/wire/place.hpp"
#include "gateway/wire/transport.hpp"
#include "gateway/wire/visit.hpp"
#include "hub/outbox.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace corohub::gateway::sockjs {

class Directory;

// Whose a session is: nobody else's requests belong to it.
struct Owner {
  std::int64_t user = 0;  // of the credential in the address of the request; 0: there was none
  std::string peer{};     // the client's address, as limits count it

  bool operator==(const Owner&) const = default;
};

struct LinkSettings {
  std::chrono::milliseconds heartbeat{25'000};
  std::chrono::milliseconds gone_after{5000};  // without a receiver; also what an ended session is kept for
  InboundRates rates;
};

// Whom a session carries for.
struct Listening {
  std::shared_ptr<TransportListener> listener;
  hub::Outbox* outbox = nullptr;  // the listener's
  bool limited = true;            // by the inbound rates
};

class Link final : public Transport,
                   public StreamUser,
                   public Timed,
                   public std::enable_shared_from_this<Link> {
 public:
  // Requests that wait to be heard, of one session; a client of ours sends one after the other.
  static constexpr std::size_t sends_waiting_max = 4;
  // Of messages in one frame of a stream.
  static constexpr std::size_t stream_frame_bytes = 65'536;

  // The directory, which has the session under this id, outlives it.
  Link(Directory& directory, std::string id, Owner owner, Listening listening);
  ~Link() override;

  const std::string& id() const noexcept { return id_; }
  const Owner& owner() const noexcept { return owner_; }
  // A request that would receive now is told something, but belongs to nothing that goes on.
  bool is_closed_to_receivers() const noexcept { return stage_ == Stage::ended || has_receiver(); }

  // ---- requests ----
  // Answered with one frame, now or later. `number` is the request's own.
  void poll(std::uint64_t number, Ticket ticket) noexcept;
  void stream(std::shared_ptr<Stream> stream) noexcept;
  // The client of this poll has gone away.
  void lose_poll(std::uint64_t number) noexcept;
  // Answered once all messages are heard.
  void send(std::vector<std::string> messages, Ticket ticket);

  // ---- Transport ----
  std::string_view name() const noexcept override { return "sockjs-http"; }
  const Wrap& wrap() const noexcept override;
  void flush() noexcept override;
  bool is_full() const noexcept override { return full_; }
  void close(CloseReason reason, Drain drain) noexcept override;
  void abort() noexcept override;
  void pause_reading() noexcept override { paused_ = true; }
  void resume_reading() noexcept override;

  // ---- StreamUser ----
  void on_stream_ready() noexcept override;
  void on_stream_lost(CloseReason reason) noexcept override;

  // ---- Timed ----
  void on_due(SteadyTime now) noexcept override;

 private:
  enum class Stage : std::uint8_t {
    opening,  // nobody has received anything
    open,
    ended,  // what is left to say is in words_
  };
  struct Sending {
    std::vector<std::string> messages;
    std::size_t next = 0;
    Ticket ticket;
  };

  bool has_receiver() const noexcept { return static_cast<bool>(poll_) || stream_ != nullptr; }
  void receiver_came();
  void receiver_left() noexcept;
  void lose_receiver(CloseReason reason) noexcept;
  void open();
  struct Batch {
    std::string frame;
    std::size_t bytes = 0;  // in the outbox
  };
  Batch next_batch(std::size_t bytes_max) const;
  void deliver() noexcept;
  void tell_low_water() noexcept;
  void end(CloseReason reason, std::string close_frame) noexcept;
  void say_last_words(bool late) noexcept;

  bool may_hear() const noexcept;
  void hear() noexcept;
  void hear_one(const std::string& message) noexcept;

  void settle_later() noexcept;
  void settle() noexcept;

  SteadyTime now() const noexcept;
  SteadyTime next_due() const noexcept;
  void arm() noexcept;
  void pay(SteadyTime now) noexcept;
  void say_heartbeat(SteadyTime now) noexcept;
  bool is_being_read() const noexcept;
  void forget() noexcept;

  Directory& directory_;
  const std::string id_;
  const Owner owner_;
  std::shared_ptr<TransportListener> listener_;  // until it was told of the end
  hub::Outbox* outbox_;

  Ticket poll_;
  std::uint64_t poll_number_ = 0;
  std::shared_ptr<Stream> stream_;
  std::weak_ptr<Stream> spent_stream_;  // the last one; its client may still be reading
  SteadyTime receiver_due_;             // a heartbeat with a receiver, the end without one
  bool full_ = false;                   // something waits that nobody could take

  std::vector<Sending> sends_;  // in their order
  InboundBudget budget_;
  const bool limited_;
  bool paused_ = false;  // by the listener
  bool busy_ = false;    // the listener is called

  Stage stage_ = Stage::opening;
  CloseReason reason_ = CloseReason::peer_gone;
  std::vector<std::string> words_;  // what an ended session says first, once
  std::string close_frame_;         // and then, to all who ask
  std::size_t kept_bytes_ = 0;      // of words_, as the directory counts them
  bool told_end_ = false;           // somebody has had words of the end
  bool opened_ = false;             // an ended session's listener had been told of its beginning

  FixedPost later_;
  bool settles_ = false;    // later_ is under way
  bool forgotten_ = false;  // leaves the directory then
};

}  // namespace corohub::gateway::sockjs
