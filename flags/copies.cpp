#include "flags/copies.hpp"

#include "flags/repository.hpp"

#include <optional>
#include <utility>

namespace corohub::flags {

NamespaceRef Copies::find(storage::UnitOfWork& work, std::string_view key) {
  const std::optional<std::int64_t> stamp = read_stamp(work, key);
  if (!stamp) return nullptr;
  if (const auto known = by_key_.find(std::string(key)); known != by_key_.end()) {
    Kept& kept = known->second;
    if (const Stamped* found = find(kept, *stamp)) {
      if (kept.batch != work.now()) kept.base = *found;
      kept.batch = work.now();
      // What is true now stands in front, so that another one makes room for what comes next.
      if (found != kept.made.data()) kept.made = {*found, kept.made[0]};
      return kept.made[0].name_space;
    }
  }
  ++reads_;
  Stamped read = read_namespace(work, key);
  const NamespaceRef found = read.name_space;
  keep(std::move(read));
  return found;
}

Stamped* Copies::find(Kept& kept, std::int64_t stamp) {
  for (Stamped* one : {&kept.made[0], &kept.made[1], &kept.base})
    if (one->name_space && one->stamp == stamp) return one;
  return nullptr;
}

void Copies::keep(Stamped now) {
  if (!now.name_space) return;
  std::array<Stamped, 2>& made = by_key_[now.name_space->key].made;
  made[1] = std::exchange(made[0], std::move(now));
}

}  // namespace corohub::flags
