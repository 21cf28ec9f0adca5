// What a session publishes, and what it reads again: the requests of a client that need the writer or the
// readers. Used on the session's shard only.
#pragma once

#include "core/task.hpp"
#include "gateway/native/native_json.hpp"
#include "gateway/session/publishing.hpp"
#include "gateway/session/topic_history.hpp"
#include "gateway/session/under_way.hpp"

#include <cstddef>
#include <memory>
#include <string>

namespace corohub::gateway {

class Session;

class SessionPublishing {
 public:
  // Of one session, under way at a time; more are refused (overloaded).
  static constexpr std::size_t publishes_max = 1024;
  static constexpr std::size_t histories_max = 8;

  explicit SessionPublishing(Session& session) noexcept : session_(session) {}

  void publish(const native_json::RequestId& id, native_json::Publish&& asked);
  void history(const native_json::RequestId& id, native_json::HistoryQuery&& asked);

 private:
  Task<> commit(UnderWay counted, native_json::RequestId id, PublishOrder order);
  Task<> read(UnderWay counted, native_json::RequestId id, HistoryRequest request);
  void answer(const native_json::RequestId& id, const Result<Published>& published, const std::string& topic);
  void answer(const native_json::RequestId& id, const Result<HistoryPage>& page,
              const hub::Audience& readers);

  Session& session_;
  std::size_t publishes_ = 0;
  std::size_t histories_ = 0;
};

}  // namespace corohub::gateway
