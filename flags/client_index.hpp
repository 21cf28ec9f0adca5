// The clients of all namespaces as one shard knows them, each found by its id, its key and its user. Used on
// the shard's thread only.
#pragma once

#include "flags/evaluation/client.hpp"

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

#include <boost/unordered/unordered_flat_map.hpp>
#include <boost/unordered/unordered_flat_set.hpp>

namespace corohub::flags {

class ClientIndex {
 public:
  // Each answers null if there is none; the view holds until the turn's end.
  const ClientRef* find(std::int64_t client_id) const noexcept;
  const Client* find(std::int64_t namespace_id, std::string_view key) const noexcept;
  const Client* of_user(std::int64_t namespace_id, UserId user) const noexcept;
  std::size_t size() const noexcept { return by_id_.size(); }

  void put(ClientRef client);
  void remove(std::int64_t client_id) noexcept;
  void reserve(std::size_t count);

 private:
  struct Key {
    std::int64_t namespace_id;
    std::string_view key;
  };
  struct KeyHash {
    using is_transparent = void;
    std::size_t operator()(const Key& one) const noexcept;
    std::size_t operator()(const Client* one) const noexcept { return (*this)(key_of(*one)); }
  };
  struct KeyEqual {
    using is_transparent = void;
    static Key key_of(const Key& one) noexcept { return one; }
    static Key key_of(const Client* one) noexcept { return ClientIndex::key_of(*one); }
    template <class A, class B>
    bool operator()(const A& a, const B& b) const noexcept {
      return key_of(a).namespace_id == key_of(b).namespace_id && key_of(a).key == key_of(b).key;
    }
  };
  static Key key_of(const Client& client) noexcept { return {client.namespace_id, client.key}; }

  boost::unordered_flat_map<std::int64_t, ClientRef> by_id_;
  boost::unordered_flat_set<const Client*, KeyHash, KeyEqual> by_key_;
  boost::unordered_flat_map<std::pair<std::int64_t, UserId>, const Client*> by_user_;
};

}  // namespace corohub::flags
