#include "gateway/ofrep/streams.hpp"

#include "gateway/ofrep/concern.hpp"

#include <algorithm>
#include <new>
#include <optional>
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

Person Streams::PersonOf::operator()(const EvaluationStream& stream) const noexcept {
  const flags::Viewer& viewer = stream.caller().viewer;
  return {viewer.kind, viewer.kind == flags::Viewer::Kind::client ? viewer.client_id : viewer.user_id};
}

Streams::Streams(const Desk& desk, std::string epoch, Crowd crowd)
    : desk_(desk), epoch_(std::move(epoch)), crowd_(crowd) {
  desk_.flags.add_listener(*this);
  desk_.service_keys.add_listener(*this);
  desk_.client_keys.add_listener(*this);
}

Streams::~Streams() {
  desk_.flags.remove_listener(*this);
  desk_.service_keys.remove_listener(*this);
  desk_.client_keys.remove_listener(*this);
}

std::uint64_t Streams::keys_ended(const Caller& caller) const noexcept {
  return caller.client_key ? desk_.client_keys.ends() : desk_.service_keys.ends();
}

bool Streams::may_stay(Caller& caller, const PlaceName& place, std::uint64_t keys_ended) const {
  if (caller.principal) {
    Result<auth::Principal> live = desk_.authenticator.check_again(*caller.principal);
    if (!live) return false;
    caller = Caller::of(std::move(*live));
  }
  if (caller.key && desk_.service_keys.has_ended_since(keys_ended, *caller.key)) return false;
  if (caller.client_key && desk_.client_keys.has_ended_since(keys_ended, *caller.client_key)) return false;
  return find_place(desk_.flags, caller, place).has_value();
}

void Streams::add(EvaluationStream& stream) {
  by_namespace_[stream.place().name_space].streams.insert(stream);
}

void Streams::remove(EvaluationStream& stream) noexcept {
  const auto found = by_namespace_.find(stream.place().name_space);
  List& list = found->second.streams;
  list.erase(list.iterator_to(stream));
  if (list.empty()) by_namespace_.erase(found);
}

// ---- what changes ----

// A stream that is ended leaves the list later (see hub::Member::close). Without memory to look closer all
// are told.
void Streams::namespace_changed(const flags::NamespaceChange& change) noexcept {
  const auto found = by_namespace_.find(change.after ? change.after->key : change.before->key);
  if (found == by_namespace_.end()) return;
  try {
    tell(found->second, change);
  } catch (const std::bad_alloc&) {
    for (EvaluationStream& stream : found->second.streams) stream.refetch(std::chrono::milliseconds(0));
  }
}

void Streams::tell(Group& group, const flags::NamespaceChange& change) const {
  Concerns concerns;
  const SteadyTime now = desk_.shard.now();
  std::erase_if(group.paces,
                [&](const auto& one) { return !change.after || !change.after->environment(one.first); });
  const auto look = [&](const EvaluationStream& stream, const Place& is) {
    if (!change.before) return true;
    const flags::Standing was(stream.caller().viewer, *change.before, is.who.client(), is.who.now());
    const flags::Environment* const before = environment_of(was, stream.place().environment);
    return before == nullptr || concerns.of(was, *before, is.who, is.environment);
  };
  for (EvaluationStream& stream : group.streams) {
    const Result<Place> place = find_place(desk_.flags, stream.caller(), stream.place());
    if (!place)
      stream.end();
    else if (!stream.is_waiting() && look(stream, *place))
      stream.refetch(group.paces[place->environment.key].next(crowd_, now));
  }
}

// Streams with a key of the client, and those of the users whose client it was and is.
void Streams::client_changed(const flags::ClientChange& change) noexcept {
  const flags::Client* const before = change.before.get();
  const flags::Client* const after = change.after.get();
  const flags::Client& either = after != nullptr ? *after : *before;
  const flags::NamespaceRef* const name_space = desk_.flags.find(either.namespace_id);
  const auto found = name_space ? by_namespace_.find((*name_space)->key) : by_namespace_.end();
  if (found == by_namespace_.end()) return;
  const bool differs = before == nullptr || after == nullptr || concerns(*before, *after);
  const std::optional<UserId> was = before != nullptr ? before->user_id : std::nullopt;
  const std::optional<UserId> is = after != nullptr ? after->user_id : std::nullopt;
  if (differs) tell(found->second, {flags::Viewer::Kind::client, either.id});
  if (was && (differs || was != is)) tell(found->second, {flags::Viewer::Kind::user, *was});
  if (is && was != is) tell(found->second, {flags::Viewer::Kind::user, *is});
}

void Streams::tell(Group& group, const Person& whose) const noexcept {
  const auto [begin, end] = group.streams.equal_range(whose);
  try {
    for (auto stream = begin; stream != end; ++stream) {
      const Result<Place> place = find_place(desk_.flags, stream->caller(), stream->place());
      if (!place)
        stream->end();
      else if (!stream->is_waiting())
        stream->refetch(group.paces[place->environment.key].next(crowd_, desk_.shard.now()));
    }
  } catch (const std::bad_alloc&) {
    for (auto stream = begin; stream != end; ++stream) stream->refetch(std::chrono::milliseconds(0));
  }
}

// ---- keys that end ----

template <class Visit>
void Streams::for_all(Visit visit) {
  for (auto& [name, group] : by_namespace_)
    for (EvaluationStream& stream : group.streams) visit(stream);
}

void Streams::service_keys_ended(const users::EndedKeys& which) noexcept {
  for_all([&](EvaluationStream& stream) {
    if (stream.caller().key && which.concerns(*stream.caller().key)) stream.end();
  });
}

// Those of a client that is disabled or gone have no place by then: see client_changed().
void Streams::client_keys_ended(const flags::EndedClientKeys& which) noexcept {
  if (which.id == 0) return;
  for_all([&](EvaluationStream& stream) {
    if (stream.caller().client_key && which.concerns(*stream.caller().client_key)) stream.end();
  });
}

}  // namespace corohub::gateway::ofrep
