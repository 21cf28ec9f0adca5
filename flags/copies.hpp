// The namespaces as the last units left them, kept so that a unit need not read them again. Used on the
// writer's thread, and before it runs.
#pragma once

#include "core/clock.hpp"
#include "flags/evaluation/environment.hpp"
#include "storage/unit_of_work.hpp"

#include <array>
#include <atomic>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>

namespace corohub::flags {

// A namespace and the stamp of its row, which is another one after each change of anything in the namespace.
// A stamp is random: that of a unit which was rolled back does not come again.
struct Stamped {
  NamespaceRef name_space;  // null: there is none
  std::int64_t stamp = 0;
};

class Copies {
 public:
  // The namespace as the unit sees it: the kept one if that has the stamp of the row, else read from the
  // tables. Null: there is none.
  NamespaceRef find(storage::UnitOfWork& work, std::string_view key);
  // What the namespace will be once the unit is committed. What was there before the unit and before the
  // batch is kept, too, for the unit that follows if either is rolled back.
  void keep(Stamped now);
  void forget(std::string_view key) { by_key_.erase(std::string(key)); }
  std::size_t reads() const noexcept { return reads_; }  // from the tables, for tests

  // Units have left overrides of flags that have gone for later. Any thread; also if they are rolled back.
  std::atomic<bool> gone_flags{false};

 private:
  struct Kept {
    std::array<Stamped, 2> made;  // the newest, and what it came from
    Stamped base;                 // what a batch began with: true again if all of the batch is lost
    UnixMs batch = 0;             // its time
  };
  static Stamped* find(Kept& kept, std::int64_t stamp);

  std::unordered_map<std::string, Kept> by_key_;
  std::size_t reads_ = 0;
};

}  // namespace corohub::flags
