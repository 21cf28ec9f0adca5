#include "flags/evaluation/touched.hpp"

#include "flags/evaluation/likeness.hpp"

#include <utility>

namespace corohub::flags {
namespace {

// As long as there is a parent to look at: each chain is short.
bool touches(const Likeness& likeness, const Flag& old, const Flag& now) {
  if (!likeness.same(old, now)) return true;
  if ((old.parent == nullptr) != (now.parent == nullptr)) return true;
  return now.parent != nullptr && touches(likeness, *old.parent, *now.parent);
}

}  // namespace

TouchedFlags touched_flags(const Environment& before, const Environment& after, bool all, bool by_name) {
  TouchedFlags touched;
  if (&before == &after && !all) return touched;
  const Likeness likeness(before, after);
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
      const bool renamed = by_name && left[i].identity->name != right[j].identity->name;
      if (all || renamed || touches(likeness, left[i], right[j])) touched.flags.push_back({i, j});
      same_places = same_places && i == j;
      moved[j++] = i++;
    }
  }
  if (!same_places) touched.moved = std::move(moved);
  return touched;
}

}  // namespace corohub::flags
