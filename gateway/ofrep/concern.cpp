#include "gateway/ofrep/concern.hpp"

#include <algorithm>
#include <functional>
#include <set>
#include <string>
#include <string_view>

namespace corohub::gateway::ofrep {
namespace {

using flags::Environment;
using flags::Flag;
using flags::Segment;
using flags::SegmentRef;

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

// What evaluations do not read (name, description, tags) may differ.
bool alike(const flags::FlagIdentity& a, const flags::FlagIdentity& b) {
  return &a == &b ||
         (a.parent == b.parent && a.platform == b.platform && a.package_gated == b.package_gated &&
          a.off_variant == b.off_variant && a.client_visible == b.client_visible);
}

bool same_rule(const SegmentRef& a, const SegmentRef& b) {
  return a == b || a->rule.rule == b->rule.rule || a->rule.document == b->rule.document;
}

std::set<std::string, std::less<>> changed_segments(const Environment& before, const Environment& after) {
  std::set<std::string, std::less<>> changed;
  const auto key_of = [](const SegmentRef& segment) -> const std::string& { return segment->key; };
  walk(before.segments, after.segments, key_of, [&](const SegmentRef* old, const SegmentRef* now) {
    if (old == nullptr || now == nullptr || !same_rule(*old, *now)) changed.insert((old ? *old : *now)->key);
  });
  return changed;
}

}  // namespace

bool concerns(const flags::Standing& was, const Environment& before, const flags::Standing& is,
              const Environment& after) {
  if (&before == &after) return false;
  if (before.key != after.key || before.metadata != after.metadata) return true;
  if (before.revision == after.revision) return false;
  const auto segments = changed_segments(before, after);
  bool found = false;
  const auto look = [&](const Flag* old, const Flag* now) {
    if (found) return;
    const bool saw = old != nullptr && was.sees(*old);
    const bool sees = now != nullptr && is.sees(*now);
    if (!saw || !sees) {
      found = saw != sees;
      return;
    }
    const auto uses = now->definition->segments();
    found = !alike(*old->identity, *now->identity) || old->definition != now->definition ||
            old->platform_enabled != now->platform_enabled ||
            std::ranges::any_of(uses, [&](const std::string& key) { return segments.contains(key); });
  };
  walk(
      before.flags(), after.flags(), [](const Flag& flag) -> const std::string& { return flag.key(); }, look);
  return found;
}

}  // namespace corohub::gateway::ofrep
