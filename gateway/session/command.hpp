// What a session can be asked, what it answers, and what it tells by itself: the same for every protocol.
// Plain values; a dialect turns its protocol's messages into commands, and outcomes and notices into
// messages.
#pragma once

#include "core/error.hpp"
#include "core/json.hpp"
#include "core/position.hpp"
#include "gateway/session/publication.hpp"
#include "hub/event_filter.hpp"
#include "hub/frame.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace corohub::gateway {

// The client's own name for what it asked, as its dialect wrote it down; echoed as that.
using RequestId = std::string;

// ---- commands ----

struct Ping {};

// A new token of the same user and login.
struct AuthRefresh {
  std::string token;
};

// Every topic below is a good name; whether it may be used is for the rules to say.
struct Subscribe {
  std::string topic;                // empty: the session's own audience, for dialects that ask for it
  std::optional<Position> since{};  // nothing: what comes
  // For a dialect in which a client names its subscriptions: several to one topic, each told apart. The
  // number is the dialect's own; 0: a topic has one subscription.
  std::uint32_t label = 0;
  hub::FrameRef prefix{};        // leads every event of it, joined; null: none
  hub::EventFilterRef filter{};  // null: all
  bool server_status = false;    // the topic is that in which the server says how it is, which all may hear
};

struct Unsubscribe {
  std::string topic;
  std::uint32_t label = 0;
};

using Publish = Publication;

// Several publications that are made together or not at all. More than one is committed as one unit.
struct PublishAll {
  std::vector<Publication> publications;
};

struct PresenceQuery {
  std::string topic;
};

struct SetTyping {
  std::string topic;
  bool typing = false;
};

struct HistoryQuery {
  std::string topic;
  std::optional<Position> since;  // nothing: the oldest kept
  std::size_t limit = 0;
};

inline constexpr std::size_t watch_context_bytes_max = 8 << 10;  // as canonical JSON
inline constexpr std::size_t watch_keys_max = 2'000;

// The values of the viewer's own flags, and what changes of them. One at a time.
struct WatchFlags {
  std::string name_space{};                        // empty: the viewer's own
  std::string environment{};                       // empty: the viewer's own
  json::object context{};                          // of the client
  std::optional<std::vector<std::string>> keys{};  // nothing: all flags
};

struct UnwatchFlags {};

// Why a message was not understood or not done: `code` is one of the stable words of the API.
struct Refusal {
  std::string_view code;
  std::string message;
};
Refusal refusal_of(const Error& error);

using Command = std::variant<Refusal, Ping, AuthRefresh, Subscribe, Unsubscribe, Publish, PublishAll,
                             PresenceQuery, SetTyping, HistoryQuery, WatchFlags, UnwatchFlags>;

// ---- outcomes: one for each command ----

struct Pong {
  Seq seq;
};

// A token or password was good, or a new token: until when the session may last.
struct Authenticated {
  UnixMs token_expires_at;
};

struct Subscribed {
  std::string topic;
  std::uint32_t label;
  Seq seq;         // its position from here on
  bool recovered;  // all since the position that was given follows
};

struct Unsubscribed {
  std::string topic;
  std::uint32_t label;
};

struct PublishedAll {};

// What a publish did; `seq` 0: the event was volatile.
struct PublishedOne {
  std::string topic;
  Seq seq;
  UnixMs time;
};

struct TypingNoted {
  std::string topic;
  bool typing;
};

// JSON text (a history, a presence). `readers`: who may still have it when it leaves; an answer may be lost
// with a right.
struct JsonText {
  std::string text;
  hub::Audience readers;
};

using Outcome = std::variant<Refusal, Pong, Authenticated, Subscribed, Unsubscribed, PublishedOne,
                             PublishedAll, TypingNoted, JsonText>;

// ---- notices: what a session tells by itself ----

// It has its identity, and its events begin.
struct Welcome {
  Seq position;
  bool recovered;
  UnixMs token_expires_at;
};

// What the log cannot give of what was missed.
struct Gap {
  Seq from;
  Seq to;
  std::string_view reason;   // "expired", "foreign_epoch", "ahead"
  std::string_view topic{};  // empty: of the session's own events
  std::uint32_t label = 0;
};

// Its role may not subscribe to this any more.
struct Revoked {
  std::string_view topic;
  std::uint32_t label = 0;
};

struct Expiring {
  UnixMs token_expires_at;
};

// It sends more than it may and is not read from for a moment.
struct Throttled {};

// What has changed of the flags that it watches: JSON text of an object. A dialect that cannot ask for it
// never has it.
struct FlagValues {
  std::string_view data;
};

// The same for a session that asked FlagWatching to be told of each flag in a text of its own.
struct FlagItems {
  struct Item {
    std::int64_t flag_id;
    std::string_view text;
    bool is_switched;  // its switch is another one than it was told before, not only what it gives
  };
  std::span<const Item> items{};            // in the order of their keys
  std::span<const std::int64_t> deleted{};  // ids of flags that are not there any more
  bool has_hidden = false;                  // others are out of its sight
  // More has changed at once than is looked at: the session asks for all, and is told of later changes.
  bool is_too_much = false;
};

using Notice = std::variant<Welcome, Gap, Revoked, Expiring, Throttled, FlagValues, FlagItems>;

}  // namespace corohub::gateway
