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

#include <algorithm>
#include <chrono>
#include <cstddef>
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
  // Keys that end while others are being read; beyond, those are to be asked for again.
  static constexpr std::size_t ended_meanwhile_max = 4096;

  KeyCache(const KeyCache&) = delete;
  KeyCache& operator=(const KeyCache&) = delete;

  // Null: not known here, which says nothing about the key.
  KeyRef find(std::string_view key) {
    const auto found = by_hash_.find(sha256_text(key));
    if (found == by_hash_.end()) return nullptr;
    if (!is_good(*found->second.key)) {
      by_hash_.erase(found);
      return nullptr;
    }
    return clock_.unix_ms() < found->second.known_until ? found->second.key : nullptr;
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
    if (reads_ > 0 && ended_meanwhile_.size() < ended_meanwhile_max) ended_meanwhile_.push_back(which);
    for (Listener* listener : listeners_) Kind::tell(*listener, which);
  }

  // The listener must be removed before it dies.
  void add_listener(Listener& listener) { listeners_.push_back(&listener); }
  void remove_listener(const Listener& listener) noexcept { std::erase(listeners_, &listener); }

 protected:
  KeyCache(storage::ReaderPool& readers, const Clock& clock) : readers_(readers), clock_(clock) {}
  ~KeyCache() = default;

  UnixMs now() const noexcept { return clock_.unix_ms(); }

 private:
  struct Entry {
    KeyRef key;
    UnixMs known_until = 0;
  };
  using Read = std::function<std::optional<Key>(storage::Snapshot&, UnixMs)>;

  // Marks that a key is being read, for as long as it is.
  class Filling {
   public:
    explicit Filling(KeyCache& cache) : cache_(cache), first_(cache.ended_meanwhile_.size()) {
      ++cache_.reads_;
    }
    ~Filling() {
      if (--cache_.reads_ == 0) cache_.ended_meanwhile_.clear();
    }
    Filling(const Filling&) = delete;
    Filling& operator=(const Filling&) = delete;

    bool is_overtaken() const noexcept { return cache_.ended_meanwhile_.size() >= ended_meanwhile_max; }
    bool has_ended(const Key& key) const noexcept {
      const auto& ended = cache_.ended_meanwhile_;
      return std::any_of(ended.begin() + static_cast<std::ptrdiff_t>(first_), ended.end(),
                         [&](const Ended& which) { return which.concerns(key); });
    }

   private:
    KeyCache& cache_;
    const std::size_t first_;
  };

  // Whether a key that is in the database is good at this moment.
  virtual bool is_good(const Key& key) const noexcept = 0;

  static Error no_key() { return Error(ErrorCode::invalid_token, "The key is unknown, revoked or expired."); }

  // What ended while it was being read has ended, whatever the reader has seen.
  Task<Result<KeyRef>> read(Read function) {
    const Filling filling(*this);
    auto look = [function = std::move(function),
                 now = clock_.unix_ms()](storage::Snapshot& snapshot) -> Result<KeyRef> {
      std::optional<Key> key = function(snapshot, now);
      if (!key) return no_key();
      return std::make_shared<const Key>(std::move(*key));
    };
    Result<KeyRef> found = co_await readers_.read(std::move(look));
    if (!found) co_return found;
    if (filling.is_overtaken())
      co_return Error(ErrorCode::overloaded, "Keys are changing too fast.").retry_in(std::chrono::seconds(1));
    if (filling.has_ended(**found) || !is_good(**found)) co_return no_key();
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
  std::size_t reads_ = 0;                           // under way
  std::vector<Ended> ended_meanwhile_;
  std::vector<Listener*> listeners_;
};

}  // namespace corohub::users
