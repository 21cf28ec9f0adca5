// Flag updates out of Redis: of a channel, of a stream, or of both. start() and stop() on the context's
// thread, or before it runs.
#pragma once

#include "ingest/ingest.hpp"
#include "ingest/redis_link.hpp"
#include "ingest/redis_status.hpp"
#include "ingest/redis_url.hpp"

#include <functional>
#include <memory>
#include <string_view>
#include <vector>

namespace corohub::ingest {

class Redis {
 public:
  // `settings.url` is good. `tell` says something of the server to whoever listens for that. The flags
  // outlive this.
  Redis(asio::io_context& context, flags::Flags& flags, const Settings& settings,
        std::function<void(std::string_view message)> tell);
  ~Redis();
  Redis(const Redis&) = delete;
  Redis& operator=(const Redis&) = delete;

  void start();
  // What is being stored still is; the context then has nothing of this to do any more.
  void stop() noexcept;
  bool is_away() const noexcept { return status_.is_away(); }  // any thread

 private:
  const RedisUrl url_;
  RedisStatus status_;
  std::vector<std::unique_ptr<RedisLink>> links_;
};

}  // namespace corohub::ingest
