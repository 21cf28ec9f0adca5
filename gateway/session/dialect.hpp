// One connection's protocol: a client's messages become commands, outcomes and notices become messages. A
// stateless dialect is shared by all its sessions; another one belongs to one session and dies with it. Used
// on the session's shard only.
#pragma once

#include "core/close_reason.hpp"
#include "gateway/session/command.hpp"
#include "gateway/wire/transport.hpp"
#include "hub/form.hpp"
#include "hub/topic.hpp"

#include <string>
#include <string_view>

namespace corohub::gateway {

class Session;

class Dialect {
 public:
  // A session begins over a carrier with this wrap. First call. Throws for memory.
  virtual void open(const Wrap&) {}
  // How events leave there.
  virtual const hub::Form& form(const Wrap& wrap) const noexcept = 0;

  // A message of the client, within the carrier's limits. What it asks goes to Session::ask(), a credential
  // to Session::authenticate(). Throws for memory.
  virtual void read(Session& session, MessageKind kind, std::string_view payload) = 0;
  // Whether a message only says that the client is there.
  virtual bool is_heartbeat(std::string_view) const noexcept { return false; }
  // What became of a command; each is answered once, unless the session ends before.
  virtual void answer(Session& session, const RequestId& id, const Outcome& outcome) = 0;
  virtual void tell(Session& session, const Notice& notice) = 0;
  // The last message before the carrier's own end, as the protocol's text; empty: none.
  virtual std::string farewell(Session& session, CloseReason reason) = 0;
  // The frame of an event whose bytes are not shared (Form::encode answered null). Null: it is not for this
  // client.
  virtual hub::FrameRef own_frame(Session&, const hub::Event&, const hub::Interest&) { return nullptr; }
  // Whether a session gets the events of its own audience without asking for them.
  virtual bool hears_unasked() const noexcept { return true; }

  // The session has had what it missed. It may end subscriptions of its own.
  virtual void caught_up(Session&) noexcept {}
  // Its user has another role. It may end.
  virtual void role_changed(Session&) noexcept {}

  // The session is gone.
  virtual void release() noexcept {}

 protected:
  ~Dialect() = default;
};

}  // namespace corohub::gateway
