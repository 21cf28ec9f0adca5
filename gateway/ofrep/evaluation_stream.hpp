// One stream of OFREP: it tells a client that its flags are to be asked for again, and no more. It is a
// member of its shard that hears no events, so that the end of a login, a drain, a kick and the list of
// connections are as for everybody else. Used on its shard's thread only.
#pragma once

#include "core/wheel.hpp"
#include "gateway/ofrep/caller.hpp"
#include "gateway/ofrep/place.hpp"
#include "gateway/ofrep/stream_token.hpp"
#include "gateway/wire/transport.hpp"
#include "hub/member.hpp"
#include "hub/roster.hpp"
#include "hub/shard.hpp"

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <boost/asio/ip/address.hpp>
#include <boost/intrusive/set_hook.hpp>

namespace corohub::gateway::ofrep {

class Streams;

// Who wants a stream, where, and what it has had.
struct StreamStart {
  Caller caller;
  PlaceName place;
  Evaluated known;           // of another epoch, environment, role or client, or behind: it is told at once
  std::uint64_t keys_ended;  // see Streams
  hub::Roster::Admission admission;
  boost::asio::ip::address address;
};

class EvaluationStream final : public hub::Member, public TransportListener, private Timed {
 public:
  static constexpr std::chrono::milliseconds refetch_interval{100};  // of one stream, at least

  EvaluationStream(Streams& streams, StreamStart start);

  const Caller& caller() const noexcept { return caller_; }
  const PlaceName& place() const noexcept { return place_; }
  // So that its flags are asked for again, after this time at the earliest.
  void refetch(std::chrono::milliseconds delay) noexcept;
  // Whether it will be told anyhow.
  bool is_waiting() const noexcept { return waiting_; }
  // The right to it has ended.
  void end() noexcept { dismiss(CloseReason::session_revoked); }

  boost::intrusive::set_member_hook<boost::intrusive::optimize_size<true>> hook{};  // for Streams

  // ---- hub::Member ----
  const hub::Form& form() const noexcept override;
  void close(CloseReason reason) noexcept override;
  void role_changed() noexcept override;
  void subscription_lost(const hub::Subscription&) noexcept override {}
  hub::MemberInfo info() const override;

  // ---- TransportListener ----
  void on_open(Transport& transport) override;
  void on_message(MessageKind, std::string_view) override {}
  void on_throttled() override {}
  void on_low_water() override {}
  std::string position_text() const override;
  void on_closed(CloseReason reason) noexcept override;

 private:
  // The key ends at its time.
  class KeyEnd final : public Timed {
   public:
    explicit KeyEnd(EvaluationStream& stream) noexcept : stream_(stream) {}
    void on_due(SteadyTime) noexcept override { stream_.look_at_key(); }

   private:
    EvaluationStream& stream_;
  };

  // ---- Timed ----
  void on_due(SteadyTime now) noexcept override;

  void enter();
  bool is_behind(const Place& now) const;
  void look_at_key() noexcept;
  void count_as(Role role) noexcept;
  void leave_counts() noexcept;
  void say(std::string_view text);
  void send_refetch() noexcept;
  // As the shard knows it now.
  Result<Place> place_now() const;
  Position position() const;

  Streams& streams_;
  Caller caller_;
  const PlaceName place_;
  const Evaluated known_;
  const std::uint64_t keys_ended_;
  hub::Roster::Admission admission_;
  const boost::asio::ip::address address_;
  const UnixMs began_;
  Transport* transport_ = nullptr;
  bool entered_ = false;
  std::optional<Role> counted_role_;
  bool waiting_ = false;  // for the moment to say "refetch"
  SteadyTime next_at_{};  // not before this
  KeyEnd key_end_{*this};
};

}  // namespace corohub::gateway::ofrep
