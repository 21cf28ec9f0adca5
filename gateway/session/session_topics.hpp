// The subscriptions of a session: from its first request to the end of each. Used on the session's shard
// only.
#pragma once

#include "core/task.hpp"
#include "core/token_bucket.hpp"
#include "gateway/session/command.hpp"
#include "gateway/session/event_query.hpp"
#include "hub/topic.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace corohub::gateway {

class Session;

class SessionTopics {
 public:
  static constexpr std::size_t topics_max = subscriptions_max;
  // How often a client may subscribe and unsubscribe (T59).
  static constexpr TokenBucket::Rate changes{.per_second = 20, .burst = 50};

  explicit SessionTopics(Session& session);

  // ---- what the client asks ----
  void subscribe(const RequestId& id, Subscribe&& asked);
  void unsubscribe(const RequestId& id, const Unsubscribe& asked);
  // Whether the client may subscribe or unsubscribe once more now, which counts. A dialect with labels asks
  // before it passes such a command on; other commands are asked for here.
  bool may_change();

  // A topic named when the connection was opened. Null: the user's role may not subscribe to it any more,
  // which the client is told.
  hub::Subscription* follow(const std::string& topic);
  // The user's role may not subscribe to it any more.
  void lost(const hub::Subscription& subscription);

 private:
  // Where the history of a topic begins, and the log ends.
  struct Reach {
    Seq floor;
    Seq head;
  };
  // A subscription that a request under way is about. It ends with the request if nothing else has come of
  // it.
  class Pending;

  std::optional<Refusal> refusal_of(const Subscribe& asked, const hub::TopicRule* rule);
  // Null: there are too many topics.
  hub::Subscription* open(const Subscribe& asked, const hub::TopicRule& rule);
  bool too_fast(std::uint32_t label) { return label == 0 && !may_change(); }
  void subscribe_to_topic(const RequestId& id, Subscribe&& asked);
  void subscribe_to_own(const RequestId& id, Subscribe&& asked);
  static bool begins_now(const Subscribe& asked) noexcept;
  void join(const RequestId& id, hub::Interest& interest, const Subscribe& asked);
  void answer(const RequestId& id, const Subscribe& asked, Seq seq, bool recovered);
  Task<> look_up(std::shared_ptr<Pending> pending, RequestId id, Subscribe asked);
  Task<Result<Reach>> read_reach(const Subscribe& asked);
  void begin(const RequestId& id, hub::Interest& interest, const Subscribe& asked, const Reach& reach);

  Session& session_;
  std::uint32_t last_number_ = 0;
  TokenBucket changes_left_;
};

}  // namespace corohub::gateway
