// The keys of one kind as one shard knows them: a key that was good a moment ago is good without a look at
// the database, and stops to be at once when it ends. Bounded. Used on the shard's thread only. It must
// outlive every get() under way.
//
// Kind says what keys are and where they are kept: types Key, Ended (bool concerns(const Key&)) and Listener;
// keys_max; find(Snapshot&, std::string_view key or std::int64_t id, UnixMs now), an std::optional<Key>; and
// tell(Listener&, const Ended&).
#pragma once

#include "core/clock.hpp"
#include "core/encoding.hpp"
#include "core/error.hpp"
#include "core/task.hpp"
#include "storage/reader_pool.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace corohub::users {

template <class Kind>
class KeyCache {
 public:
  using Key = typename Kind::Key;
  using KeyRef = std::shared_ptr<const Key>;
  using Ended = typename Kind::Ended;
  using Listener = typename Kind::Listener;

  static constexpr std::chrono::seconds life{30};  // then the key is read again
  static constexpr std::size_t keys_max = Kind::keys_max;
  // The last ends that it remembers. Of a key that is read for longer than so many nothing can be said.
  static constexpr std::size_t ends_kept = 4096;

  KeyCache(const KeyCache&) = delete;
  KeyCache& operator=(const KeyCache&) = delete;

  // Null: not known here, which says nothing about the key.
  KeyRef find(std::string_view key) {
    const Entry* const known = find_entry(key);
    return known != nullptr && clock_.unix_ms() < known->known_until ? known->key : nullptr;
  }

  // The same for a key that get() has found good and that is in use since, however long ago it was read: what
  // ends is forgotten in the same turn. Null also if the cache had to begin anew meanwhile.
  KeyRef find_in_use(std::string_view key) {
    const Entry* const known = find_entry(key);
    return known != nullptr ? known->key : nullptr;
  }

  // Whether the key was good when it was read last, however long ago, and has not ended as far as is known.
  bool was_good(std::string_view key) const { return by_hash_.contains(sha256_text(key)); }

  // From memory, or from the database. invalid_token: unknown, revoked, or ended otherwise.
  Task<Result<KeyRef>> get(std::string key) {
    if (KeyRef known = find(key)) co_return known;
    std::string hash = sha256_text(key);
    Read function = [key = std::move(key)](storage::Snapshot& snapshot, UnixMs now) {
      return Kind::find(snapshot, std::string_view(key), now);
    };
    Result<KeyRef> found = co_await read(std::move(function));
    if (found)
      keep(std::move(hash), *found);
    else if (found.error().code == ErrorCode::invalid_token)
      by_hash_.erase(hash);
    co_return found;
  }

  // The same for a key that was shown before, by its id; always from the database.
  Task<Result<KeyRef>> get(std::int64_t id) {
    Read function = [id](storage::Snapshot& snapshot, UnixMs now) { return Kind::find(snapshot, id, now); };
    co_return co_await read(std::move(function));
  }

  // These keys have ended: it forgets them and tells its listeners.
  void end(const Ended& which) noexcept {
    std::erase_if(by_hash_, [&](const auto& entry) { return which.concerns(*entry.second.key); });
    remember_end(which);
    for (Listener* listener : listeners_) Kind::tell(*listener, which);
  }

  // How many ends there were. Whoever has a key that was good then asks by this number whether it ended
  // since.
  std::uint64_t ends() const noexcept { return ends_; }
  // True also if that was too long ago to be said.
  bool has_ended_since(std::uint64_t ends, const Key& key) const noexcept {
    if (is_forgotten(ends)) return true;
    for (std::uint64_t i = ends; i < ends_; ++i)
      if (last_ends_[i % ends_kept].concerns(key)) return true;
    return false;
  }

  // The listener must be removed before it dies.
  void add_listener(Listener& listener) { listeners_.push_back(&listener); }
  void remove_listener(const Listener& listener) noexcept { std::erase(listeners_, &listener); }

 protected:
  KeyCache(storage::ReaderPool& readers, const Clock& clock) : readers_(readers), clock_(clock) {}
  ~KeyCache() = default;

  UnixMs now() const noexcept { return clock_.unix_ms(); }
  // So that keys which are being read do not outlive it.
  void remember_end(const Ended& which) noexcept { last_ends_[ends_++ % ends_kept] = which; }

 private:
  struct Entry {
    KeyRef key;
    UnixMs known_until = 0;
  };
  using Read = std::function<std::optional<Key>(storage::Snapshot&, UnixMs)>;

  // Whether a key that is in the database is good at this moment.
  virtual bool is_good(const Key& key) const noexcept = 0;
  // Somebody is given this key.
  virtual void was_read(const Key&) {}

  static Error no_key() { return Error(ErrorCode::invalid_token, "The key is unknown, revoked or expired."); }

  // Null: not known, or no longer good.
  const Entry* find_entry(std::string_view key) {
    const auto found = by_hash_.find(sha256_text(key));
    if (found == by_hash_.end()) return nullptr;
    if (is_good(*found->second.key)) return &found->second;
    by_hash_.erase(found);
    return nullptr;
  }

  bool is_forgotten(std::uint64_t ends) const noexcept { return ends_ - ends > ends_kept; }

  // What ended while it was being read has ended, whatever the reader has seen.
  Task<Result<KeyRef>> read(Read function) {
    const std::uint64_t before = ends_;
    auto look = [function = std::move(function),
                 now = clock_.unix_ms()](storage::Snapshot& snapshot) -> Result<KeyRef> {
      std::optional<Key> key = function(snapshot, now);
      if (!key) return no_key();
      return std::make_shared<const Key>(std::move(*key));
    };
    Result<KeyRef> found = co_await readers_.read(std::move(look));
    if (!found) co_return found;
    if (is_forgotten(before))
      co_return Error(ErrorCode::overloaded, "Keys are changing too fast.").retry_in(std::chrono::seconds(1));
    if (has_ended_since(before, **found) || !is_good(**found)) co_return no_key();
    was_read(**found);
    co_return found;
  }

  // A cache that is full begins anew: that is cheaper than to keep an order, and seldom.
  void keep(std::string hash, const KeyRef& key) {
    if (by_hash_.size() >= keys_max) by_hash_.clear();
    const UnixMs until = clock_.unix_ms() + std::chrono::milliseconds(life).count();
    by_hash_.insert_or_assign(std::move(hash), Entry{key, until});
  }

  storage::ReaderPool& readers_;
  const Clock& clock_;
  std::unordered_map<std::string, Entry> by_hash_;  // SHA-256 of the key: the key itself is not kept
  std::uint64_t ends_ = 0;
  std::vector<Ended> last_ends_ = std::vector<Ended>(ends_kept);  // end number i at i % ends_kept
  std::vector<Listener*> listeners_;
};

}  // namespace corohub::users
