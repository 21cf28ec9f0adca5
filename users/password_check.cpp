#include "users/password_check.hpp"

#include "auth/rate_limit.hpp"
#include "users/login_repository.hpp"

#include <algorithm>
#include <vector>

#include <boost/asio/ip/address.hpp>

namespace corohub::users {
namespace {

// How many attempts of one network on one account may be hashed at the same time while the network has no
// delay yet: as many as a storm can try before the first failure is counted.
constexpr std::size_t attempts_at_once = 10;
constexpr std::int64_t forgotten_at_once = 16;

Error wait_first(std::int64_t milliseconds) {
  return Error(ErrorCode::rate_limited, "Too many failed attempts for this account; wait before the next.")
      .retry_in(std::chrono::seconds((milliseconds + 999) / 1000))
      .limited_to(free_failures);
}

// What is left of a delay. If more than the whole delay is left, the wall clock was set back since: then
// nothing.
std::int64_t left_of(std::int64_t delay, UnixMs retry_at, UnixMs now) noexcept {
  const std::int64_t left = retry_at - now;
  return left <= delay ? std::max<std::int64_t>(left, 0) : 0;
}

// Empty if the address is not known.
std::string region_of(const std::string& ip) {
  boost::system::error_code failed;
  const auto address = boost::asio::ip::make_address(ip, failed);
  return failed ? std::string() : auth::region_key(address);
}

// Whether one of the account's logins is in this network.
bool has_login_in(storage::Snapshot& snapshot, UserId user, std::string_view network, UnixMs now,
                  const LoginRules& rules) {
  const std::vector<LoginRow> logins = live_logins(snapshot, user, now, rules.used_since(now));
  return std::ranges::any_of(logins, [&](const LoginRow& login) {
    boost::system::error_code failed;
    const auto address = boost::asio::ip::make_address(login.ip, failed);
    return !failed && auth::network_key(address) == network;
  });
}

Error refusal(ErrorCode wrong) {
  return Error(wrong, wrong == ErrorCode::current_password_wrong ? "The current password is wrong."
                                                                 : "The e-mail address or the password is "
                                                                   "wrong.");
}

}  // namespace

std::int64_t delay_after(std::int64_t failures) noexcept {
  if (failures < free_failures) return 0;
  const std::int64_t doublings = std::min<std::int64_t>(failures - free_failures, 10);
  return std::min(1000LL << doublings, static_cast<long long>(longest_delay_ms));
}

class PasswordCheck::Attempt {
 public:
  Attempt(PasswordCheck& check, std::string key) : check_(check), key_(std::move(key)) {}
  ~Attempt() { check_.end_attempt(key_); }
  Attempt(const Attempt&) = delete;
  Attempt& operator=(const Attempt&) = delete;

 private:
  PasswordCheck& check_;
  std::string key_;
};

Task<Result<Proof>> PasswordCheck::by_email(std::string email_key, Secret password, const Caller& caller) {
  auto look = [key = std::move(email_key), network = caller.network, region = region_of(caller.ip),
               now = parts_.clock.unix_ms(), rules = rules_](storage::Snapshot& snapshot) -> Result<Found> {
    Found found;
    found.user = find_user_by_email(snapshot, key);
    found.key = failures_key(key, network);
    found.here = find_login_failures(snapshot, found.key);
    found.region = failures_key(key, "region " + region).place;
    if (!found.user || !has_login_in(snapshot, found.user->account.id, network, now, rules))
      found.everywhere = find_login_failures(snapshot, failures_key(key, {}));
    return found;
  };
  Result<Found> found = co_await parts_.readers.read(std::move(look));
  if (!found) co_return found.error();
  co_return co_await judge(std::move(*found), std::move(password), caller.network, caller.exempt,
                           ErrorCode::invalid_credentials);
}

Task<Result<Proof>> PasswordCheck::by_login(UserId user, SessionId session, Secret password,
                                            const Caller& caller) {
  auto look = [user, place = "login " + session.text()](storage::Snapshot& snapshot) -> Result<Found> {
    Found found;
    found.user = find_user(snapshot, user);
    if (!found.user) return Error(ErrorCode::unauthorized);
    found.key = failures_key(email_key(found.user->account.email), place);
    found.here = find_login_failures(snapshot, found.key);
    return found;
  };
  Result<Found> found = co_await parts_.readers.read(std::move(look));
  if (!found) co_return found.error();
  co_return co_await judge(std::move(*found), std::move(password), caller.network, caller.exempt,
                           ErrorCode::current_password_wrong);
}

std::optional<Error> PasswordCheck::delayed(const Found& found, UnixMs now) {
  const std::int64_t left = left_of(delay_after(found.here.count), found.here.retry_at, now);
  if (left == 0) return std::nullopt;
  return wait_first(left);
}

std::optional<Error> PasswordCheck::over_crowd_rate(const Found& found) {
  if (!region_tries_.take(found.region).allowed) return wait_first(1000);
  if (account_tries_.take(found.key.account).allowed) return std::nullopt;
  region_tries_.give_back(found.region);
  return wait_first(1000);
}

Task<Result<Proof>> PasswordCheck::judge(Found found, Secret password, std::string network, bool exempt,
                                         ErrorCode wrong) {
  std::optional<Attempt> attempt;
  if (!exempt) {
    if (std::optional<Error> wait = delayed(found, parts_.clock.unix_ms())) co_return *wait;
    const std::string key = found.in_crowd() ? found.region : found.key.place;
    const std::size_t most = found.in_crowd() || found.here.count >= free_failures ? 1 : attempts_at_once;
    if (!begin_attempt(key, most)) co_return wait_first(1000);
    attempt.emplace(*this, key);
    if (found.in_crowd())
      if (std::optional<Error> wait = over_crowd_rate(found)) co_return *wait;
  }
  std::string hash;  // an empty hash costs the same and is never right
  if (found.user) hash = found.user->password_hash;
  const Result<bool> right =
      co_await parts_.hasher.verify(std::move(password), std::move(hash), std::move(network));
  if (!right) co_return right.error();

  if (*right && found.user && found.user->account.status == UserStatus::active) {
    Proof proof{std::move(*found.user), std::move(found.key)};
    co_return proof;
  }
  if (!exempt) {
    const Result<> remembered = co_await remember_failure(found.key, !found.everywhere);
    if (!remembered) co_return remembered.error();
  }
  co_return refusal(wrong);
}

Task<Result<>> PasswordCheck::remember_failure(FailuresKey key, bool is_known) {
  auto unit = [key = std::move(key), is_known](storage::UnitOfWork& work) -> Result<storage::Nothing> {
    LoginFailures here = find_login_failures(work, key);
    ++here.count;
    here.retry_at = work.now() + delay_after(here.count);
    save_login_failures(work, key, here, failing_places_kept);
    if (!is_known) {
      const FailuresKey crowd{key.account, {}};
      LoginFailures everywhere = find_login_failures(work, crowd);
      ++everywhere.count;
      save_login_failures(work, crowd, everywhere, failing_places_kept);
    }
    trim_login_failures(work, work.now() - forgotten_after_ms, forgotten_at_once);
    return storage::Nothing{};
  };
  const auto committed = co_await parts_.writer.commit(std::move(unit));
  if (!committed) co_return committed.error();
  co_return Result<>();
}

bool PasswordCheck::begin_attempt(const std::string& key, std::size_t most) {
  const std::lock_guard lock(mutex_);
  std::size_t& attempts = attempts_[key];
  if (attempts >= most) return false;
  ++attempts;
  return true;
}

void PasswordCheck::end_attempt(const std::string& key) noexcept {
  const std::lock_guard lock(mutex_);
  const auto found = attempts_.find(key);
  if (found != attempts_.end() && --found->second == 0) attempts_.erase(found);
}

}  // namespace corohub::users
