#include "server/shards.hpp"

#include <algorithm>
#include <thread>
#include <utility>

namespace corohub::server {
namespace {

// The other half of the cores is for the writer, the readers, the hasher and the kernel: with a shard on
// every core they take turns with each other, and events of a burst part into more and smaller sends.
std::size_t count_of(const Settings& settings) {
  if (settings.shards != 0) return settings.shards;
  return std::max(1U, std::thread::hardware_concurrency() / 2);
}

hub::ShardLimits limits_of(const Settings& settings, std::size_t count) {
  hub::ShardLimits limits = settings.shard;
  limits.topics = std::max<std::size_t>(1, settings.topics_max / count);
  return limits;
}

}  // namespace

Shards::Shards(Services& services, const Settings& settings, const Clock& clock, http::Server& server) {
  const std::size_t count = count_of(settings);
  const hub::ShardLimits limits = limits_of(settings, count);
  const hub::LogState log = services.read_recent(settings.shard.tail);
  std::vector<hub::Shard*> of_hub;
  for (std::size_t i = 0; i < count; ++i) {
    all_.push_back(std::make_unique<ShardThread>(i, services, settings, limits, clock, server, log));
    of_hub.push_back(&all_.back()->shard());
  }
  services.hub.set_shards(std::move(of_hub));
}

void Shards::start() {
  for (const std::unique_ptr<ShardThread>& shard : all_) shard->start();
}

std::size_t Shards::members() {
  std::size_t count = 0;
  on_each([&](ShardThread& shard) { count += shard.shard().size(); });
  return count;
}

std::vector<std::uint64_t> Shards::heartbeats() const {
  std::vector<std::uint64_t> beats;
  beats.reserve(all_.size());
  for (const std::unique_ptr<ShardThread>& shard : all_) beats.push_back(shard->shard().heartbeat());
  return beats;
}

}  // namespace corohub::server
