// Whom a change concerns: whether somebody may evaluate something else from here on. Pure.
#pragma once

#include "flags/evaluation/evaluate.hpp"

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <tuple>
#include <utility>
#include <vector>

namespace corohub::gateway::ofrep {

// What one change of a namespace means for any number of viewers: those on whose sight it has no bearing who
// they are share one answer. Both states of the namespace outlive it.
class Concerns {
 public:
  // Overrides and flags, for those whose overrides have a say; then the rest of these is taken for concerned.
  static constexpr std::size_t looks_max = 500'000;

  // False if only flags changed that the viewer does not see. Two environments of different keys: another one
  // is the viewer's own. The client is the same before and after.
  bool of(const flags::Standing& was, const flags::Environment& before, const flags::Standing& is,
          const flags::Environment& after);

 private:
  // Null: it is not there before, or after.
  using Pair = std::pair<const flags::Flag*, const flags::Flag*>;
  struct Difference {
    const std::vector<Pair>* flags = nullptr;  // that are another one for whoever sees them
    std::vector<Pair> features;                // of which the package says something else
    std::vector<std::int64_t> gates;           // behind a package: their grants say who does; sorted
    bool for_all = false;                      // whatever they see
    std::optional<bool> answer{};              // for all without an override of these
  };
  using Key = std::tuple<bool, const flags::Environment*, const flags::Environment*, const flags::Package*,
                         const flags::Package*>;

  Difference& difference(const flags::Standing& was, const flags::Environment& before,
                         const flags::Standing& is, const flags::Environment& after);
  const std::vector<Pair>& changed_flags(const flags::Environment& before, const flags::Environment& after);
  bool have_say(const std::vector<flags::Override>& overrides, const Difference& at) noexcept;

  std::map<Key, Difference> by_key_;
  std::map<std::pair<const flags::Environment*, const flags::Environment*>, std::vector<Pair>> changed_;
  std::size_t looks_ = 0;
};

// Whether the flags of a client, or of its user, may be others after its change.
bool concerns(const flags::Client& before, const flags::Client& after);

}  // namespace corohub::gateway::ofrep
