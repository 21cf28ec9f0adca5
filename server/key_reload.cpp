#include "server/key_reload.hpp"

#include "core/log.hpp"

#include <algorithm>
#include <chrono>
#include <memory>

namespace corohub::server {
namespace {

// Every revocation holds within a second.
constexpr std::chrono::milliseconds removed_key_spread{800};

// Whether tokens were good before and are not by what is there now.
bool lacks_key_of(const auth::KeyRing& now_there, const auth::KeyRing& before, UnixMs now) {
  return std::ranges::any_of(before.keys(), [&](const auth::Key& key) {
    if (before.find(key.id, now) == nullptr) return false;
    const auth::Key* same = now_there.find(key.id, now);
    return same == nullptr || same->material.reveal() != key.material.reveal();
  });
}

}  // namespace

// T34. Connections don't keep by which key they were let in, and a key is removed on the day when it has
// leaked, so all connections end: those with a good token come back and miss nothing. Whoever is being let in
// meanwhile is judged by the new keys in the turn that registers the connection.
Result<> reload_keys(auth::KeyStore& keys, Shards& shards, const Clock& clock) {
  const std::shared_ptr<const auth::KeyRing> before = keys.ring();
  if (const Result<> reloaded = keys.reload(); !reloaded) return reloaded;
  if (!lacks_key_of(*keys.ring(), *before, clock.unix_ms())) return {};
  log::warn("keys.removed", {{"closing", shards.members()}});
  shards.on_each(
      [](ShardThread& shard) { shard.shard().close_all(CloseReason::token_expired, removed_key_spread); });
  return {};
}

}  // namespace corohub::server
