#include "ingest/redis_link.hpp"

#include "core/log.hpp"

#include <utility>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/redirect_error.hpp>

namespace corohub::ingest {

RedisLink::RedisLink(const Parts& parts, std::string_view name, std::string stream)
    : parts_(parts),
      name_(name),
      may_miss_(stream.empty()),
      feed_(parts.context, parts.flags, parts.access, std::move(stream)),
      resolver_(parts.context),
      timer_(parts.context) {}

void RedisLink::start() { asio::co_spawn(parts_.context, run(), asio::detached); }

void RedisLink::stop() noexcept {
  stopped_ = true;
  feed_.stop();
  resolver_.cancel();
  timer_.cancel();
  if (wire_ != nullptr) wire_->close();
}

Task<> RedisLink::run() {
  while (!stopped_) {
    good_ = false;
    Failure failure{"out of memory"};
    try {
      failure = co_await live();
    } catch (const std::exception& error) {
      failure.why = error.what();
    }
    if (stopped_) break;
    const SteadyTime now = std::chrono::steady_clock::now();
    const auto lived = good_ ? std::chrono::duration_cast<std::chrono::milliseconds>(now - good_since_)
                             : std::chrono::milliseconds(0);
    ended(failure);
    timer_.expires_after(back_off_.next(lived));
    boost::system::error_code ignored;
    co_await timer_.async_wait(asio::redirect_error(use_task, ignored));
  }
}

Task<Failure> RedisLink::live() {
  RedisWire wire(parts_.context, parts_.url, resolver_);
  struct Known {
    RedisWire*& wire;
    ~Known() { wire = nullptr; }
  } const known{wire_};
  wire_ = &wire;
  const Attempt<> opened = co_await wire.open();
  if (!opened) co_return opened.error();
  co_return co_await converse(wire);
}

void RedisLink::succeeded() {
  good_ = true;
  good_since_ = std::chrono::steady_clock::now();
  log::info("redis.connected", {{"place", parts_.url.place()}, {"by", name_}});
  if (std::exchange(away_, false)) parts_.status.back();
}

void RedisLink::ended(const Failure& failure) {
  if (away_) {
    log::debug("redis.still_away", {{"by", name_}, {"why", failure.why}});
    return;
  }
  away_ = true;
  log::warn("redis.lost", {{"place", parts_.url.place()}, {"by", name_}, {"why", failure.why}});
  parts_.status.lost(may_miss_);
}

}  // namespace corohub::ingest
