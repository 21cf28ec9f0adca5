// The one way a publish happens, whoever asks and over whatever: the rule of the topic, the right of the
// author, the type, the size, the idempotency key, and then the log and the hub.
//
// Where the rule keeps a history the event is durable: a unit on the writer, which asks for the author's
// right again. Elsewhere the event goes into the hub at once, and is refused (overloaded) when there is no
// room. With an idempotency key a volatile event takes a unit, too: the key and the event stand or fall
// together.
#pragma once

#include "auth/rate_limit.hpp"
#include "core/task.hpp"
#include "gateway/session/publication.hpp"
#include "hub/event.hpp"
#include "hub/hub.hpp"
#include "hub/topic_rules.hpp"
#include "storage/writer.hpp"
#include "users/service_keys.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace corohub::gateway {

// A user, or a service with its key, as they are known when they ask.
struct Author {
  UserId user_id = 0;
  Role role = Role::user;
  users::ServiceKeyId service_key = 0;  // 0: it is a user
  std::vector<std::string> scopes{};    // of the key
  bool exempt = false;                  // from limits of rates
};

// What became of a publish.
struct Published {
  Seq seq = 0;  // 0: it was volatile
  UnixMs time = 0;
  std::uint32_t reached = 0;  // outboxes it was queued for; 0 as well if it had been published before
  bool repeated = false;      // an earlier request with the key has done it
};

// Stored under `scope`, so that the same request is not done twice. Both empty: the request has no key.
struct IdempotencyKey {
  std::string scope;    // SHA-256 of who, where to and the key
  std::string payload;  // SHA-256 of what
};

// A publication that may be made as things stand now.
struct PublishOrder {
  // Whether publish_now() will do.
  bool at_once() const noexcept { return !durable && key.scope.empty() && author.service_key == 0; }

  Author author;
  const hub::TopicRule* rule = nullptr;  // null: it is for no topic
  hub::EventDraft draft;
  IdempotencyKey key;
  bool durable = false;
  std::int64_t charged_bytes = 0;  // of what its author may add to the log
};

inline constexpr auth::Rate durable_bytes_per_user{32 << 20, std::chrono::hours(1), 32 << 20};
inline constexpr std::size_t event_bytes =
    512;  // beside its own: a row, its indexes, and a place in all outboxes

// Safe from any shard's thread.
class Publishing {
 public:
  static constexpr std::chrono::minutes idempotency_window{5};

  // `text_bytes_max`: of a whole message as it goes out, where the rule of its topic sets no limit.
  // `durable_bytes`: what a plain user may add to the log, which all users share; administrators, and
  // services with their keys, are trusted with the log.
  Publishing(hub::Hub& hub, storage::Writer& writer, const hub::TopicRules& rules, const Clock& clock,
             std::size_t text_bytes_max, const auth::Rate& durable_bytes = durable_bytes_per_user)
      : hub_(hub),
        writer_(writer),
        rules_(rules),
        clock_(clock),
        text_bytes_max_(text_bytes_max),
        durable_bytes_(durable_bytes, clock) {}

  // Judges an order: forbidden, reserved_type, payload_too_large; rate_limited when the event is durable and
  // its author has used up what a user may add to the log. What publish() does not add is given back.
  Result<PublishOrder> accept(const Author& author, Publication publication);

  // Publishes an order that is at_once(). overloaded.
  Result<Published> publish_now(PublishOrder order);
  // Publishes any order. Answered when every shard has taken the event. overloaded, forbidden, invalid_token,
  // idempotency_mismatch, and storage errors. One caller's orders are carried out in the order of the calls.
  Task<Result<Published>> publish(PublishOrder order);
  // Publishes all of them or none, in one transaction; volatile events follow it. Errors as publish().
  Task<Result<>> publish_all(std::vector<PublishOrder> orders);
  // For an order that will not be carried out: gives its author back what was charged.
  void give_back(const PublishOrder& order);

 private:
  hub::Hub& hub_;
  storage::Writer& writer_;
  const hub::TopicRules& rules_;
  const Clock& clock_;
  // What an author may add to the log was taken from.
  struct Charge {
    UserId user;
    std::int64_t bytes;
  };
  std::optional<Error> charge(PublishOrder& order);
  void give_back(const Charge& charge);

  const std::size_t text_bytes_max_;
  auth::RateLimiter durable_bytes_;  // by user
};

// {"seq":…,"topic":"…","timestamp":"…"}: what a publish is answered with. JSON text.
std::string answer_text(const Published& published, std::string_view topic);

}  // namespace corohub::gateway
