// What a unit decided. A refusal that must leave something behind (an audit row, a revoked login) is a
// committed answer and not an Error of the unit, which would be rolled back.
#pragma once

#include "core/error.hpp"
#include "storage/writer.hpp"

#include <optional>
#include <utility>

namespace corohub::users {

template <class T>
struct Decision {
  T value{};
  std::optional<Error> refusal;

  static Decision refused(Error error) {
    Decision decision;
    decision.refusal = std::move(error);
    return decision;
  }
  static Decision granted(T value) {
    Decision decision;
    decision.value = std::move(value);
    return decision;
  }
};

template <class T>
using Outcome = Result<storage::Committed<T>>;

// The committed refusal becomes the caller's error.
template <class T>
Outcome<T> settle(Outcome<Decision<T>> outcome) {
  if (outcome.has_error()) return outcome.error();
  storage::Committed<Decision<T>>& committed = outcome.value();
  if (committed.value.refusal) return std::move(*committed.value.refusal);
  storage::Committed<T> settled;
  settled.value = std::move(committed.value.value);
  settled.seq = committed.seq;
  settled.reached = committed.reached;
  return settled;
}

}  // namespace corohub::users
