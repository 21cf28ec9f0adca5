#include "flags/client_key_cache.hpp"

namespace corohub::flags {

ClientKeyCache::ClientKeyCache(storage::ReaderPool& readers, Directory& directory, const Clock& clock)
    : KeyCache(readers, clock), directory_(directory) {
  directory_.add_listener(*this);
}

ClientKeyCache::~ClientKeyCache() { directory_.remove_listener(*this); }

bool ClientKeyCache::is_good(const ClientKey& key) const noexcept {
  const ClientRef* client = directory_.clients().find(key.client_id);
  return client != nullptr && (*client)->is_active();
}

void ClientKeyCache::client_changed(const ClientChange& change) noexcept {
  const bool was_active = change.before && change.before->is_active();
  const bool is_active = change.after && change.after->is_active();
  if (was_active && !is_active) end({.client_id = change.before->id});
}

void ClientKeyCache::client_key_revoked(const ClientKeyRevoked& change) noexcept {
  end({.id = change.key_id});
}

}  // namespace corohub::flags
