// The namespaces and their clients as one shard knows them: looked up without locks, changed in the shard's
// turns, in their place among the events. Used on the shard's thread only.
#pragma once

#include "core/clock.hpp"
#include "flags/client_index.hpp"
#include "flags/evaluation/environment.hpp"
#include "flags/evaluation/viewer.hpp"
#include "hub/audience.hpp"
#include "hub/control.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <boost/unordered/unordered_flat_map.hpp>

namespace corohub::flags {

// What a change was about, for those who tell others.
struct NamespaceChange {
  NamespaceRef before;  // null: the namespace is new
  NamespaceRef after;   // null: it is gone
};

struct ClientChange {
  ClientRef before;  // null: the client is new
  ClientRef after;   // null: it is gone
};

// A key of a client that is good no longer. Made ones are nobody's business: they are looked up.
struct ClientKeyRevoked {
  std::int64_t key_id = 0;
};

// Called in the turn in which the change comes into force, before the events that it makes.
class DirectoryListener {
 public:
  virtual ~DirectoryListener() = default;
  // The directory has `change.after` by now.
  virtual void namespace_changed(const NamespaceChange& change) noexcept = 0;
  // The same of `change.after` and of one client.
  virtual void client_changed(const ClientChange&) noexcept {}
  virtual void client_key_revoked(const ClientKeyRevoked&) noexcept {}
};

class Directory {
 public:
  explicit Directory(const Clock& clock = system_clock()) noexcept : clock_(clock) {}
  Directory(const Directory&) = delete;
  Directory& operator=(const Directory&) = delete;

  // Null: there is none. The view holds until the turn's end.
  const NamespaceRef* find(std::string_view key) const noexcept;
  const NamespaceRef* find(std::int64_t namespace_id) const noexcept;
  const std::vector<NamespaceRef>& all() const noexcept { return all_; }  // sorted by key
  const ClientIndex& clients() const noexcept { return clients_; }
  // What the viewer is in the namespace at this moment. The namespace outlives it, and it is used in this
  // turn only.
  Standing standing(const Viewer& viewer, const Namespace& name_space) const noexcept;

  void begin_with(std::vector<NamespaceRef> all, const std::vector<ClientRef>& clients = {});
  void apply(const NamespaceChange& change) noexcept;
  void apply(const ClientChange& change) noexcept;
  void apply(const ClientKeyRevoked& change) noexcept;
  // The listener must be removed before it dies.
  void add_listener(DirectoryListener& listener);
  void remove_listener(const DirectoryListener& listener) noexcept;

 private:
  const Client* client_of(const Viewer& viewer, const Namespace& name_space) const noexcept;

  const Clock& clock_;
  std::vector<NamespaceRef> all_;
  boost::unordered_flat_map<std::int64_t, NamespaceRef> by_id_;
  ClientIndex clients_;
  std::vector<DirectoryListener*> listeners_;
};

// One for each shard.
class Directories {
 public:
  // `gateways`: whoever may follow what gateways of APIs are told.
  explicit Directories(const Clock& clock = system_clock(),
                       const hub::Audience& gateways = hub::Audience::admins()) noexcept
      : clock_(clock), gateways_(gateways) {}

  const hub::Audience& gateways() const noexcept { return gateways_; }
  // Before anything is served.
  void begin(std::size_t shards, const std::vector<NamespaceRef>& all,
             const std::vector<ClientRef>& clients = {});
  std::size_t size() const noexcept { return directories_.size(); }
  Directory& of(std::size_t shard) noexcept { return *directories_[shard]; }
  // The change, to be appended by the unit that makes it.
  hub::ShardChangeRef change(NamespaceChange what);
  hub::ShardChangeRef change(ClientChange what);
  hub::ShardChangeRef change(ClientKeyRevoked what);

 private:
  const Clock& clock_;
  const hub::Audience gateways_;
  std::vector<std::unique_ptr<Directory>> directories_;
};

}  // namespace corohub::flags
