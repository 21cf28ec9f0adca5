#include "flags/client_index.hpp"

#include <boost/container_hash/hash.hpp>

namespace corohub::flags {

std::size_t ClientIndex::KeyHash::operator()(const Key& one) const noexcept {
  std::size_t hash = boost::hash<std::string_view>()(one.key);
  boost::hash_combine(hash, one.namespace_id);
  return hash;
}

const ClientRef* ClientIndex::find(std::int64_t client_id) const noexcept {
  const auto found = by_id_.find(client_id);
  return found != by_id_.end() ? &found->second : nullptr;
}

const Client* ClientIndex::find(std::int64_t namespace_id, std::string_view key) const noexcept {
  const auto found = by_key_.find(Key{namespace_id, key});
  return found != by_key_.end() ? *found : nullptr;
}

const Client* ClientIndex::of_user(std::int64_t namespace_id, UserId user) const noexcept {
  const auto found = by_user_.find({namespace_id, user});
  return found != by_user_.end() ? found->second : nullptr;
}

void ClientIndex::put(ClientRef client) {
  remove(client->id);
  by_key_.insert(client.get());
  if (client->user_id) by_user_[{client->namespace_id, *client->user_id}] = client.get();
  by_id_.emplace(client->id, std::move(client));
}

void ClientIndex::remove(std::int64_t client_id) noexcept {
  const auto found = by_id_.find(client_id);
  if (found == by_id_.end()) return;
  const Client& client = *found->second;
  by_key_.erase(&client);
  // The user may be another client's by now.
  if (client.user_id)
    if (const auto of = by_user_.find({client.namespace_id, *client.user_id});
        of != by_user_.end() && of->second == &client)
      by_user_.erase(of);
  by_id_.erase(found);
}

void ClientIndex::reserve(std::size_t count) {
  by_id_.reserve(count);
  by_key_.reserve(count);
}

}  // namespace corohub::flags
