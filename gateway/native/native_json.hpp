// Our own protocol on a WebSocket: a client's text to a command, answers to text. Pure: no clock, no I/O.
#pragma once

#include "core/error.hpp"
#include "core/json.hpp"
#include "core/position.hpp"
#include "gateway/session/publication.hpp"

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

namespace corohub::gateway::native_json {

// The client's own name for what it asked: null, a string of 1 to 64 bytes, or an integer. It is kept as the
// JSON text it was given as, and echoed as that.
class RequestId {
 public:
  RequestId(std::nullptr_t = nullptr) : text_("null") {}  // NOLINT(google-explicit-constructor)
  explicit RequestId(std::string_view json_text) : text_(json_text) {}

  const std::string& text() const noexcept { return text_; }

 private:
  std::string text_;
};

struct Ping {};

struct AuthRefresh {
  std::string token;
};

// Every topic below is a good name; whether it may be used is for the rules to say.
struct Subscribe {
  std::string topic;
  std::optional<Position> since;  // nothing: what comes
};

struct Unsubscribe {
  std::string topic;
};

using Publish = Publication;

struct PresenceQuery {
  std::string topic;
};

struct Typing {
  std::string topic;
  bool typing = false;
};

struct HistoryQuery {
  std::string topic;
  std::optional<Position> since;  // nothing: the oldest kept
  std::size_t limit = 0;
};

// Why a message was not understood or not done: `code` is one of the stable words.
struct Refusal {
  std::string_view code;
  std::string message;
};

struct Command {
  RequestId id;
  std::variant<Refusal, Ping, AuthRefresh, Subscribe, Unsubscribe, Publish, PresenceQuery, Typing,
               HistoryQuery>
      what;
};

// Never fails: what is no command comes out as a Refusal, with the id if there is a good one. A member that
// is null counts as absent, but for the data of a publish.
Command parse(std::string_view text);

// {"type":"error","id":…,"data":{"code":…,"message":…}}
std::string error_text(const RequestId& id, const Refusal& refusal);
// {"type":"reply","id":…,"ok":true,"data":…}
std::string reply_text(const RequestId& id, const json::value& data);
// The same with data that is JSON text already.
std::string raw_reply_text(const RequestId& id, std::string_view data);

}  // namespace corohub::gateway::native_json
