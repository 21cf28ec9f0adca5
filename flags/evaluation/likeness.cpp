#include "flags/evaluation/likeness.hpp"

#include <algorithm>

namespace corohub::flags {
namespace {

bool alike(const FlagIdentity& a, const FlagIdentity& b) {
  return &a == &b || (a.id == b.id && a.parent == b.parent && a.platform == b.platform &&
                      a.package_gated == b.package_gated && a.off_variant == b.off_variant &&
                      a.client_visible == b.client_visible);
}

bool same_rule(const Segment& a, const Segment& b) {
  return &a == &b || a.rule.rule == b.rule.rule || a.rule.document == b.rule.document;
}

}  // namespace

Likeness::Likeness(const Environment& before, const Environment& after) : none_(is_none(before, after)) {
  if (none_) return;
  find_segments(before, after);
  find_segments(after, before);
}

// Those of the one that the other has not, or has otherwise.
void Likeness::find_segments(const Environment& one, const Environment& other) {
  for (const SegmentRef& segment : one.segments) {
    const Segment* const there = other.segment(segment->key);
    if (there == nullptr || !same_rule(*segment, *there)) segments_.insert(segment->key);
  }
}

bool Likeness::same(const Flag& before, const Flag& after) const {
  if (none_ || before.definition != after.definition || before.platform_enabled != after.platform_enabled ||
      !alike(*before.identity, *after.identity))
    return false;
  return segments_.empty() || std::ranges::none_of(after.definition->segments(),
                                                   [&](const auto& key) { return segments_.contains(key); });
}

}  // namespace corohub::flags
