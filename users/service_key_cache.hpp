// The service keys of one shard: see KeyCache. They end when they are revoked, at their time, and when their
// maker may make none any more. The cache hears of accounts for as long as these change.
#pragma once

#include "auth/account_cache.hpp"
#include "hub/control.hpp"
#include "users/key_cache.hpp"
#include "users/service_keys.hpp"

#include <cstddef>
#include <memory>
#include <optional>
#include <string_view>
#include <unordered_set>
#include <vector>

namespace corohub::users {

using ServiceKeyRef = std::shared_ptr<const ServiceKey>;

// Keys that have ended: one, or all that a user has made.
struct EndedKeys {
  ServiceKeyId id = 0;
  UserId made_by = 0;

  bool concerns(const ServiceKey& key) const noexcept {
    return key.id == id || (made_by != 0 && key.created_by == made_by);
  }
};

class ServiceKeyListener {
 public:
  virtual void service_keys_ended(const EndedKeys& which) noexcept = 0;

 protected:
  ~ServiceKeyListener() = default;
};

struct ServiceKeyKind {
  using Key = ServiceKey;
  using Ended = EndedKeys;
  using Listener = ServiceKeyListener;
  static constexpr std::size_t keys_max = service_keys_max;

  static std::optional<ServiceKey> find(storage::Snapshot& snapshot, std::string_view key, UnixMs now) {
    return find_service_key(snapshot, key, now);
  }
  static std::optional<ServiceKey> find(storage::Snapshot& snapshot, ServiceKeyId id, UnixMs now) {
    return find_service_key(snapshot, id, now);
  }
  static void tell(ServiceKeyListener& listener, const EndedKeys& which) noexcept {
    listener.service_keys_ended(which);
  }
};

class ServiceKeyCache final : public KeyCache<ServiceKeyKind>, private auth::AccountListener {
 public:
  ServiceKeyCache(storage::ReaderPool& readers, auth::AccountCache& accounts, const Clock& clock);

  // The key is revoked.
  void remove(ServiceKeyId id) noexcept { end({.id = id}); }

 private:
  static constexpr std::size_t makers_max = service_keys_max;  // beyond, everybody counts as one

  bool is_good(const ServiceKey& key) const noexcept override;
  void was_read(const ServiceKey& key) override;
  bool may_be_maker(UserId id) const noexcept;

  // ---- auth::AccountListener ----
  void account_changed(UserId id, const AccountRef& account) noexcept override;

  std::unordered_set<UserId> makers_;  // of the keys that this shard has given anybody
};

// The caches of all shards, in their order.
using ServiceKeyCaches = std::vector<std::unique_ptr<ServiceKeyCache>>;

// For the unit that revokes a key: every shard forgets it, in its place among the events. `caches` outlives
// what is published.
hub::ShardChangeRef service_key_removed(const ServiceKeyCaches& caches, ServiceKeyId id);

}  // namespace corohub::users
