// One connection to Redis, from finding the host to the last reply. Used on the context's thread.
#pragma once

#include "core/task.hpp"
#include "ingest/attempt.hpp"
#include "ingest/redis_url.hpp"
#include "ingest/reply.hpp"
#include "ingest/resolver.hpp"

#include <chrono>
#include <memory>
#include <string>

namespace corohub::ingest {

class RedisWire {
 public:
  static constexpr std::chrono::seconds open_time{5};    // for each step of opening
  static constexpr std::chrono::seconds answer_time{5};  // for an answer that Redis can give at once

  // The address and the resolver outlive the wire.
  RedisWire(asio::io_context& context, const RedisUrl& url, Resolver& resolver);
  ~RedisWire();
  RedisWire(const RedisWire&) = delete;
  RedisWire& operator=(const RedisWire&) = delete;

  // Connects, over TLS if the address says so, with a certificate that is good for the host; and logs in.
  Task<Attempt<>> open();
  Task<Attempt<>> send(std::string commands);
  // The next reply. Waits for it for so long.
  Task<Attempt<Reply>> receive(std::chrono::milliseconds time);
  // The reply that is there already; nothing: there is none.
  std::optional<Reply> next() { return reader_.next(); }
  // Reads what comes until then. False: nothing came.
  Task<Attempt<bool>> read(SteadyTime until);
  // A command and its reply.
  Task<Attempt<Reply>> ask(std::string command, std::chrono::milliseconds time = answer_time);
  // Whether texts of the last reply were left out because it is too large.
  bool was_short() const noexcept { return reader_.was_short(); }
  // The connection cannot be used any more because a reply has too many parts.
  bool was_too_large() const noexcept { return reader_.is_too_large(); }

  // What is under way ends with a failure.
  void close() noexcept;

 private:
  struct Socket;  // plain, or TLS over it

  Task<Attempt<>> log_in();

  asio::io_context& context_;
  const RedisUrl& url_;
  Resolver& resolver_;
  std::unique_ptr<Socket> socket_;
  ReplyReader reader_;
  bool closed_ = false;
};

}  // namespace corohub::ingest
