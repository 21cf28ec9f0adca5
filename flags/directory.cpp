#include "flags/directory.hpp"

#include <algorithm>
#include <new>
#include <utility>

namespace corohub::flags {
namespace {

constexpr auto key_of = [](const NamespaceRef& one) -> const std::string& { return one->key; };

template <class What>
class DirectoryChange final : public hub::ShardChange {
 public:
  DirectoryChange(Directories& directories, What what) : directories_(directories), what_(std::move(what)) {}
  void apply(std::size_t shard) const noexcept override {
    if (shard < directories_.size()) directories_.of(shard).apply(what_);
  }

 private:
  Directories& directories_;
  const What what_;
};

}  // namespace

const NamespaceRef* Directory::find(std::string_view key) const noexcept {
  const auto found = std::ranges::lower_bound(all_, key, {}, key_of);
  return found != all_.end() && (*found)->key == key ? &*found : nullptr;
}

const NamespaceRef* Directory::find(std::int64_t namespace_id) const noexcept {
  const auto found = by_id_.find(namespace_id);
  return found != by_id_.end() ? &found->second : nullptr;
}

void Directory::begin_with(std::vector<NamespaceRef> all, const std::vector<ClientRef>& clients) {
  all_ = std::move(all);
  std::ranges::sort(all_, {}, key_of);
  for (const NamespaceRef& one : all_) by_id_.emplace(one->id, one);
  clients_.reserve(clients.size());
  for (const ClientRef& client : clients) clients_.put(client);
}

Standing Directory::standing(const Viewer& viewer, const Namespace& name_space) const noexcept {
  return {viewer, name_space, client_of(viewer, name_space), clock_.unix_ms()};
}

const Client* Directory::client_of(const Viewer& viewer, const Namespace& name_space) const noexcept {
  if (viewer.kind == Viewer::Kind::user) return clients_.of_user(name_space.id, viewer.user_id);
  if (viewer.kind != Viewer::Kind::client) return nullptr;
  const ClientRef* found = clients_.find(viewer.client_id);
  return found != nullptr && (*found)->namespace_id == name_space.id ? found->get() : nullptr;
}

// Memory is small enough here (two pointers per namespace) that a failure may end the process: a shard that
// knew another state than its neighbours would be worse.
void Directory::apply(const NamespaceChange& change) noexcept {
  const std::string& key = change.after ? change.after->key : change.before->key;
  const auto place = std::ranges::lower_bound(all_, key, {}, key_of);
  const bool known = place != all_.end() && (*place)->key == key;
  if (change.before) by_id_.erase(change.before->id);
  if (change.after) by_id_.insert_or_assign(change.after->id, change.after);
  if (!change.after) {
    if (known) all_.erase(place);
  } else if (known) {
    *place = change.after;
  } else {
    all_.insert(place, change.after);
  }
  for (DirectoryListener* listener : listeners_) listener->namespace_changed(change);
}

void Directory::apply(const ClientChange& change) noexcept {
  if (change.after)
    clients_.put(change.after);
  else
    clients_.remove(change.before->id);
  for (DirectoryListener* listener : listeners_) listener->client_changed(change);
}

void Directory::apply(const ClientKeyRevoked& change) noexcept {
  for (DirectoryListener* listener : listeners_) listener->client_key_revoked(change);
}

void Directory::add_listener(DirectoryListener& listener) { listeners_.push_back(&listener); }

void Directory::remove_listener(const DirectoryListener& listener) noexcept {
  std::erase(listeners_, &listener);
}

void Directories::begin(std::size_t shards, const std::vector<NamespaceRef>& all,
                        const std::vector<ClientRef>& clients) {
  directories_.clear();
  for (std::size_t i = 0; i < shards; ++i) {
    directories_.push_back(std::make_unique<Directory>(clock_));
    directories_.back()->begin_with(all, clients);
  }
}

hub::ShardChangeRef Directories::change(NamespaceChange what) {
  return std::make_shared<const DirectoryChange<NamespaceChange>>(*this, std::move(what));
}

hub::ShardChangeRef Directories::change(ClientChange what) {
  return std::make_shared<const DirectoryChange<ClientChange>>(*this, std::move(what));
}

hub::ShardChangeRef Directories::change(ClientKeyRevoked what) {
  return std::make_shared<const DirectoryChange<ClientKeyRevoked>>(*this, what);
}

}  // namespace corohub::flags
