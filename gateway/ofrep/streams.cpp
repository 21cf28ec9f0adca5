#include "gateway/ofrep/streams.hpp"

#include "gateway/ofrep/concern.hpp"

#include <algorithm>
#include <map>
#include <new>
#include <utility>

namespace corohub::gateway::ofrep {

Crowd::Crowd(std::size_t shards, std::uint32_t refetches_per_second)
    : at_once(std::max<std::size_t>(1, streams_told_at_once / std::max<std::size_t>(1, shards))),
      per_second(static_cast<double>(refetches_per_second) /
                 static_cast<double>(std::max<std::size_t>(1, shards))) {}

std::chrono::milliseconds Pace::next(const Crowd& crowd, SteadyTime now) noexcept {
  if (crowd.per_second == 0) return std::chrono::milliseconds(0);
  const std::chrono::duration<double> since = now - at_;
  told_ = std::max(0.0, told_ - since.count() * crowd.per_second);
  at_ = now;
  const double ahead = told_++ - static_cast<double>(crowd.at_once);
  return std::chrono::milliseconds(static_cast<std::int64_t>(std::max(0.0, ahead) * 1000 / crowd.per_second));
}

Streams::Streams(const Desk& desk, std::string epoch, Crowd crowd)
    : desk_(desk), epoch_(std::move(epoch)), crowd_(crowd) {
  desk_.flags.add_listener(*this);
  desk_.service_keys.add_listener(*this);
}

Streams::~Streams() {
  desk_.flags.remove_listener(*this);
  desk_.service_keys.remove_listener(*this);
}

bool Streams::may_stay(Caller& caller, const PlaceName& place) const {
  if (caller.principal) {
    Result<auth::Principal> live = desk_.authenticator.check_again(*caller.principal);
    if (!live) return false;
    caller = Caller::of(std::move(*live));
  }
  return find_place(desk_.flags, caller.viewer, place).has_value();
}

void Streams::add(EvaluationStream& stream) {
  List& list = by_namespace_[stream.place().name_space].streams;
  stream.slot = list.size();
  list.push_back(&stream);
}

void Streams::remove(EvaluationStream& stream) noexcept {
  const auto found = by_namespace_.find(stream.place().name_space);
  List& list = found->second.streams;
  list[stream.slot] = list.back();
  list[stream.slot]->slot = stream.slot;
  list.pop_back();
  if (list.empty()) by_namespace_.erase(found);
}

// A stream that is ended leaves the list later (see hub::Member::close). Without memory to look closer all
// are told.
void Streams::namespace_changed(const flags::NamespaceChange& change) noexcept {
  const auto found = by_namespace_.find(change.after ? change.after->key : change.before->key);
  if (found == by_namespace_.end()) return;
  try {
    tell(found->second, change);
  } catch (const std::bad_alloc&) {
    for (EvaluationStream* const stream : found->second.streams)
      stream->refetch(std::chrono::milliseconds(0));
  }
}

void Streams::tell(Group& group, const flags::NamespaceChange& change) const {
  std::map<std::pair<flags::Viewer::Kind, std::string>, bool> concerned;  // by viewer and environment
  const SteadyTime now = desk_.shard.now();
  std::erase_if(group.paces,
                [&](const auto& one) { return !change.after || !change.after->environment(one.first); });
  const auto look = [&](const EvaluationStream& stream, const Place& now_at) {
    const flags::Viewer& viewer = stream.caller().viewer;
    const auto [place, is_new] = concerned.try_emplace({viewer.kind, stream.place().environment}, true);
    if (!is_new || !change.before) return place->second;
    const flags::EnvironmentRef* before = change.before->environment(stream.place().environment);
    const flags::Standing was(viewer, *change.before, now_at.who.client(), desk_.shard.clock().unix_ms());
    return place->second = before == nullptr || concerns(was, **before, now_at.who, now_at.environment);
  };
  for (EvaluationStream* const stream : group.streams) {
    const Result<Place> place = find_place(desk_.flags, stream->caller().viewer, stream->place());
    if (!place)
      stream->end();
    else if (!stream->is_waiting() && look(*stream, *place))
      stream->refetch(group.paces[place->environment.key].next(crowd_, now));
  }
}

void Streams::service_keys_ended(const users::EndedKeys& which) noexcept {
  for (auto& [name, group] : by_namespace_)
    for (EvaluationStream* const stream : group.streams)
      if (stream->caller().key && which.concerns(*stream->caller().key)) stream->end();
}

}  // namespace corohub::gateway::ofrep
