// One client over Engine.IO: it reads packets, judges who may have a seat in which namespace, and passes on
// what the client says there. Until it has a seat it is a stranger that may say little and for a moment only.
// A packet that is malformed ends it, and nothing else. On its link's shard only.
#pragma once

#include "core/task.hpp"
#include "core/wheel.hpp"
#include "gateway/engineio/link.hpp"
#include "gateway/session/desk.hpp"
#include "gateway/session/entrant.hpp"
#include "gateway/session/reception.hpp"
#include "gateway/session/session.hpp"
#include "gateway/socketio/attachments.hpp"
#include "gateway/socketio/namespaces.hpp"
#include "gateway/socketio/packet.hpp"
#include "gateway/socketio/seat.hpp"
#include "hub/roster.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <boost/asio/ip/address.hpp>

namespace corohub::gateway::socketio {

class Berth;

// Somebody who opens a connection.
struct Newcomer {
  hub::Roster::Admission place;  // as a stranger
  boost::asio::ip::address address;
  bool exempt = false;       // from the limits of rates
  bool is_local = false;     // on this machine: the fixture is for it
  std::string credential{};  // of the handshake: what counts for a CONNECT that brings none
};

class Connection final : public engineio::Listener,
                         public Timed,
                         private Outsider,
                         public std::enable_shared_from_this<Connection> {
 public:
  // How long a client has to its first seat (T14), also after it has left its last one.
  static constexpr std::chrono::seconds connect_time_max{10};
  // Packets of a client that has no seat, and their bytes.
  static constexpr std::uint32_t strangers_packets_max = 8;
  static constexpr std::size_t strangers_bytes_max = 65'536;
  // What the connection says itself to a client that does not take it (T60), beside what ended seats have
  // left.
  static constexpr std::size_t said_bytes_max = 65'536;
  // From a packet to the last of its Buffers (T56).
  static constexpr std::chrono::seconds attachments_time_max{10};

  // Desk and namespaces outlive it.
  Connection(const Desk& desk, Namespaces& namespaces, Newcomer newcomer);
  ~Connection() override;

  // ---- engineio::Listener ----
  void on_open(engineio::Link& link) override;
  void on_message(MessageKind kind, std::string_view payload) override;
  void on_throttled() override;
  void on_rewrapped() override;
  void on_closed(CloseReason reason) noexcept override;

  // ---- for its berths ----
  engineio::Link& link() noexcept { return *link_; }
  const Desk& desk() const noexcept { return desk_; }
  // Says the client's last packet in this namespace, behind what waits there: all of it that the carrier
  // takes at once, and of what waits longer what is for this client or its user by name, up to the first that
  // is neither. The rest is dropped, because nothing takes it back any more if the client loses the right to
  // it. The occupant is told of its end in a turn of its own.
  void send_off(Berth& berth) noexcept;

 private:
  using Occupants = std::vector<std::unique_ptr<Occupant>>;

  // ---- what the client says ----
  void hear_packet(std::string_view text);
  void hear_buffer(std::string_view bytes);
  void hear_event(const Packet& packet, std::vector<std::string> buffers);
  void leave(const Packet& packet, Occupant* occupant) noexcept;
  Occupant* find(std::string_view name_space) const noexcept;
  std::uint8_t mark_of(std::string_view name_space) const noexcept;
  bool says_too_much(std::size_t bytes) noexcept;
  bool is_open() const noexcept { return link_ != nullptr && link_->is_open(); }
  void break_off() noexcept;
  void end(CloseReason reason) noexcept;

  // ---- CONNECT ----
  struct Asked;
  void connect(const Packet& packet);
  Task<> judge(std::shared_ptr<Connection> self, Asked asked);
  Task<Result<>> seat_holder(Asked& asked, std::string credential);
  Result<> begin(Asked& asked, Entrant entrant, hub::Roster::Admission place, Beginning beginning);
  Result<> seat_guest(Asked& asked);
  Result<Seating> admit(Asked& asked, const hub::Identity& who);
  Result<hub::Roster::Admission> place_of(const Entrant& entrant);
  SeatTerms terms_of(const Asked& asked, Seating seating, const hub::Identity& who);
  void refuse(std::string_view name_space, const Error& error);
  void say(std::string_view packet);
  void forget_what_was_taken() noexcept;
  Berth& seat(std::shared_ptr<Session> session, Seat& seat);
  std::string credential_of(Asked& asked) const;
  Error failure_of(const Error& error);

  // ---- a client without a seat ----
  void wait_for_connect();
  void become_stranger() noexcept;
  void stop_being_stranger() noexcept;
  void take_place() noexcept;
  void send_away() noexcept override;

  // ---- time, and the end of seats ----
  void settle_later() noexcept;
  void settle() noexcept;
  void on_due(SteadyTime now) noexcept override;
  void arm() noexcept;

  // What it is as long as it has no seat.
  struct Stranger {
    hub::Roster::Admission place;
    SteadyTime due{};
    std::size_t bytes = 0;  // said so far
    std::uint32_t packets = 0;
  };
  // A packet that is not complete.
  struct Arriving {
    Attachments packet;
    SteadyTime due;
  };

  const Desk& desk_;
  Namespaces& namespaces_;
  engineio::Link* link_ = nullptr;  // null before it is open and after its end
  Occupants occupants_;
  std::unique_ptr<Stranger> stranger_;
  std::unique_ptr<Arriving> arriving_;
  const std::unique_ptr<const std::string> credential_;  // of the handshake; null: there is none
  const boost::asio::ip::address address_;
  const bool exempt_;
  const bool is_local_;
  std::uint32_t left_bytes_ = 0;  // by ended seats, in what the link says itself
  bool settles_ = false;          // a seat has ended
  // Marks of namespaces for which the client may still say what it began before.
  std::uint8_t ended_by_us_ = 0;
};

}  // namespace corohub::gateway::socketio
