#include "gateway/ofrep/ofrep.hpp"

#include "gateway/ofrep/state.hpp"

#include <string_view>
#include <utility>

namespace corohub::gateway::ofrep {
namespace {

constexpr std::array<std::string_view, outcome_count> outcome_names = {
    "ok", "not_modified", "flag_not_found", "evaluation_error", "invalid_context", "refused"};

}  // namespace

Counts::Counts() {
  for (std::size_t i = 0; i < requests_.size(); ++i)
    requests_[i] = &metrics::counter("corohub_ofrep_requests_total", "Requests for evaluations, by result.",
                                     {{"result", std::string(outcome_names[i])}});
  for (std::size_t i = 0; i < evaluations_.size(); ++i)
    evaluations_[i] =
        &metrics::counter("corohub_flag_evaluations_total", "Evaluations of flags, by reason.",
                          {{"reason", std::string(flags::name(static_cast<flags::Reason>(i)))}});
}

void Counts::add(const ReasonCounts& reasons) const noexcept {
  for (std::size_t i = 0; i < reasons.size(); ++i)
    if (reasons[i] > 0) evaluations_[i]->Increment(reasons[i]);
}

// Made on the shard's own thread: it listens to what is applied there.
Streams& State::streams(std::size_t shard) {
  ShardState& here = *shards[shard];
  if (!here.streams) {
    const Crowd crowd(shards.size(), settings.refetches_per_second);
    here.streams = std::make_unique<Streams>(here.desk, parts.epoch, crowd);
  }
  return *here.streams;
}

Ofrep::Ofrep(Parts parts, const Settings& settings)
    : state_(std::make_shared<State>(std::move(parts), settings)) {}

void Ofrep::add_shard(const Desk& desk) {
  state_->shards.push_back(std::make_unique<ShardState>(desk, state_->parts));
}

void Ofrep::add_routes(http::Router& router) {
  add_evaluation_routes(router, state_);
  add_stream_route(router, state_);
}

}  // namespace corohub::gateway::ofrep
