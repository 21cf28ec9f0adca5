// What one STOMP connection has subscribed to: its own names for its subscriptions, and which events each of
// them is for. Pure; used on one thread.
#pragma once

#include "gateway/session/command.hpp"
#include "gateway/stomp/body.hpp"
#include "gateway/stomp/destinations.hpp"
#include "gateway/stomp/frame.hpp"
#include "hub/event_filter.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace corohub::gateway::stomp {

struct Subscription {
  Destination place() const noexcept { return parse_destination(destination); }

  std::string id;  // the client's; empty: it gave none, as it may in 1.0
  std::string destination;
  std::uint32_t label = 0;    // ours; never 0, and never used again on this connection
  bool acknowledges = false;  // the client says that it has a message, so each says how to name it
  bool resumes = false;       // it was told where to begin
  bool is_revoked = false;    // its rights have ended; the client may still take it for its own
  bool made_room = false;     // it was revoked and counts no more; the client may still end it
};

// The beginning of a MESSAGE for this subscription.
FrameWriter begin_message(Version version, const Subscription& subscription);

class Subscriptions {
 public:
  static constexpr std::size_t count_max = 256;
  static constexpr std::size_t count_of_guest_max = 8;
  static constexpr std::size_t id_bytes_max = 255;
  static constexpr std::size_t made_room_max = 8;  // so many are known that count no more

  // Without its label. Null: there are as many as there may be, or one that lives has the same name.
  const Subscription* add(Subscription subscription);
  void remove(std::uint32_t label) noexcept;

  // The name of a subscription is its id, or its destination if it has none. Null: there is none.
  Subscription* find(std::string_view id, std::string_view destination) noexcept;
  Subscription* find(std::uint32_t label) noexcept;
  // Those to what the server says to this connection alone. `visit` takes a const Subscription&.
  template <class F>
  void for_each_listener(F visit) const {
    for (const Subscription& one : all_)
      if (one.place().kind == Destination::Kind::answers) visit(one);
  }
  bool has_listener() const noexcept;
  // Whether there is room for one more where there may be at most so many. The oldest whose rights have ended
  // makes room if it must; its name is known as long as few others have done so.
  bool make_room(std::size_t most) noexcept;

 private:
  void forget_oldest() noexcept;

  std::vector<Subscription> all_;
  std::uint32_t last_label_ = 0;
};

// Which of its events a destination brings. `types`: patterns the client gave; empty: all but presence and
// typing, which few clients expect among their messages.
hub::EventFilterRef filter_of(Destination::Kind kind, std::vector<std::string> types);

// What a SUBSCRIBE asks: the subscription, and the command that makes it, yet without label and beginning.
struct SubscribeFrame {
  Subscription subscription;
  Subscribe command;
};
// invalid_message, invalid_topic, invalid_since, or invalid_request for its types.
Understood<SubscribeFrame> read_subscribe(const ClientFrame& frame, Version version);

}  // namespace corohub::gateway::stomp
