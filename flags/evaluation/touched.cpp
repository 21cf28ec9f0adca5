#include "flags/evaluation/touched.hpp"

#include <algorithm>
#include <functional>
#include <set>
#include <string>
#include <utility>

namespace corohub::flags {
namespace {

// What evaluations do not read (name, description, tags) may differ.
bool alike(const FlagIdentity& a, const FlagIdentity& b) {
  return &a == &b || (a.id == b.id && a.parent == b.parent && a.platform == b.platform &&
                      a.package_gated == b.package_gated && a.off_variant == b.off_variant &&
                      a.client_visible == b.client_visible);
}

bool same_rule(const Segment& a, const Segment& b) {
  return &a == &b || a.rule.rule == b.rule.rule || a.rule.document == b.rule.document;
}

class Difference {
 public:
  Difference(const Environment& before, const Environment& after)
      : all_(before.id != after.id || before.key != after.key || before.metadata != after.metadata) {
    if (all_) return;
    find_segments(before, after);
    find_segments(after, before);
  }

  // As long as there is a parent to look at: each chain is short.
  bool touches(const Flag& old, const Flag& now) const {
    if (all_ || !same_alone(old, now)) return true;
    if ((old.parent == nullptr) != (now.parent == nullptr)) return true;
    return now.parent != nullptr && touches(*old.parent, *now.parent);
  }

 private:
  // Segments of the one that the other has not, or has otherwise.
  void find_segments(const Environment& one, const Environment& other) {
    for (const SegmentRef& segment : one.segments) {
      const Segment* const same = other.segment(segment->key);
      if (same == nullptr || !same_rule(*segment, *same)) segments_.insert(segment->key);
    }
  }

  bool same_alone(const Flag& old, const Flag& now) const {
    if (old.definition != now.definition || old.platform_enabled != now.platform_enabled ||
        !alike(*old.identity, *now.identity))
      return false;
    return segments_.empty() || std::ranges::none_of(now.definition->segments(), [&](const auto& key) {
             return segments_.contains(key);
           });
  }

  const bool all_;
  std::set<std::string, std::less<>> segments_;
};

}  // namespace

TouchedFlags touched_flags(const Environment& before, const Environment& after, bool all) {
  TouchedFlags touched;
  if (&before == &after && !all) return touched;
  const Difference difference(before, after);
  const std::vector<Flag>& left = before.flags();
  const std::vector<Flag>& right = after.flags();
  std::vector<std::uint32_t> moved(right.size(), Flag::none);
  bool same_places = left.size() == right.size();
  std::uint32_t i = 0;
  std::uint32_t j = 0;
  while (i < left.size() || j < right.size()) {
    if (j == right.size() || (i < left.size() && left[i].key() < right[j].key())) {
      touched.flags.push_back({i++, Flag::none});
    } else if (i == left.size() || right[j].key() < left[i].key()) {
      touched.flags.push_back({Flag::none, j++});
    } else {
      if (all || difference.touches(left[i], right[j])) touched.flags.push_back({i, j});
      same_places = same_places && i == j;
      moved[j++] = i++;
    }
  }
  if (!same_places) touched.moved = std::move(moved);
  return touched;
}

}  // namespace corohub::flags
