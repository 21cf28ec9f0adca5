#include "flags/copies.hpp"

#include "flags/repository.hpp"

#include <optional>
#include <utility>

namespace corohub::flags {

NamespaceRef Copies::find(storage::UnitOfWork& work, std::string_view key) {
  const std::optional<std::int64_t> stamp = read_stamp(work, key);
  if (!stamp) return nullptr;
  const auto kept = by_key_.find(std::string(key));
  if (kept != by_key_.end()) {
    std::array<Stamped, 2>& both = kept->second;
    // What is true now stands in front, so that the other one makes room for what comes next.
    if (both[0].stamp != *stamp) std::swap(both[0], both[1]);
    if (both[0].name_space && both[0].stamp == *stamp) return both[0].name_space;
  }
  ++reads_;
  Stamped read = read_namespace(work, key);
  const NamespaceRef found = read.name_space;
  keep(std::move(read));
  return found;
}

void Copies::keep(Stamped now) {
  if (!now.name_space) return;
  std::array<Stamped, 2>& kept = by_key_[now.name_space->key];
  kept[1] = std::exchange(kept[0], std::move(now));
}

}  // namespace corohub::flags
