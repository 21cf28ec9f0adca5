// The streams of one shard, by namespace: told when a change may concern them, and ended with their rights.
// Used on its shard's thread only; it outlives its streams.
#pragma once

#include "flags/directory.hpp"
#include "gateway/ofrep/evaluation_stream.hpp"
#include "gateway/session/desk.hpp"
#include "users/service_key_cache.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <unordered_map>
#include <vector>

namespace corohub::gateway::ofrep {

// Beyond so many streams of an environment, those of all shards together, the rest is told in a steady rate:
// all will ask again.
inline constexpr std::size_t streams_told_at_once = 2000;

// A shard's share of what the process may do.
struct Crowd {
  Crowd(std::size_t shards, std::uint32_t refetches_per_second);

  std::size_t at_once;
  double per_second;  // 0: all at once
};

// The rate in which the streams of one environment are told, whichever changes they are told of: as many at
// once as the crowd may, which are there again after a while without.
class Pace {
 public:
  // In how long the next one may be told, which is taken for told.
  std::chrono::milliseconds next(const Crowd& crowd, SteadyTime now) noexcept;

 private:
  double told_ = 0;  // and not made up for yet
  SteadyTime at_{};
};

class Streams final : private flags::DirectoryListener, private users::ServiceKeyListener {
 public:
  Streams(const Desk& desk, std::string epoch, Crowd crowd);
  ~Streams();
  Streams(const Streams&) = delete;
  Streams& operator=(const Streams&) = delete;

  const Desk& desk() const noexcept { return desk_; }
  const std::string& epoch() const noexcept { return epoch_; }
  // Whether the caller has its right still, which is judged in this turn.
  bool may_stay(Caller& caller, const PlaceName& place) const;

  void add(EvaluationStream& stream);
  void remove(EvaluationStream& stream) noexcept;

 private:
  using List = std::vector<EvaluationStream*>;
  struct Group {
    List streams;
    std::map<std::string, Pace> paces;  // by environment
  };

  // ---- flags::DirectoryListener ----
  void namespace_changed(const flags::NamespaceChange& change) noexcept override;
  // ---- users::ServiceKeyListener ----
  void service_keys_ended(const users::EndedKeys& which) noexcept override;

  void tell(Group& group, const flags::NamespaceChange& change) const;

  const Desk& desk_;
  const std::string epoch_;
  const Crowd crowd_;
  std::unordered_map<std::string, Group> by_namespace_;
};

}  // namespace corohub::gateway::ofrep
