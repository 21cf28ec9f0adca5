#include "gateway/ofrep/concern.hpp"

#include "flags/evaluation/likeness.hpp"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

namespace corohub::gateway::ofrep {
namespace {

using flags::Environment;
using flags::Flag;

// Calls `visit` with each pair of items of the same key; null: there is none on this side. Both lists are
// sorted.
template <class List, class KeyOf, class Visit>
void walk(const List& before, const List& after, KeyOf key_of, Visit visit) {
  auto left = before.begin();
  auto right = after.begin();
  while (left != before.end() || right != after.end()) {
    if (right == after.end() || (left != before.end() && key_of(*left) < key_of(*right)))
      visit(&*left++, nullptr);
    else if (left == before.end() || key_of(*right) < key_of(*left))
      visit(nullptr, &*right++);
    else
      visit(&*left++, &*right++);
  }
}

// Whether whoever sees the one sees the other, as far as the flags themselves say it.
bool seen_alike(const Flag* a, const Flag* b) {
  for (; a != nullptr && b != nullptr; a = a->parent, b = b->parent)
    if (a->identity->id != b->identity->id || a->identity->package_gated != b->identity->package_gated ||
        a->identity->client_visible != b->identity->client_visible)
      return false;
  return a == b;
}

void add_gates(const Flag* flag, std::vector<std::int64_t>& gates) {
  for (; flag != nullptr; flag = flag->parent)
    if (flag->identity->package_gated) gates.push_back(flag->identity->id);
}

// The flags of which the two packages do not say the same; null: no package.
std::vector<std::int64_t> changed_features(const flags::Package* before, const flags::Package* after) {
  std::vector<std::int64_t> changed;
  if (before == after) return changed;
  static const std::vector<flags::Feature> none;
  const auto id_of = [](const flags::Feature& feature) { return feature.flag_id; };
  walk(before ? before->features : none, after ? after->features : none, id_of,
       [&](const flags::Feature* old, const flags::Feature* now) {
         if (old == nullptr || now == nullptr || old->limits != now->limits)
           changed.push_back((old ? old : now)->flag_id);
       });
  return changed;
}

bool same_grant(const flags::Override& a, const flags::Override& b) {
  return a.flag_id == b.flag_id && a.granted == b.granted && a.expires_at == b.expires_at;
}

}  // namespace

const std::vector<Concerns::Pair>& Concerns::changed_flags(const Environment& before,
                                                           const Environment& after) {
  const auto [place, is_new] = changed_.try_emplace({&before, &after});
  if (!is_new || before.revision == after.revision) return place->second;
  const flags::Likeness likeness(before, after);
  const auto key_of = [](const Flag& flag) -> const std::string& { return flag.key(); };
  walk(before.flags(), after.flags(), key_of, [&](const Flag* old, const Flag* now) {
    const bool same = old != nullptr && now != nullptr && likeness.same(*old, *now) && seen_alike(old, now);
    if (!same) place->second.emplace_back(old, now);
  });
  return place->second;
}

Concerns::Difference& Concerns::difference(const flags::Standing& was, const Environment& before,
                                           const flags::Standing& is, const Environment& after) {
  const bool sees_all = is.viewer().kind == flags::Viewer::Kind::service;
  const auto [place, is_new] =
      by_key_.try_emplace(Key{sees_all, &before, &after, was.package(), is.package()});
  Difference& made = place->second;
  if (!is_new) return made;
  made.for_all = flags::Likeness::is_none(before, after);
  if (made.for_all) return made;
  made.flags = &changed_flags(before, after);
  for (const std::int64_t id : changed_features(was.package(), is.package()))
    made.features.emplace_back(before.find(id), after.find(id));
  for (const std::vector<Pair>* const list : {made.flags, &std::as_const(made.features)})
    for (const auto& [old, now] : *list) {
      add_gates(old, made.gates);
      add_gates(now, made.gates);
    }
  std::ranges::sort(made.gates);
  return made;
}

bool Concerns::have_say(const std::vector<flags::Override>& overrides, const Difference& at) noexcept {
  if (at.gates.empty()) return false;
  looks_ += overrides.size();
  return std::ranges::any_of(overrides, [&](const flags::Override& one) {
    return std::ranges::binary_search(at.gates, one.flag_id);
  });
}

bool Concerns::of(const flags::Standing& was, const Environment& before, const flags::Standing& is,
                  const Environment& after) {
  if (&before == &after && was.package() == is.package()) return false;
  Difference& at = difference(was, before, is, after);
  if (at.for_all) return true;
  const auto sees = [&](const Pair& one) {
    return (one.first != nullptr && was.sees(*one.first)) || (one.second != nullptr && is.sees(*one.second));
  };
  const auto look = [&] {
    return std::ranges::any_of(*at.flags, sees) || std::ranges::any_of(at.features, sees);
  };
  if (is.client() != nullptr && !is.client()->overrides.empty()) {
    if (looks_ > looks_max) return true;
    if (have_say(is.client()->overrides, at)) {
      looks_ += at.flags->size() + at.features.size();
      return look();
    }
  }
  if (!at.answer) at.answer = look();
  return *at.answer;
}

bool concerns(const flags::Client& before, const flags::Client& after) {
  return before.status != after.status || before.package_id != after.package_id ||
         before.platform_id != after.platform_id || before.environment_id != after.environment_id ||
         before.attributes != after.attributes ||
         !std::ranges::equal(before.overrides, after.overrides, same_grant);
}

}  // namespace corohub::gateway::ofrep
