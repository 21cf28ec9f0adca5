// The topics a session follows: from its first request to the end of each subscription. Used on the session's
// shard only.
#pragma once

#include "core/task.hpp"
#include "gateway/native/native_json.hpp"
#include "gateway/session/event_query.hpp"
#include "gateway/session/session_replay.hpp"
#include "hub/topic.hpp"

#include <chrono>
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
  // A subscription that a request under way is about. It ends with the request if nothing else has come of
  // it.
  class Pending {
   public:
    Pending(std::shared_ptr<Session> session, std::string topic, std::uint32_t number) noexcept
        : session_(std::move(session)), topic_(std::move(topic)), number_(number) {}
    Pending(Pending&&) noexcept = default;
    Pending& operator=(Pending&&) = delete;
    ~Pending();

    const std::string& topic() const noexcept { return topic_; }
    hub::Subscription* find() const noexcept;  // null: it has ended meanwhile

   private:
    std::shared_ptr<Session> session_;
    std::string topic_;
    std::uint32_t number_;
  };
  Task<> look_up(Pending pending, native_json::RequestId id, std::optional<Position> since);
  void begin(const native_json::RequestId& id, hub::Subscription& subscription,
             const std::optional<Position>& since, const Reach& reach);

  Session& session_;
  std::uint32_t last_number_ = 0;
  double changes_left_ = changes_burst;
  SteadyTime changes_counted_;
};

}  // namespace corohub::gateway
