// The keys of clients as one shard knows them: see users::KeyCache. They end when they are revoked, and while
// their client is disabled or gone, as the shard's directory knows it.
#pragma once

#include "flags/client_keys.hpp"
#include "flags/directory.hpp"
#include "users/key_cache.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

namespace corohub::flags {

using ClientKeyRef = std::shared_ptr<const ClientKey>;

// Keys that have ended: one, or all of a client.
struct EndedClientKeys {
  ClientKeyId id = 0;
  std::int64_t client_id = 0;

  bool concerns(const ClientKey& key) const noexcept { return key.id == id || key.client_id == client_id; }
};

class ClientKeyListener {
 public:
  virtual void client_keys_ended(const EndedClientKeys& which) noexcept = 0;

 protected:
  ~ClientKeyListener() = default;
};

struct ClientKeyKind {
  using Key = ClientKey;
  using Ended = EndedClientKeys;
  using Listener = ClientKeyListener;
  static constexpr std::size_t keys_max = 65'536;  // of a quarter KiB each

  static std::optional<ClientKey> find(storage::Snapshot& snapshot, std::string_view key, UnixMs) {
    return find_client_key(snapshot, key);
  }
  static std::optional<ClientKey> find(storage::Snapshot& snapshot, ClientKeyId id, UnixMs) {
    return find_client_key(snapshot, id);
  }
  static void tell(ClientKeyListener& listener, const EndedClientKeys& which) noexcept {
    listener.client_keys_ended(which);
  }
};

// The directory outlives it.
class ClientKeyCache final : public users::KeyCache<ClientKeyKind>, private DirectoryListener {
 public:
  ClientKeyCache(storage::ReaderPool& readers, Directory& directory, const Clock& clock);
  ~ClientKeyCache();

 private:
  bool is_good(const ClientKey& key) const noexcept override;

  // ---- DirectoryListener ----
  void namespace_changed(const NamespaceChange&) noexcept override {}
  void client_changed(const ClientChange& change) noexcept override;
  void client_key_revoked(const ClientKeyRevoked& change) noexcept override;

  Directory& directory_;
};

// The caches of all shards, in their order.
using ClientKeyCaches = std::vector<std::unique_ptr<ClientKeyCache>>;

}  // namespace corohub::flags
