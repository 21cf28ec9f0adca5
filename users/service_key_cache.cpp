#include "users/service_key_cache.hpp"

#include "auth/policy.hpp"

namespace corohub::users {
namespace {

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

ServiceKeyCache::ServiceKeyCache(storage::ReaderPool& readers, auth::AccountCache& accounts,
                                 const Clock& clock)
    : KeyCache(readers, clock) {
  accounts.add_listener(*this);
}

bool ServiceKeyCache::is_good(const ServiceKey& key) const noexcept {
  return !key.expires_at || *key.expires_at > now();
}

void ServiceKeyCache::was_read(const ServiceKey& key) {
  if (key.created_by && makers_.size() < makers_max) makers_.insert(*key.created_by);
}

bool ServiceKeyCache::may_be_maker(UserId id) const noexcept {
  return makers_.size() >= makers_max || makers_.contains(id);
}

// A key speaks for its maker, and no longer than the maker could make one. Most accounts have made none:
// their changes are not worth a look at all connections.
void ServiceKeyCache::account_changed(UserId id, const AccountRef& account) noexcept {
  const bool may_make_keys =
      account && account->status == UserStatus::active && auth::is_admin(account->role);
  if (may_make_keys) return;
  if (may_be_maker(id))
    end({.made_by = id});
  else
    remember_end({.made_by = id});
}

hub::ShardChangeRef service_key_removed(const ServiceKeyCaches& caches, ServiceKeyId id) {
  return std::make_shared<const KeyRemoved>(caches, id);
}

}  // namespace corohub::users
