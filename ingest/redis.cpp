#include "ingest/redis.hpp"

#include "ingest/redis_channel.hpp"
#include "ingest/redis_stream.hpp"

#include <utility>

namespace corohub::ingest {

Redis::Redis(asio::io_context& context, flags::Flags& flags, const Settings& settings,
             std::function<void(std::string_view message)> tell)
    : url_(parse_redis_url(settings.url.reveal()).value()), status_(std::move(tell)) {
  const RedisLink::Parts parts{context, flags, settings.access, url_, status_};
  if (!settings.channel.empty()) links_.push_back(std::make_unique<RedisChannel>(parts, settings.channel));
  if (!settings.stream.empty()) links_.push_back(std::make_unique<RedisStream>(parts, settings.stream));
}

Redis::~Redis() = default;

void Redis::start() {
  for (const std::unique_ptr<RedisLink>& link : links_) link->start();
}

void Redis::stop() noexcept {
  for (const std::unique_ptr<RedisLink>& link : links_) link->stop();
}

}  // namespace corohub::ingest
