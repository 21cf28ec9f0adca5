// The service keys of one shard: a key that was good a moment ago is good without a look at the database, and
// stops to be at once when it is revoked or its maker may make none any more. Bounded. Used on the shard's
// thread only. It must outlive every get() under way, and hears of accounts for as long as these change.
#pragma once

#include "auth/account_cache.hpp"
#include "core/clock.hpp"
#include "core/error.hpp"
#include "core/task.hpp"
#include "hub/control.hpp"
#include "storage/reader_pool.hpp"
#include "users/service_keys.hpp"

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
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

class ServiceKeyCache final : private auth::AccountListener {
 public:
  static constexpr std::chrono::seconds life{30};  // then the key is read again
  static constexpr std::size_t keys_max = service_keys_max;
  // Keys that end while others are being read; beyond, those are to be asked for again.
  static constexpr std::size_t ended_meanwhile_max = 4096;

  ServiceKeyCache(storage::ReaderPool& readers, auth::AccountCache& accounts, const Clock& clock);
  ServiceKeyCache(const ServiceKeyCache&) = delete;
  ServiceKeyCache& operator=(const ServiceKeyCache&) = delete;

  // Null: not known here, which says nothing about the key.
  ServiceKeyRef find(std::string_view key);
  // Whether the key was good when it was read last, however long ago, and has not ended as far as is known.
  bool was_good(std::string_view key) const;
  // From memory, or from the database. invalid_token: unknown, revoked, past its end, or of somebody who is
  // no active admin any more.
  Task<Result<ServiceKeyRef>> get(std::string key);
  // The same for a key that was shown before, by its id; always from the database.
  Task<Result<ServiceKeyRef>> get(ServiceKeyId id);

  // The key is revoked.
  void remove(ServiceKeyId id) noexcept { end({.id = id}); }
  // The listener must be removed before it dies.
  void add_listener(ServiceKeyListener& listener) { listeners_.push_back(&listener); }
  void remove_listener(const ServiceKeyListener& listener) noexcept;

 private:
  struct Entry {
    ServiceKeyRef key;
    UnixMs known_until = 0;
  };
  using Read = std::function<std::optional<ServiceKey>(storage::Snapshot&, UnixMs)>;
  class Filling;

  // ---- auth::AccountListener ----
  void account_changed(UserId id, const AccountRef& account) noexcept override;

  Task<Result<ServiceKeyRef>> read(Read function);
  void keep(std::string hash, const ServiceKeyRef& key);
  void end(const EndedKeys& which) noexcept;

  storage::ReaderPool& readers_;
  const Clock& clock_;
  std::unordered_map<std::string, Entry> by_hash_;  // SHA-256 of the key: the key itself is not kept
  std::size_t reads_ = 0;                           // under way
  std::vector<EndedKeys> ended_meanwhile_;
  std::vector<ServiceKeyListener*> listeners_;
};

// The caches of all shards, in their order.
using ServiceKeyCaches = std::vector<std::unique_ptr<ServiceKeyCache>>;

// For the unit that revokes a key: every shard forgets it, in its place among the events. `caches` outlives
// what is published.
hub::ShardChangeRef service_key_removed(const ServiceKeyCaches& caches, ServiceKeyId id);

}  // namespace corohub::users
