#include "ingest/redis_status.hpp"

#include <utility>

namespace corohub::ingest {

void RedisStatus::lost(bool may_be_missing) {
  may_be_missing_ = may_be_missing_ || may_be_missing;
  if (++away_ == 1) tell_("Flag updates from Redis are interrupted");
}

void RedisStatus::back() {
  if (--away_ > 0) return;
  const bool may_be_missing = std::exchange(may_be_missing_, false);
  tell_(may_be_missing ? "Flag updates from Redis are back; updates may be missing"
                       : "Flag updates from Redis are back; no update is missing");
}

}  // namespace corohub::ingest
