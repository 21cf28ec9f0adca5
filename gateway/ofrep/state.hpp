// What the routes of this room share. For this room only; ofrep.hpp is what others see.
#pragma once

#include "auth/rate_limit.hpp"
#include "core/metrics.hpp"
#include "gateway/ofrep/answers.hpp"
#include "gateway/ofrep/ofrep.hpp"
#include "gateway/ofrep/stream_token.hpp"
#include "gateway/ofrep/streams.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

namespace corohub::gateway::ofrep {

// What became of a request.
enum class Outcome : std::uint8_t {
  ok,
  not_modified,
  flag_not_found,
  evaluation_error,
  invalid_context,
  refused,  // no credential, no place, too many
};
inline constexpr std::size_t outcome_count = static_cast<std::size_t>(Outcome::refused) + 1;

// References into the registry, looked up once, when the server starts. Safe from any thread.
class Counts {
 public:
  Counts();
  void add(Outcome outcome) const noexcept { requests_[static_cast<std::size_t>(outcome)]->Increment(); }
  void add(const ReasonCounts& reasons) const noexcept;

 private:
  std::array<metrics::Counter*, outcome_count> requests_{};
  std::array<metrics::Counter*, flags::reason_count> evaluations_{};
};

// What one shard has of its own. Used on its thread only.
struct ShardState {
  ShardState(const Desk& its_desk, const Parts& parts) : desk(its_desk), tokens(parts.keys, parts.clock) {}

  const Desk& desk;
  StreamTokens tokens;
  std::unique_ptr<Streams> streams;  // as soon as one is opened
};

struct State {
  State(Parts its_parts, const Settings& its_settings)
      : parts(std::move(its_parts)),
        settings(its_settings),
        requests(settings.requests, parts.clock),
        service_requests(settings.service_requests, parts.clock),
        failures(settings.requests, parts.clock) {}

  Streams& streams(std::size_t shard);

  const Parts parts;
  const Settings settings;
  auth::RateLimiter requests;          // by user, and by address of guests
  auth::RateLimiter service_requests;  // by key
  auth::RateLimiter failures;          // by address of those who prove to be nobody
  const Counts counts;
  std::vector<std::unique_ptr<ShardState>> shards;
};

void add_evaluation_routes(http::Router& router, const std::shared_ptr<State>& state);
void add_stream_route(http::Router& router, const std::shared_ptr<State>& state);

}  // namespace corohub::gateway::ofrep
