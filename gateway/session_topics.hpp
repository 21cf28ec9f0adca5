// The topics a session follows: from its first request to the end of each subscription. Used on the session's
// shard only.
#pragma once

#include "core/task.hpp"
#include "gateway/event_query.hpp"
#include "gateway/protocols/native_json.hpp"
#include "gateway/session_replays.hpp"
#include "hub/topic.hpp"

#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace corohub::gateway {

class Session;

class SessionTopics {
 public:
  static constexpr std::size_t topics_max = subscriptions_max;
  // How often a client may subscribe and unsubscribe (T59).
  static constexpr double changes_per_second = 20;
  static constexpr double changes_burst = 50;

  explicit SessionTopics(Session& session);

  // ---- what the client asks ----
  void subscribe(const native_json::RequestId& id, const std::string& topic,
                 const std::optional<Position>& since);
  void unsubscribe(const native_json::RequestId& id, std::string_view topic);

  // A topic named when the connection was opened. Null: his role may not subscribe to it any more, which he
  // is told.
  hub::Subscription* follow(const std::string& topic);
  // His role may not subscribe to it any more.
  void lost(const hub::Subscription& subscription);

 private:
  std::optional<native_json::Refusal> refusal_of(std::string_view topic, const hub::TopicRule* rule);
  // Null: there are too many topics.
  hub::Subscription* open(const std::string& topic, const hub::TopicRule& rule);
  bool too_fast();
  void answer(const native_json::RequestId& id, std::string_view topic, Seq seq, bool recovered);
  // Where the history of a topic begins, and the log ends.
  struct Reach {
    Seq floor;
    Seq head;
  };
  Task<> replay(std::shared_ptr<Session> self, native_json::RequestId id, std::string topic, Position since,
                std::shared_ptr<hub::Replay> held);
  void begin_replay(const native_json::RequestId& id, hub::Subscription& subscription, const Position& since,
                    const Reach& reach, std::shared_ptr<hub::Replay> held);

  Session& session_;
  double changes_left_ = changes_burst;
  SteadyTime changes_counted_;
};

}  // namespace corohub::gateway
