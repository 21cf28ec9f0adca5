// What watchers are told of a change.
#include "core/log.hpp"
#include "gateway/session/flag_watching_parts.hpp"
#include "gateway/session/session.hpp"

#include <algorithm>
#include <chrono>
#include <new>
#include <utility>

#include <boost/container_hash/hash.hpp>

namespace corohub::gateway {
namespace {

// {"namespace":"bep","environment":"default","revision":12 and no end.
std::string head_of(std::string_view name_space, const flags::Environment& environment) {
  std::string head = R"({"namespace":)";
  append_json(head, name_space);
  head += R"(,"environment":)";
  append_json(head, environment.key);
  return head.append(R"(,"revision":)").append(std::to_string(environment.revision));
}

}  // namespace

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

// What is new for a group.
struct FlagWatching::Values {
  struct Item {
    std::string_view key;
    std::int64_t flag_id;
    std::size_t begin;  // in `text`
    std::size_t size;
    bool is_switched;
  };
  struct Removed {
    std::string_view key;
    std::int64_t flag_id;
    bool is_deleted;
  };

  bool empty() const noexcept { return items.empty() && removed.empty(); }
  std::string data_for(const std::optional<std::vector<std::string>>& keys) const;

  std::string head{};
  std::string text{};
  std::vector<Item> items{};
  std::vector<Removed> removed{};
  // For those who are told in a text of their own; `told_items` looks into `text`.
  std::vector<FlagItems::Item> told_items{};
  std::vector<std::int64_t> deleted{};
  bool has_hidden = false;
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
  for (const Removed& one : removed) {
    if (!wants(keys, one.key)) continue;
    append_json(data.append(std::exchange(separator, ",")), one.key);
    any = true;
  }
  return any ? data.append("]}") : std::string();
}

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
  if (values.empty()) return;
  values.head = head_of(group.place->first.name_space, *place->environment);
  group.next_at = shard_.now() + limits_.interval;
  tell_members(group, values);
  push_seconds_.Observe(std::chrono::duration<double>(shard_.clock().steady() - since).count());
}

void FlagWatching::evaluate(Group& group, const Place& place, Values& values) {
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
      const std::uint64_t now = evaluate(group, place, one, evaluator, values);
      if (one.after != flags::Flag::none) told[one.after] = now;
    }
  }
  group.told = std::move(told);
  group.rights = rights_of(place.who);
  group.seen = place.environment;
}

// What the group is to remember of the flag.
std::uint64_t FlagWatching::evaluate(const Group& group, const Place& place, const flags::TouchedFlag& one,
                                     flags::Evaluator& evaluator, Values& values) {
  const FlagText* const text = group.place->first.text;
  const bool was_seen = one.before != flags::Flag::none && group.told[one.before] != 0;
  const flags::Flag* const before = was_seen ? &group.seen->flags()[one.before] : nullptr;
  const flags::Flag* const flag =
      one.after == flags::Flag::none ? nullptr : &place.environment->flags()[one.after];
  // A key may have gone and come again, which the key alone does not show.
  const bool is_same = before != nullptr && flag != nullptr && before->identity->id == flag->identity->id;
  if (flag == nullptr || !place.who.sees(*flag)) {
    if (before != nullptr) values.removed.push_back({before->key(), before->identity->id, !is_same});
    return 0;
  }
  const bool is_another = text != nullptr && before != nullptr && !is_same;
  if (is_another) values.removed.push_back({before->key(), before->identity->id, true});
  const std::size_t begin = values.text.size();
  append_item(values.text, text, place, evaluator.evaluate(*flag));
  ++evaluations_;
  const std::size_t size = values.text.size() - begin;
  const std::uint64_t now = hash_of(std::string_view(values.text).substr(begin, size));
  if (before != nullptr && !is_another && now == group.told[one.before])
    values.text.resize(begin);
  else
    values.items.push_back(
        {flag->key(), flag->identity->id, begin, size, is_same && before->enabled != flag->enabled});
  return now;
}

// From the last to the first: whoever is told to watch again leaves.
void FlagWatching::tell_members(Group& group, Values& values) {
  if (group.place->first.text != nullptr) {
    for (const Values::Item& item : values.items)
      values.told_items.push_back(
          {item.flag_id, std::string_view(values.text).substr(item.begin, item.size), item.is_switched});
    for (const Values::Removed& one : values.removed)
      if (one.is_deleted)
        values.deleted.push_back(one.flag_id);
      else
        values.has_hidden = true;
  }
  const std::string for_all = group.place->first.text == nullptr ? values.data_for({}) : std::string();
  for (std::size_t i = group.of.size(); i-- > 0;)
    if (!group.of[i]->session.is_closing()) tell(*group.of[i], values, for_all);
}

void FlagWatching::tell(Watch& watch, const Values& values, const std::string& for_all) {
  Session& session = watch.session;
  if (watch.group->first.text != nullptr)
    return say(session, FlagItems{values.told_items, values.deleted, values.has_hidden});
  const std::string own = watch.keys ? values.data_for(watch.keys) : std::string();
  const std::string& data = watch.keys ? own : for_all;
  if (data.empty()) return;
  if (!has_room_for(session, data.size(), 1)) return resync(watch, values.head);
  say(session, FlagValues{data});
}

// The right to the place has ended, or the place.
void FlagWatching::end_all(Group& group) {
  if (group.place->first.text != nullptr) return hide_all(group);
  Values values;
  const flags::EnvironmentRef seen = group.seen;
  const flags::NamespaceRef* const now = directory_.find(group.place->first.name_space);
  const flags::Environment* const after = now != nullptr ? (*now)->environment_by_id(seen->id) : nullptr;
  values.head = head_of(group.place->first.name_space, after != nullptr ? *after : *seen);
  for (std::size_t i = 0; i < group.told.size(); ++i)
    if (group.told[i] != 0) values.removed.push_back({seen->flags()[i].key(), 0, false});
  for (std::size_t left = group.of.size(); left > 0; --left) {
    Watch& watch = *group.of.back();
    Session& session = watch.session;
    std::string data = values.data_for(watch.keys);
    // Whoever has seen nothing must hear of the end as well, or it would wait for values for ever.
    if (data.empty()) data = values.head + R"(,"flags":[],"removed":[]})";
    data.pop_back();
    data += R"(,"resync":true})";
    remove(watch);
    say(session, FlagValues{data});
  }
}

// The same for those who go on to wait for it. Should it come back, all is looked at.
void FlagWatching::hide_all(Group& group) {
  if (std::ranges::all_of(group.told, [](std::uint64_t hash) { return hash == 0; })) return;
  group.told.assign(group.told.size(), 0);
  group.rights = ~group.rights;
  for (std::size_t i = group.of.size(); i-- > 0;) say(group.of[i]->session, FlagItems{.has_hidden = true});
}

void FlagWatching::resync_all(Group& group, const Place& place) {
  const std::string head = head_of(group.place->first.name_space, *place.environment);
  for (std::size_t i = group.of.size(); i-- > 0;) resync(*group.of[i], head);
}

// It has read half of what waited for it, at least, after this.
bool FlagWatching::has_room_for(Session& session, std::size_t bytes, std::size_t messages) const noexcept {
  shard_.send_now(session);
  const hub::Outbox& outbox = session.outbox();
  return outbox.bytes() + bytes <= outbox.limits().bytes_max / 2 &&
         outbox.messages() + messages <= outbox.limits().messages_max / 2;
}

void FlagWatching::resync(Watch& watch, std::string_view head) {
  Session& session = watch.session;
  resyncs_.Increment();
  if (watch.group->first.text != nullptr) return say(session, FlagItems{.is_too_much = true});
  const std::string data = std::string(head) + R"(,"resync":true})";
  remove(watch);
  say(session, FlagValues{data});
}

// A client that misses something must not stay as if it had it.
void FlagWatching::say(Session& session, const Notice& notice) noexcept {
  if (session.is_closing()) return;
  try {
    session.tell(notice);
  } catch (const std::bad_alloc&) {
    session.close(CloseReason::overloaded);
  }
}

}  // namespace corohub::gateway
