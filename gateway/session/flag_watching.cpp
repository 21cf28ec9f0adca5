#include "gateway/session/flag_watching.hpp"

#include "core/log.hpp"
#include "gateway/session/session.hpp"

#include <algorithm>
#include <functional>
#include <new>
#include <utility>

#include <boost/container_hash/hash.hpp>

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

// What evaluations know of a viewer beside the namespace: another number, and all flags may be others.
std::uint64_t rights_of(const flags::Standing& who) noexcept {
  std::size_t all = 0;
  boost::hash_combine(all, static_cast<int>(who.viewer().role));
  if (const flags::Client* client = who.client()) {
    boost::hash_combine(all, client->id);
    boost::hash_combine(all, client->version);
    boost::hash_combine(all, client->updated_at);
  }
  if (const flags::Package* package = who.package()) {
    boost::hash_combine(all, package->id);
    boost::hash_combine(all, package->version);
    boost::hash_combine(all, package->updated_at);
  }
  return all;
}

// Never 0.
std::uint64_t hash_of(std::string_view item) noexcept { return std::hash<std::string_view>()(item) | 1; }

// {"namespace":"bep","environment":"default","revision":12 and no end.
std::string head_of(std::string_view name_space, const flags::Environment& environment) {
  std::string head = R"({"namespace":)";
  append_json(head, name_space);
  head += R"(,"environment":)";
  append_json(head, environment.key);
  return head.append(R"(,"revision":)").append(std::to_string(environment.revision));
}

bool wants(const std::optional<std::vector<std::string>>& keys, std::string_view key) noexcept {
  return !keys || std::ranges::binary_search(*keys, key, std::less<>());
}

}  // namespace

// ---- the index ----

bool FlagWatching::KeyLess::operator()(const Key& a, const Key& b) const noexcept {
  return std::tie(a.name_space, a.kind, a.id, a.environment, a.context) <
         std::tie(b.name_space, b.kind, b.id, b.environment, b.context);
}

bool FlagWatching::KeyLess::operator()(const Key& a, const Prefix& b) const noexcept {
  if (const int order = a.name_space.compare(b.name_space); order != 0) return order < 0;
  return b.viewer && std::pair(a.kind, a.id) < *b.viewer;
}

bool FlagWatching::KeyLess::operator()(const Prefix& a, const Key& b) const noexcept {
  if (const int order = b.name_space.compare(a.name_space); order != 0) return order > 0;
  return a.viewer && *a.viewer < std::pair(b.kind, b.id);
}

// In this turn: where a viewer evaluates.
struct FlagWatching::Place {
  flags::Standing who;
  const flags::EnvironmentRef& environment;
};

// What is new for a group.
struct FlagWatching::Values {
  struct Item {
    std::string_view key;
    std::size_t begin;  // in `text`
    std::size_t size;
  };

  std::string data_for(const std::optional<std::vector<std::string>>& keys) const;

  std::string head;
  std::string text;
  std::vector<Item> items;
  std::vector<std::string_view> removed;
};

// Empty: nothing of these keys is new.
std::string FlagWatching::Values::data_for(const std::optional<std::vector<std::string>>& keys) const {
  std::string data = head + R"(,"flags":[)";
  bool any = false;
  std::string_view separator;
  for (const Item& item : items) {
    if (!wants(keys, item.key)) continue;
    data.append(std::exchange(separator, ",")).append(text, item.begin, item.size);
    any = true;
  }
  data += R"(],"removed":[)";
  separator = {};
  for (const std::string_view key : removed) {
    if (!wants(keys, key)) continue;
    append_json(data.append(std::exchange(separator, ",")), key);
    any = true;
  }
  return any ? data.append("]}") : std::string();
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

// A watch evaluates all flags that its viewer sees.
std::optional<Refusal> FlagWatching::refuse(const Session& session, const WatchFlags& asked) {
  const flags::Viewer viewer = viewer_of(session.identity());
  const std::string key = std::to_string(static_cast<int>(viewer.kind)) + ":" + std::to_string(id_of(viewer));
  if (!session.exempt() && !asked_.take(key).allowed)
    return Refusal{name(ErrorCode::rate_limited), "You begin to watch more often than you may."};
  if (asked.keys && asked.keys->size() > watch_keys_max)
    return Refusal{"invalid_message", "keys may be at most 2000."};
  return std::nullopt;
}

void FlagWatching::watch(Session& session, const RequestId& id, WatchFlags& asked) {
  if (const std::optional<Refusal> refusal = refuse(session, asked)) return session.answer(id, *refusal);
  Result<flags::Context> context = flags::Context::read(std::move(asked.context));
  if (!context) return session.answer(id, Refusal{"invalid_context", context.error().detail});
  const flags::Viewer viewer = viewer_of(session.identity());
  Key key{asked.name_space.empty() ? own_namespace(viewer) : asked.name_space, viewer.kind, id_of(viewer),
          asked.environment, context->canonical()};
  if (key.context.size() > watch_context_bytes_max)
    return session.answer(id, Refusal{"invalid_context", "The context may be at most 8 KiB of JSON."});
  const std::optional<Place> place = find_place(key, viewer);
  if (!place)
    return session.answer(id,
                          Refusal{name(ErrorCode::not_found), "There is no such namespace or environment."});

  const flags::Environment& environment = *place->environment;
  if (asked.keys) std::ranges::sort(*asked.keys);
  context->set_caller(place->who, environment.key);
  flags::Evaluator evaluator(environment, *context, shard_.clock().unix_ms() / 1000);
  std::vector<std::uint64_t> told(environment.flags().size(), 0);
  std::string text = R"({"flags":[)";
  std::string item;
  std::string_view separator;
  for (std::size_t i = 0; i < told.size(); ++i) {
    const flags::Flag& flag = environment.flags()[i];
    if (!place->who.sees(flag)) continue;
    item.clear();
    flags::append_evaluation(item, environment, evaluator.evaluate(flag), nullptr,
                             place->who.limits_of(*flag.identity));
    told[i] = hash_of(item);
    if (wants(asked.keys, flag.key())) text.append(std::exchange(separator, ",")).append(item);
  }
  text += R"(],"metadata":)";
  flags::append_set_metadata(text, key.name_space, environment);
  // The change is known to the shard before the events that it makes, which have its number.
  const Seq seq = std::max(shard_.head(), environment.revision);
  text.append(R"(,"seq":)").append(std::to_string(seq)).append("}");

  if (!session.has_room_for(text.size()))
    return session.answer(id, Refusal{name(ErrorCode::overloaded),
                                      "Too much waits for you already: read it, or ask for less."});
  end(session);
  const Groups::iterator group = group_for(std::move(key), session, *place);
  if (group->second->of.empty()) {
    group->second->seen = place->environment;
    group->second->rights = rights_of(place->who);
    group->second->told = std::move(told);
  }
  add(session, group, std::move(asked.keys));
  session.answer(id, JsonText{std::move(text), hub::Audience::one_connection()});
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
  const auto [known, is_new] = differences_.try_emplace({group.seen, place.environment, all});
  if (is_new) known->second = flags::touched_flags(*group.seen, *place.environment, all);
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

// ---- what is told ----

// A group may end here with its last member.
void FlagWatching::tell(Group& group) {
  const SteadyTime since = group.since;
  const flags::Viewer viewer = viewer_of(group.who);
  const std::optional<Place> place = find_place(group.place->first, viewer);
  if (!place) return end_all(group);
  if (too_much_) return resync_all(group, *place);
  const flags::EnvironmentRef before = group.seen;  // its keys are told
  Values values;
  evaluate(group, *place, values);
  if (values.items.empty() && values.removed.empty()) return;
  values.head = head_of(group.place->first.name_space, *place->environment);
  group.next_at = shard_.now() + limits_.interval;
  tell_members(group, values);
  push_seconds_.Observe(std::chrono::duration<double>(shard_.clock().steady() - since).count());
}

void FlagWatching::evaluate(Group& group, const Place& place, Values& values) {
  const flags::Environment& before = *group.seen;
  const flags::Environment& after = *place.environment;
  const flags::TouchedFlags& what = touched(group, place);
  std::vector<std::uint64_t> told(after.flags().size(), 0);
  for (std::size_t i = 0; i < told.size(); ++i) {
    const std::size_t old = what.moved.empty() ? i : what.moved[i];
    if (old != flags::Flag::none) told[i] = group.told[old];
  }
  if (!what.flags.empty()) {
    Result<json::value> sent = parse_json(group.place->first.context);
    flags::Context context = flags::Context::read(std::move(sent->get_object())).value();
    context.set_caller(place.who, after.key);
    flags::Evaluator evaluator(after, context, shard_.clock().unix_ms() / 1000);
    for (const flags::TouchedFlag& one : what.flags) {
      const std::uint64_t old = one.before == flags::Flag::none ? 0 : group.told[one.before];
      const flags::Flag* const flag = one.after == flags::Flag::none ? nullptr : &after.flags()[one.after];
      if (flag == nullptr || !place.who.sees(*flag)) {
        if (old != 0) values.removed.push_back(flag ? flag->key() : before.flags()[one.before].key());
        if (flag != nullptr) told[one.after] = 0;
        continue;
      }
      const std::size_t begin = values.text.size();
      flags::append_evaluation(values.text, after, evaluator.evaluate(*flag), nullptr,
                               place.who.limits_of(*flag->identity));
      ++evaluations_;
      const std::size_t size = values.text.size() - begin;
      const std::uint64_t now = hash_of(std::string_view(values.text).substr(begin, size));
      told[one.after] = now;
      if (now == old)
        values.text.resize(begin);
      else
        values.items.push_back({flag->key(), begin, size});
    }
  }
  group.told = std::move(told);
  group.rights = rights_of(place.who);
  group.seen = place.environment;
}

// From the last to the first: whoever is told to watch again leaves.
void FlagWatching::tell_members(Group& group, const Values& values) {
  const std::string for_all = values.data_for({});
  for (std::size_t i = group.of.size(); i-- > 0;) {
    Watch& watch = *group.of[i];
    if (watch.session.is_closing()) continue;
    const std::string own = watch.keys ? values.data_for(watch.keys) : std::string();
    const std::string& data = watch.keys ? own : for_all;
    if (data.empty()) continue;
    if (has_room_for(watch.session, data.size()))
      say(watch.session, data);
    else
      resync(watch, values.head);
  }
}

// The right to the place has ended, or the place.
void FlagWatching::end_all(Group& group) {
  Values values;
  const flags::EnvironmentRef seen = group.seen;
  const flags::NamespaceRef* const now = directory_.find(group.place->first.name_space);
  const flags::Environment* const after = now != nullptr ? (*now)->environment_by_id(seen->id) : nullptr;
  values.head = head_of(group.place->first.name_space, after != nullptr ? *after : *seen);
  for (std::size_t i = 0; i < group.told.size(); ++i)
    if (group.told[i] != 0) values.removed.push_back(seen->flags()[i].key());
  for (std::size_t left = group.of.size(); left > 0; --left) {
    Watch& watch = *group.of.back();
    Session& session = watch.session;
    std::string data = values.data_for(watch.keys);
    // Whoever has seen nothing must hear of the end as well, or it would wait for values for ever.
    if (data.empty()) data = values.head + R"(,"flags":[],"removed":[]})";
    data.pop_back();
    remove(watch);
    say(session, data + R"(,"resync":true})");
  }
}

void FlagWatching::resync_all(Group& group, const Place& place) {
  const std::string head = head_of(group.place->first.name_space, *place.environment);
  for (std::size_t left = group.of.size(); left > 0; --left) resync(*group.of.back(), head);
}

// It has read half of what waited for it, at least, after this.
bool FlagWatching::has_room_for(Session& session, std::size_t bytes) const noexcept {
  shard_.send_now(session);
  const hub::Outbox& outbox = session.outbox();
  return outbox.bytes() + bytes <= outbox.limits().bytes_max / 2 &&
         outbox.messages() < outbox.limits().messages_max / 2;
}

void FlagWatching::resync(Watch& watch, std::string_view head) {
  Session& session = watch.session;
  const std::string data = std::string(head) + R"(,"resync":true})";
  remove(watch);
  resyncs_.Increment();
  say(session, data);
}

// A client that misses something must not stay as if it had it.
void FlagWatching::say(Session& session, std::string_view data) noexcept {
  if (session.is_closing()) return;
  try {
    session.tell(FlagValues{data});
  } catch (const std::bad_alloc&) {
    session.close(CloseReason::overloaded);
  }
}

}  // namespace corohub::gateway
