// What a session publishes, and what it reads again: the requests of a client that need the writer or the
// readers. Used on the session's shard only.
#pragma once

#include "core/task.hpp"
#include "gateway/session/command.hpp"
#include "gateway/session/publishing.hpp"
#include "gateway/session/topic_history.hpp"
#include "gateway/session/under_way.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace corohub::gateway {

class Session;

class SessionPublishing {
 public:
  // Of one session, under way at a time; more are refused (overloaded).
  static constexpr std::uint32_t publishes_max = 1024;
  static constexpr std::uint32_t histories_max = 8;

  explicit SessionPublishing(Session& session) noexcept : session_(session) {}

  void publish(const RequestId& id, Publish&& asked);
  void publish_all(const RequestId& id, PublishAll&& asked);
  void history(const RequestId& id, HistoryQuery&& asked);

 private:
  Result<PublishOrder> accept(Publication&& publication);
  Task<> commit(UnderWay counted, RequestId id, PublishOrder order);
  Task<> commit_all(UnderWay counted, RequestId id, std::vector<PublishOrder> orders);
  Task<> read(UnderWay counted, RequestId id, HistoryRequest request);
  void answer(const RequestId& id, const Result<Published>& published, const std::string& topic);
  void answer(const RequestId& id, const Result<HistoryPage>& page, const hub::Audience& readers);

  Session& session_;
  std::uint32_t publishes_ = 0;
  std::uint32_t histories_ = 0;
};

}  // namespace corohub::gateway
