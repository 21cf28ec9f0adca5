// What carries a seat's session: one of several that share a link. An end that is for good is said in the
// seat's namespace alone, and the others go on; any other end is the link's, so that its client comes back.
// On its link's shard only.
#pragma once

#include "gateway/engineio/link.hpp"
#include "gateway/session/session.hpp"
#include "gateway/socketio/namespaces.hpp"
#include "gateway/socketio/seat.hpp"
#include "gateway/wire/transport.hpp"

#include <memory>
#include <string_view>

namespace corohub::gateway::socketio {

class Connection;

// Whether a client that is told so has nothing to come back for.
bool is_for_good(CloseReason reason) noexcept;

class Berth final : public Occupant, public Transport {
 public:
  Berth(Connection& connection, std::shared_ptr<Session> session, Seat& seat);

  // The session begins, and its client is told.
  void open();
  Session& session() const noexcept { return *session_; }
  Seat& seat() const noexcept { return seat_; }
  engineio::Channel& channel() noexcept { return channel_; }

  // ---- Occupant ----
  std::string_view name_space() const noexcept override { return seat_.name_space(); }
  void hear(Call&& call) override;
  void refuse(const AckId& ack, const Refusal& refusal) override;
  void on_throttled() override { session_->on_throttled(); }
  void on_rewrapped() override;
  void on_left() noexcept override;
  bool has_ended() const noexcept override { return has_ended_; }
  void on_closed(CloseReason reason) noexcept override;

  // ---- Transport ----
  std::string_view name() const noexcept override;
  const Wrap& wrap() const noexcept override;
  hub::Outlet& outlet() noexcept override { return channel_; }
  void flush() noexcept override { channel_.flush(); }
  bool is_full() const noexcept override { return channel_.is_full(); }
  void close(CloseReason reason, Drain drain) noexcept override;
  void abort() noexcept override { close(CloseReason::peer_gone, Drain::no); }
  void pause_reading() noexcept override;
  void resume_reading() noexcept override;

 private:
  void end(CloseReason reason) noexcept;

  class Way final : public engineio::Channel {
   public:
    Way(engineio::Link& link, Session& session) : Channel(link, session.outbox()), session_(session) {}
    void on_low_water() noexcept override;

   private:
    Session& session_;
  };

  Connection& connection_;
  const std::shared_ptr<Session> session_;
  Seat& seat_;  // the session's
  Way channel_;
  CloseReason reason_ = CloseReason::normal;  // of an end that is not the link's
  bool has_ended_ = false;
};

}  // namespace corohub::gateway::socketio
