#include "auth/account_cache.hpp"

#include <algorithm>
#include <utility>

namespace corohub::auth {
namespace {

// Each repetition needs a commit about the same user within the time of one read.
constexpr int reads_max = 16;

}  // namespace

// Marks that storage is being read for a user, for as long as it is.
class AccountCache::Filling {
 public:
  Filling(AccountCache& cache, UserId id) : cache_(cache), id_(id) { ++cache_.fills_[id_].readers; }
  ~Filling() {
    const auto fill = cache_.fills_.find(id_);
    if (--fill->second.readers == 0) cache_.fills_.erase(fill);
  }
  Filling(const Filling&) = delete;
  Filling& operator=(const Filling&) = delete;

  // Looked up each time: other marks come and go while this coroutine is suspended.
  std::uint64_t changes() const noexcept { return cache_.fills_.find(id_)->second.changes; }

 private:
  AccountCache& cache_;
  UserId id_;
};

AccountCache::AccountCache(AccountLoader loader, std::size_t capacity)
    : loader_(std::move(loader)), capacity_(std::max<std::size_t>(capacity, 1)) {}

AccountRef AccountCache::find(UserId id) noexcept {
  const auto entry = entries_.find(id);
  if (entry == entries_.end()) return nullptr;
  entry->second.used = true;
  return entry->second.account;
}

Task<Result<AccountRef>> AccountCache::get(UserId id) {
  if (AccountRef cached = find(id)) co_return cached;
  const Filling filling(*this, id);
  for (int i = 0; i < reads_max; ++i) {
    const std::uint64_t changes_before = filling.changes();
    Result<AccountRef> read = co_await loader_(id);
    if (!read) co_return read;
    if (filling.changes() == changes_before) {
      keep(id, *read);
      co_return read;
    }
    if (AccountRef changed = find(id)) co_return changed;
  }
  co_return Error(ErrorCode::overloaded, "The account is changing too fast.")
      .retry_in(std::chrono::seconds(1));
}

void AccountCache::apply(UserId id, AccountRef account) noexcept {
  replace(id, account);
  for (AccountListener* listener : listeners_) listener->account_changed(id, account);
}

void AccountCache::replace(UserId id, AccountRef account) noexcept {
  const auto fill = fills_.find(id);
  if (fill != fills_.end()) ++fill->second.changes;
  if (!account) {
    entries_.erase(id);
    return;
  }
  if (fill == fills_.end() && !entries_.contains(id))
    return;  // no request on this shard has asked for this account
  try {
    keep(id, std::move(account));
  } catch (...) {  // without memory: the account is read again when it is asked for
    entries_.erase(id);
  }
}

void AccountCache::keep(UserId id, AccountRef account) {
  if (!account) return;
  if (const auto entry = entries_.find(id); entry != entries_.end()) {
    entry->second.account = std::move(account);
    return;
  }
  Entry entry;
  entry.account = std::move(account);
  if (clock_.size() < capacity_) {
    clock_.push_back(id);
    entries_.emplace(id, std::move(entry));
    return;
  }
  clock_[free_place()] = id;
  entries_.emplace(id, std::move(entry));
}

// A place on the clock whose user is gone, or has not been asked for since the hand last passed. Two rounds
// find one, because the first takes every mark away.
std::size_t AccountCache::free_place() noexcept {
  for (;;) {
    const std::size_t place = hand_;
    hand_ = (hand_ + 1) % clock_.size();
    const auto entry = entries_.find(clock_[place]);
    if (entry == entries_.end()) return place;
    if (!std::exchange(entry->second.used, false)) {
      entries_.erase(entry);
      return place;
    }
  }
}

}  // namespace corohub::auth
