#include "users/service_key_cache.hpp"

#include "auth/policy.hpp"
#include "core/encoding.hpp"

#include <algorithm>
#include <utility>

namespace corohub::users {
namespace {

Error no_key() { return Error(ErrorCode::invalid_token, "The key is unknown, revoked or expired."); }

bool is_over(const ServiceKey& key, UnixMs now) noexcept { return key.expires_at && *key.expires_at <= now; }

class KeyRemoved final : public hub::ShardChange {
 public:
  KeyRemoved(const ServiceKeyCaches& caches, ServiceKeyId id) : caches_(caches), id_(id) {}
  void apply(std::size_t shard) const noexcept override {
    if (shard < caches_.size()) caches_[shard]->remove(id_);
  }

 private:
  const ServiceKeyCaches& caches_;
  const ServiceKeyId id_;
};

}  // namespace

// Marks that a key is being read, for as long as it is.
class ServiceKeyCache::Filling {
 public:
  explicit Filling(ServiceKeyCache& cache) : cache_(cache), first_(cache.ended_meanwhile_.size()) {
    ++cache_.reads_;
  }
  ~Filling() {
    if (--cache_.reads_ == 0) cache_.ended_meanwhile_.clear();
  }
  Filling(const Filling&) = delete;
  Filling& operator=(const Filling&) = delete;

  bool is_overtaken() const noexcept { return cache_.ended_meanwhile_.size() >= ended_meanwhile_max; }
  bool has_ended(const ServiceKey& key) const noexcept {
    const auto& ended = cache_.ended_meanwhile_;
    return std::any_of(ended.begin() + static_cast<std::ptrdiff_t>(first_), ended.end(),
                       [&](const EndedKeys& which) { return which.concerns(key); });
  }

 private:
  ServiceKeyCache& cache_;
  const std::size_t first_;
};

ServiceKeyCache::ServiceKeyCache(storage::ReaderPool& readers, auth::AccountCache& accounts,
                                 const Clock& clock)
    : readers_(readers), clock_(clock) {
  accounts.add_listener(*this);
}

ServiceKeyRef ServiceKeyCache::find(std::string_view key) {
  const auto found = by_hash_.find(sha256_text(key));
  if (found == by_hash_.end()) return nullptr;
  const UnixMs now = clock_.unix_ms();
  if (is_over(*found->second.key, now)) {
    by_hash_.erase(found);
    return nullptr;
  }
  return now < found->second.known_until ? found->second.key : nullptr;
}

bool ServiceKeyCache::was_good(std::string_view key) const { return by_hash_.contains(sha256_text(key)); }

Task<Result<ServiceKeyRef>> ServiceKeyCache::get(std::string key) {
  if (ServiceKeyRef known = find(key)) co_return known;
  std::string hash = sha256_text(key);
  Read function = [key = std::move(key)](storage::Snapshot& snapshot, UnixMs now) {
    return find_service_key(snapshot, key, now);
  };
  Result<ServiceKeyRef> found = co_await read(std::move(function));
  if (found)
    keep(std::move(hash), *found);
  else if (found.error().code == ErrorCode::invalid_token)
    by_hash_.erase(hash);
  co_return found;
}

Task<Result<ServiceKeyRef>> ServiceKeyCache::get(ServiceKeyId id) {
  Read function = [id](storage::Snapshot& snapshot, UnixMs now) {
    return find_service_key(snapshot, id, now);
  };
  co_return co_await read(std::move(function));
}

// What ended while it was being read has ended, whatever the reader has seen.
Task<Result<ServiceKeyRef>> ServiceKeyCache::read(Read function) {
  const Filling filling(*this);
  auto look = [function = std::move(function),
               now = clock_.unix_ms()](storage::Snapshot& snapshot) -> Result<ServiceKeyRef> {
    std::optional<ServiceKey> key = function(snapshot, now);
    if (!key) return no_key();
    return std::make_shared<const ServiceKey>(std::move(*key));
  };
  Result<ServiceKeyRef> found = co_await readers_.read(std::move(look));
  if (!found) co_return found;
  if (filling.is_overtaken())
    co_return Error(ErrorCode::overloaded, "Keys are changing too fast.").retry_in(std::chrono::seconds(1));
  if (filling.has_ended(**found)) co_return no_key();
  co_return found;
}

// There are no more keys than the cache has room for, but for those that were revoked and made anew.
void ServiceKeyCache::keep(std::string hash, const ServiceKeyRef& key) {
  if (by_hash_.size() >= keys_max) by_hash_.clear();
  const UnixMs until = clock_.unix_ms() + std::chrono::milliseconds(life).count();
  by_hash_.insert_or_assign(std::move(hash), Entry{key, until});
}

void ServiceKeyCache::remove_listener(const ServiceKeyListener& listener) noexcept {
  std::erase(listeners_, &listener);
}

// A key speaks for its maker, and no longer than the maker could make one.
void ServiceKeyCache::account_changed(UserId id, const AccountRef& account) noexcept {
  const bool may_make_keys =
      account && account->status == UserStatus::active && auth::is_admin(account->role);
  if (!may_make_keys) end({.made_by = id});
}

void ServiceKeyCache::end(const EndedKeys& which) noexcept {
  std::erase_if(by_hash_, [&](const auto& entry) { return which.concerns(*entry.second.key); });
  if (reads_ > 0 && ended_meanwhile_.size() < ended_meanwhile_max) ended_meanwhile_.push_back(which);
  for (ServiceKeyListener* listener : listeners_) listener->service_keys_ended(which);
}

hub::ShardChangeRef service_key_removed(const ServiceKeyCaches& caches, ServiceKeyId id) {
  return std::make_shared<const KeyRemoved>(caches, id);
}

}  // namespace corohub::users
