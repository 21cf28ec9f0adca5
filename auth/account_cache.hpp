// The accounts of one shard, so that authentication needs no other thread: filled on a miss, replaced by
// control entries, bounded. Used on the shard's thread only. The cache must outlive every get() under way.
#pragma once

#include "core/account.hpp"
#include "core/error.hpp"
#include "core/task.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <unordered_map>
#include <vector>

namespace corohub::auth {

// Reads an account with its live logins from storage; a null pointer: no such user.
using AccountLoader = std::function<Task<Result<AccountRef>>(UserId)>;

// Told on the cache's thread.
class AccountListener {
 public:
  // The account is so from here on; null: it is gone.
  virtual void account_changed(UserId id, const AccountRef& account) noexcept = 0;

 protected:
  ~AccountListener() = default;
};

class AccountCache {
 public:
  AccountCache(AccountLoader loader, std::size_t capacity);

  // What is cached now; null: not cached (which says nothing about the user).
  AccountRef find(UserId id) noexcept;
  // The account from the cache or from storage; null: no such user. A change that arrives while storage is
  // being read makes get() read again, so a state that was already replaced is never returned or kept.
  Task<Result<AccountRef>> get(UserId id);
  // Applies a control entry: replaces what is cached, forgets a user who is gone (null), and marks a read
  // under way as outdated.
  void apply(UserId id, AccountRef account) noexcept;

  // The listener hears of every control entry, whether the account is cached or not, as long as apply() is
  // called.
  void add_listener(AccountListener& listener) { listeners_.push_back(&listener); }

  std::size_t size() const noexcept { return entries_.size(); }

 private:
  struct Entry {
    AccountRef account;
    bool used = false;  // second chance for the clock hand
  };
  struct Fill {
    std::size_t readers = 0;
    std::uint64_t changes = 0;
  };

  class Filling;

  void replace(UserId id, AccountRef account) noexcept;
  void keep(UserId id, AccountRef account);
  std::size_t free_place() noexcept;

  AccountLoader loader_;
  std::size_t capacity_;
  std::unordered_map<UserId, Entry> entries_;
  std::unordered_map<UserId, Fill> fills_;
  std::vector<UserId> clock_;  // a circle of keys for eviction; those of users who are gone are free places
  std::size_t hand_ = 0;
  std::vector<AccountListener*> listeners_;
};

}  // namespace corohub::auth
