// What one Socket.IO namespace says and understands. A vocabulary is stateless and shared by all seats of its
// namespace, on every shard; what it keeps for one seat is a SeatState that it makes. Each call happens on
// the seat's shard, but for form(), which is safe from any thread.
#pragma once

#include "core/error.hpp"
#include "core/json.hpp"
#include "gateway/session/command.hpp"
#include "gateway/session/desk.hpp"
#include "gateway/socketio/packet.hpp"
#include "gateway/wire/transport.hpp"
#include "hub/audience.hpp"
#include "hub/event.hpp"
#include "hub/form.hpp"
#include "hub/interest.hpp"

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace corohub::gateway::socketio {

class Seat;

// What a seat asked its session, so that the outcome finds its way back.
struct Request {
  AckId ack{};
  std::string note{};  // the vocabulary's own: the name of the client's event, and what it must remember
};

// What a vocabulary keeps for one seat.
class SeatState {
 public:
  virtual ~SeatState() = default;
};

// Somebody may have a seat.
struct Seating {
  std::unique_ptr<SeatState> state{};  // null: the vocabulary keeps nothing
  std::vector<std::string> topics{};   // that the seat follows from the beginning, and resumes
};

class Vocabulary {
 public:
  virtual ~Vocabulary() = default;

  // "/admin"
  virtual std::string_view name_space() const noexcept = 0;

  // ---- CONNECT ----
  // May this one have a seat? Asked in the turn in which it was judged. Without a credential it is a guest.
  // `auth` is the payload of CONNECT, without its credential. `resumes`: it gives an offset, so that what it
  // missed follows. unauthorized: not without a credential; forbidden; not_found: what the payload names.
  virtual Result<Seating> admit(const Desk& desk, const hub::Identity& who, const json::object& auth,
                                bool resumes) const = 0;

  // Whether somebody who has a seat and another role now may keep it.
  virtual bool keeps(const Desk&, const hub::Identity&) const noexcept { return true; }
  // Whether the topics that its clients add are kept for a while, for those who come back. Those are all that
  // such a seat follows.
  virtual bool keeps_topics() const noexcept { return false; }

  // ---- events ----
  // How events leave over this carrier: those whose bytes all clients share. Its encode() answers null for
  // those of which own_frame() makes something. `with_position`: with meta and, of a durable one, its
  // position; without: name and data alone.
  virtual const hub::Form& form(const Wrap& wrap, bool with_position) const = 0;
  // Null: the event is not for this client. Asked once for each time that the event leaves, in the order in
  // which events leave, so that what a vocabulary pushes here leaves before it.
  virtual hub::FrameRef own_frame(Seat&, const hub::Event&, const hub::Interest&) const { return nullptr; }

  // ---- what a seat's session tells ----
  // The seat is there, and its client knows. Says the welcome (Seat::welcome).
  virtual void begin(Seat& seat, const Welcome& welcome) const = 0;
  // Of the others than Welcome. The usual ones: stream.gap, subscription.revoked, auth.expiring, an error
  // for Throttled, flag.values.
  virtual void tell(Seat& seat, const Notice& notice) const;
  // It has had what it missed. Topics that the vocabulary made it follow may end here.
  virtual void caught_up(Seat&) const noexcept {}

  // ---- what the client says ----
  // False: there is no such event.
  virtual bool call(Seat& seat, Call&& call) const = 0;
  // Whether Buffers may be among an event's arguments. Where they may not, the seat refuses them.
  virtual bool takes_attachments(std::string_view /*name*/) const noexcept { return false; }
  // What became of a request, which is answered once, unless the session ends before. The usual: a refusal
  // refuses, and data acknowledges.
  virtual void answer(Seat& seat, const Request& request, const Outcome& outcome) const;
};

}  // namespace corohub::gateway::socketio
