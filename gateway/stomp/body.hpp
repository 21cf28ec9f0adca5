// What a SEND publishes, and what a MESSAGE shows of an event: JSON is data as it is, a text is a JSON
// string, other bytes are a JSON string of base64. What STOMP knows beside (the content type, headers of the
// publisher's own) travels in the event's attributes. Pure.
#pragma once

#include "gateway/session/command.hpp"
#include "gateway/stomp/frame.hpp"
#include "hub/event.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include <boost/system/result.hpp>

namespace corohub::gateway::stomp {

template <class T>
using Understood = boost::system::result<T, Refusal>;

// Of a SEND to this topic. invalid_json: its content type says JSON, and it is none; invalid_message: a bad
// header; payload_too_large: too many headers of its own.
Understood<Publication> read_publication(const ClientFrame& send, std::string_view topic);

// How a body that is no text leaves.
enum class BinaryBodies : std::uint8_t { as_they_are, as_base64 };

// An event as a MESSAGE shows it: the headers and the body that are the same for all subscriptions. Points
// into the event, which outlives it.
class MessageRest {
 public:
  // `epoch` is the log's.
  MessageRest(const hub::Event& event, std::string_view epoch);

  bool is_binary() const noexcept { return is_binary_; }
  // Everything behind the headers of the subscription, up to the NUL; `text` holds those.
  std::string append_to(FrameWriter text, BinaryBodies how) const;

 private:
  const hub::Event& event_;
  std::string id_;
  std::string content_type_;
  std::vector<Headers::Header> own_headers_;
  std::string decoded_;  // the body, if it does not stand in the event
  std::string_view body_;
  bool is_binary_ = false;
};

// A message-id that nothing can be resumed from, of what is not in the log: "-:7". Never the same twice in a
// process. Safe from any thread.
std::string passing_message_id();

// What `/topic/system` brings: an event of the system to everybody.
bool is_for_all(const hub::Event& event) noexcept;

// Who asks for flags that it may not follow, or that are not there, is told the same.
inline Refusal invalid_namespace() { return {"forbidden", "Failed to subscribe: Invalid namespace"}; }

// {"type":<type>,"message":<message>,"timestamp":<time>}: how clients of STOMP are told what is no event.
std::string status_text(std::string_view type, std::string_view message, UnixMs time);

}  // namespace corohub::gateway::stomp
