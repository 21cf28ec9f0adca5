// Which flags are the same, as far as evaluations read them, before a change of their environment and after
// it. Pure.
#pragma once

#include "flags/evaluation/environment.hpp"

#include <functional>
#include <set>
#include <string>

namespace corohub::flags {

class Likeness {
 public:
  Likeness(const Environment& before, const Environment& after);

  // Another environment, or its metadata are others: no flag is the same.
  static bool is_none(const Environment& before, const Environment& after) noexcept {
    return before.id != after.id || before.key != after.key || before.metadata != after.metadata;
  }
  // By its own definition, identity and platform, and the segments that its rule names. Names, descriptions
  // and tags are not read. What stands above it is for the caller to ask.
  bool same(const Flag& before, const Flag& after) const;

 private:
  void find_segments(const Environment& one, const Environment& other);

  const bool none_;
  std::set<std::string, std::less<>> segments_;  // which are others, came or went
};

}  // namespace corohub::flags
