// Keeps one connection to Redis: opens it, talks over it for as long as it lasts, and tries again. Used on
// the context's thread.
#pragma once

#include "core/task.hpp"
#include "ingest/feed.hpp"
#include "ingest/pace.hpp"
#include "ingest/redis_status.hpp"
#include "ingest/redis_url.hpp"
#include "ingest/redis_wire.hpp"
#include "ingest/resolver.hpp"

#include <string_view>

namespace corohub::ingest {

class RedisLink {
 public:
  struct Parts {
    asio::io_context& context;
    flags::Flags& flags;
    flags::NamespaceAccess access;
    const RedisUrl& url;
    RedisStatus& status;
  };
  virtual ~RedisLink() = default;
  RedisLink(const RedisLink&) = delete;
  RedisLink& operator=(const RedisLink&) = delete;

  void start();
  // The connection ends, and with it the link, once the unit under way is stored.
  void stop() noexcept;

 protected:
  // `stream`: see Feed. All parts outlive the link.
  RedisLink(const Parts& parts, std::string_view name, std::string stream);

  // What is said over an open connection: answers with why it ended.
  virtual Task<Failure> converse(RedisWire& wire) = 0;
  // It does what it is for.
  void succeeded();
  Feed& feed() noexcept { return feed_; }

 private:
  Task<> run();
  Task<Failure> live();
  void ended(const Failure& failure);

  const Parts parts_;
  const std::string_view name_;  // "channel", "stream"
  const bool may_miss_;          // what is published while there is no connection is lost
  Feed feed_;
  Resolver resolver_;
  asio::basic_waitable_timer<std::chrono::steady_clock, asio::wait_traits<std::chrono::steady_clock>,
                             Executor>
      timer_;
  BackOff back_off_;
  RedisWire* wire_ = nullptr;  // of the connection that there is
  SteadyTime good_since_{};    // the connection does what it is for
  bool good_ = false;
  bool away_ = false;
  bool stopped_ = false;
};

}  // namespace corohub::ingest
