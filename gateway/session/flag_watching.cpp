#include "gateway/session/flag_watching.hpp"

#include "core/log.hpp"
#include "gateway/session/flag_watching_parts.hpp"
#include "gateway/session/session.hpp"

#include <algorithm>
#include <functional>
#include <new>
#include <utility>

namespace corohub::gateway {
namespace {

std::int64_t id_of(const flags::Viewer& viewer) noexcept {
  switch (viewer.kind) {
    case flags::Viewer::Kind::user:
      return viewer.user_id;
    case flags::Viewer::Kind::client:
      return viewer.client_id;
    case flags::Viewer::Kind::service:
      return viewer.service_key;
    case flags::Viewer::Kind::guest:
      break;
  }
  return 0;
}

}  // namespace

// ---- the index ----

bool FlagWatching::KeyLess::operator()(const Key& a, const Key& b) const noexcept {
  return std::tie(a.name_space, a.kind, a.id, a.environment, a.context, a.text) <
         std::tie(b.name_space, b.kind, b.id, b.environment, b.context, b.text);
}

bool FlagWatching::KeyLess::operator()(const Key& a, const Prefix& b) const noexcept {
  if (const int order = a.name_space.compare(b.name_space); order != 0) return order < 0;
  return b.viewer && std::pair(a.kind, a.id) < *b.viewer;
}

bool FlagWatching::KeyLess::operator()(const Prefix& a, const Key& b) const noexcept {
  if (const int order = b.name_space.compare(a.name_space); order != 0) return order > 0;
  return a.viewer && *a.viewer < std::pair(b.kind, b.id);
}

FlagWatching::FlagWatching(hub::Shard& shard, flags::Directory& directory, FlagWatchLimits limits)
    : shard_(shard),
      directory_(directory),
      limits_(limits),
      asked_(limits.watches_per_viewer, shard.clock()),
      watchers_gauge_(metrics::gauge("corohub_flag_watchers", "Connections that watch values of flags.")),
      push_seconds_(metrics::histogram("corohub_flag_push_seconds",
                                       "From the commit of a change to the last send of the values of those "
                                       "who are evaluated together.",
                                       {0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1})),
      resyncs_(metrics::counter("corohub_flag_resyncs_total",
                                "Watchers told to watch again, instead of what has changed.")) {
  directory_.add_listener(*this);
}

FlagWatching::~FlagWatching() {
  directory_.remove_listener(*this);
  watchers_gauge_.Decrement(static_cast<double>(watches_.size()));
}

// ---- who watches ----

std::optional<FlagWatching::Place> FlagWatching::find_place(const Key& key,
                                                            const flags::Viewer& viewer) const noexcept {
  const flags::NamespaceRef* const found = directory_.find(key.name_space);
  if (found == nullptr) return std::nullopt;
  const flags::Standing who = directory_.standing(viewer, **found);
  const flags::EnvironmentRef* const environment =
      (*found)->environment(key.environment.empty() ? who.home().key : key.environment);
  if (environment == nullptr || !who.may_evaluate(**environment)) return std::nullopt;
  return Place{who, *environment};
}

// A client has one; `default` is everybody else's.
std::string FlagWatching::own_namespace(const flags::Viewer& viewer) const {
  if (viewer.kind == Kind::client)
    if (const flags::ClientRef* client = directory_.clients().find(viewer.client_id))
      if (const flags::NamespaceRef* own = directory_.find((*client)->namespace_id)) return (*own)->key;
  return "default";
}

// A watch evaluates all flags that its viewer sees. Guests have no name, and a client's key may be in
// everybody's hands, so they count by their addresses.
std::optional<Refusal> FlagWatching::refuse(const Session& session, const WatchFlags& asked,
                                            bool is_counted) {
  const flags::Viewer viewer = viewer_of(session.identity());
  const bool by_address = viewer.kind == Kind::guest || viewer.kind == Kind::client;
  const std::string key =
      by_address ? auth::rate_key(session.address())
                 : std::to_string(static_cast<int>(viewer.kind)) + ":" + std::to_string(id_of(viewer));
  if (is_counted && !session.exempt() && !asked_.take(key).allowed)
    return Refusal{name(ErrorCode::rate_limited), "You begin to watch more often than you may."};
  if (asked.keys && asked.keys->size() > watch_keys_max)
    return Refusal{"invalid_message", "keys may be at most 2000."};
  return std::nullopt;
}

std::optional<Refusal> FlagWatching::resolve(const Session& session, WatchFlags& asked, const FlagText* text,
                                             Asked& found, bool is_counted) {
  if (std::optional<Refusal> refusal = refuse(session, asked, is_counted)) return refusal;
  Result<flags::Context> context = flags::Context::read(std::move(asked.context));
  if (!context) return Refusal{"invalid_context", context.error().detail};
  found.viewer = viewer_of(session.identity());
  found.key = {asked.name_space.empty() ? own_namespace(found.viewer) : asked.name_space,
               found.viewer.kind,
               id_of(found.viewer),
               asked.environment,
               context->canonical(),
               text};
  if (found.key.context.size() > watch_context_bytes_max)
    return Refusal{"invalid_context", "The context may be at most 8 KiB of JSON."};
  const std::optional<Place> place = find_place(found.key, found.viewer);
  if (!place) return Refusal{name(ErrorCode::not_found), "There is no such namespace or environment."};
  found.place.emplace(*place);
  found.context = std::move(*context);
  found.context.set_caller(place->who, place->environment->key);
  return std::nullopt;
}

void FlagWatching::append_item(std::string& out, const FlagText* text, const Place& place,
                               const flags::Evaluation& evaluation) {
  const json::object* const limits = place.who.limits_of(*evaluation.flag->identity);
  if (text != nullptr)
    text->append(out, evaluation, limits);
  else
    flags::append_evaluation(out, *place.environment, evaluation, nullptr, limits);
}

// To a list, without its brackets. Answers what a group is to remember of it.
std::vector<std::uint64_t> FlagWatching::append_all(std::string& list, Asked& asked,
                                                    const std::optional<std::vector<std::string>>& keys,
                                                    std::int64_t now_seconds) {
  const flags::Environment& environment = *asked.place->environment;
  flags::Evaluator evaluator(environment, asked.context, now_seconds);
  std::vector<std::uint64_t> told(environment.flags().size(), 0);
  std::string item;
  std::string_view separator;
  for (std::size_t i = 0; i < told.size(); ++i) {
    const flags::Flag& flag = environment.flags()[i];
    if (!asked.place->who.sees(flag)) continue;
    item.clear();
    append_item(item, asked.key.text, *asked.place, evaluator.evaluate(flag));
    told[i] = hash_of(item);
    if (wants(keys, flag.key())) list.append(std::exchange(separator, ",")).append(item);
  }
  return told;
}

std::optional<Refusal> FlagWatching::refuse_size(Session& session, std::size_t bytes) {
  if (session.has_room_for(bytes)) return std::nullopt;
  return Refusal{name(ErrorCode::overloaded), "Too much waits for you already: read it, or ask for less."};
}

void FlagWatching::watch(Session& session, const RequestId& id, WatchFlags& asked) {
  Asked found;
  if (const std::optional<Refusal> refusal = resolve(session, asked, nullptr, found))
    return session.answer(id, *refusal);
  if (asked.keys) std::ranges::sort(*asked.keys);
  std::string text = R"({"flags":[)";
  std::vector<std::uint64_t> told = append_all(text, found, asked.keys, shard_.clock().unix_ms() / 1000);
  text += R"(],"metadata":)";
  const flags::Environment& environment = *found.place->environment;
  flags::append_set_metadata(text, found.key.name_space, environment);
  // The change is known to the shard before the events that it makes, which have its number.
  const Seq seq = std::max(shard_.head(), environment.revision);
  text.append(R"(,"seq":)").append(std::to_string(seq)).append("}");
  if (const std::optional<Refusal> refusal = refuse_size(session, text.size()))
    return session.answer(id, *refusal);
  begin(session, found, std::move(told), std::move(asked.keys));
  session.answer(id, JsonText{std::move(text), hub::Audience::one_connection()});
}

std::optional<Refusal> FlagWatching::watch(Session& session, WatchFlags asked, const FlagText& text,
                                           std::string& list, bool is_counted) {
  Asked found;
  if (std::optional<Refusal> refusal = resolve(session, asked, &text, found, is_counted)) return refusal;
  list = "[";
  std::vector<std::uint64_t> told = append_all(list, found, {}, shard_.clock().unix_ms() / 1000);
  list += ']';
  begin(session, found, std::move(told), {});
  return std::nullopt;
}

std::optional<Refusal> FlagWatching::read(Session& session, WatchFlags asked, const FlagText& text,
                                          std::string& list) {
  Asked found;
  if (std::optional<Refusal> refusal = resolve(session, asked, &text, found)) return refusal;
  list = "[";
  append_all(list, found, {}, shard_.clock().unix_ms() / 1000);
  list += ']';
  return std::nullopt;
}

// What the session watched before ends.
void FlagWatching::begin(Session& session, Asked& asked, std::vector<std::uint64_t> told,
                         std::optional<std::vector<std::string>> keys) {
  end(session);
  const Groups::iterator group = group_for(std::move(asked.key), session, *asked.place);
  if (group->second->of.empty()) {
    group->second->seen = asked.place->environment;
    group->second->rights = rights_of(asked.place->who);
    group->second->told = std::move(told);
  }
  add(session, group, std::move(keys));
}

// One that has nothing to say: the newcomer knows the newest. An empty one, if there is none.
FlagWatching::Groups::iterator FlagWatching::group_for(Key key, const Session& session, const Place& place) {
  const auto [begin, end] = groups_.equal_range(key);
  for (auto one = begin; one != end; ++one)
    if (!one->second->waits && one->second->seen == place.environment) return one;
  auto group = std::make_unique<Group>(*this, session.identity());
  const Groups::iterator made = groups_.emplace(std::move(key), std::move(group));
  made->second->place = made;
  return made;
}

void FlagWatching::add(Session& session, Groups::iterator group,
                       std::optional<std::vector<std::string>> keys) {
  std::vector<std::unique_ptr<Watch>>& members = group->second->of;
  try {
    auto watch = std::make_unique<Watch>(Watch{session, group, members.size(), std::move(keys)});
    members.reserve(members.size() + 1);
    watches_.emplace(&session, watch.get());
    members.push_back(std::move(watch));
  } catch (const std::bad_alloc&) {
    if (members.empty()) groups_.erase(group);
    throw;
  }
  watchers_gauge_.Increment();
}

// An empty group ends with its last member.
void FlagWatching::remove(Watch& watch) noexcept {
  const Groups::iterator group = watch.group;
  std::vector<std::unique_ptr<Watch>>& members = group->second->of;
  const std::size_t slot = watch.slot;
  watches_.erase(&watch.session);
  std::swap(members[slot], members.back());
  members[slot]->slot = slot;
  members.pop_back();
  watchers_gauge_.Decrement();
  if (members.empty()) groups_.erase(group);
}

void FlagWatching::unwatch(Session& session, const RequestId& id) {
  end(session);
  session.answer(id, JsonText{"{}", hub::Audience::one_connection()});
}

void FlagWatching::end(const Session& session) noexcept {
  if (const auto found = watches_.find(&session); found != watches_.end()) remove(*found->second);
}

void FlagWatching::role_changed(const Session& session) noexcept {
  const auto found = watches_.find(&session);
  if (found == watches_.end()) return;
  Group& group = *found->second->group->second;
  group.who.role = session.identity().role;
  mark(group);
}

// ---- what has changed ----

const flags::TouchedFlags& FlagWatching::touched(const Group& group, const Place& place) {
  const bool all = rights_of(place.who) != group.rights;
  const bool by_name = group.place->first.text != nullptr;
  const auto [known, is_new] = differences_.try_emplace({group.seen, place.environment, all, by_name});
  if (is_new) known->second = flags::touched_flags(*group.seen, *place.environment, all, by_name);
  return known->second;
}

// A change may come while many watch: no more than this is done in its turn.
void FlagWatching::namespace_changed(const flags::NamespaceChange& change) noexcept {
  const std::string& key = change.after ? change.after->key : change.before->key;
  const auto [begin, end] = groups_.equal_range(Prefix{key});
  for (auto one = begin; one != end; ++one) mark(*one->second);
}

void FlagWatching::client_changed(const flags::ClientChange& change) noexcept {
  if (groups_.empty()) return;
  const auto mark_viewer = [&](std::string_view name_space, Kind kind, std::int64_t id) {
    const auto [begin, end] = groups_.equal_range(Prefix{name_space, std::pair(kind, id)});
    for (auto one = begin; one != end; ++one) mark(*one->second);
  };
  const std::int64_t where = (change.after ? change.after : change.before)->namespace_id;
  const auto name_space = std::ranges::find(directory_.all(), where, [](const auto& one) { return one->id; });
  if (name_space == directory_.all().end()) return;  // it is gone, and so are its groups
  for (const flags::ClientRef& client : {change.before, change.after}) {
    if (!client) continue;
    mark_viewer((*name_space)->key, Kind::client, client->id);
    if (client->user_id) mark_viewer((*name_space)->key, Kind::user, *client->user_id);
  }
}

void FlagWatching::mark(Group& group) noexcept {
  if (std::exchange(group.waits, true)) return;
  group.since = shard_.committed().value_or(shard_.clock().steady());
  if (shard_.now() >= group.next_at) return make_marked(group);
  shard_.wheel().arm(group, group.next_at);
}

void FlagWatching::make_marked(Group& group) noexcept {
  marked_.push_back(group);
  if (!std::exchange(posted_, true)) post_.post(shard_.context(), [this]() noexcept { go_on(); });
}

// Between two slices others have their turn: deliveries, and what clients ask.
void FlagWatching::go_on() noexcept {
  posted_ = false;
  const SteadyTime end = shard_.clock().steady() + limits_.slice;
  do {
    if (!marked_.empty())
      look_at(marked_.front());
    else if (!ready_.empty())
      tell_ready(ready_.front());
    if (marked_.empty() && ready_.empty()) {
      too_much_ = false;
      return differences_.clear();
    }
  } while (shard_.clock().steady() < end);
  posted_ = true;
  post_.post(shard_.context(), [this]() noexcept { go_on(); });
}

// Without memory to look closer it is evaluated.
void FlagWatching::look_at(Group& group) noexcept {
  marked_.pop_front();
  ++comparisons_;
  const std::optional<Place> place = find_place(group.place->first, viewer_of(group.who));
  try {
    if (place) {
      group.values = compare(group, *place) * group.of.size();
      values_ += group.values;
      if (group.values == 0) {
        group.waits = false;
        group.seen = place->environment;
        group.rights = rights_of(place->who);
        return;
      }
    }
  } catch (const std::bad_alloc&) {
  }
  ready_.push_back(group);
}

// How many flags may have changed for it.
std::size_t FlagWatching::compare(Group& group, const Place& place) {
  const flags::TouchedFlags& what = touched(group, place);
  return what.flags.empty() && !what.moved.empty() ? 1 : what.flags.size();
}

void FlagWatching::tell_ready(Group& group) noexcept {
  ready_.pop_front();
  too_much_ = too_much_ || values_ > limits_.values_max;
  values_ -= std::exchange(group.values, 0);
  group.waits = false;
  try {
    tell(group);
  } catch (const std::bad_alloc&) {
    log::error("flag_watching.out_of_memory");
    for (const std::unique_ptr<Watch>& watch : group.of) watch->session.close(CloseReason::overloaded);
  }
}

}  // namespace corohub::gateway
