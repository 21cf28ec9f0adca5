#include "users/password_check.hpp"

#include <algorithm>

namespace corohub::users {
namespace {

// Attempts on one account that may be hashed at the same time while it has no delay yet: what a storm from
// many addresses can try before the first failure is counted.
constexpr std::size_t attempts_at_once = 10;
constexpr std::int64_t forgotten_at_once = 16;

Error wait_first(std::int64_t milliseconds) {
  return Error(ErrorCode::rate_limited, "Too many failed attempts for this account; wait before the next.")
      .retry_in(std::chrono::seconds((milliseconds + 999) / 1000))
      .limited_to(free_failures);
}

std::optional<Error> delayed(const LoginFailures& failures, UnixMs now) {
  if (failures.count >= final_failures) return wait_first(longest_delay_ms);
  const std::int64_t left = failures.retry_at - now;
  // More than the whole delay is left only if the wall clock was set back since.
  if (left <= 0 || left > delay_after(failures.count)) return std::nullopt;
  return wait_first(left);
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

Task<Result<Proof>> PasswordCheck::by_email(std::string email_key, Secret password, bool exempt,
                                            ErrorCode wrong) {
  auto look = [key = std::move(email_key)](storage::Snapshot& snapshot) -> Result<Found> {
    Found found;
    found.user = find_user_by_email(snapshot, key);
    found.key = failures_key(key);
    found.failures = find_login_failures(snapshot, found.key);
    return found;
  };
  Result<Found> found = co_await parts_.readers.read(std::move(look));
  if (!found) co_return found.error();
  co_return co_await judge(std::move(*found), std::move(password), exempt, wrong);
}

Task<Result<Proof>> PasswordCheck::by_id(UserId user, Secret password, bool exempt, ErrorCode wrong) {
  auto look = [user](storage::Snapshot& snapshot) -> Result<Found> {
    Found found;
    found.user = find_user(snapshot, user);
    if (!found.user) return Error(ErrorCode::unauthorized);
    found.key = failures_key(email_key(found.user->account.email));
    found.failures = find_login_failures(snapshot, found.key);
    return found;
  };
  Result<Found> found = co_await parts_.readers.read(std::move(look));
  if (!found) co_return found.error();
  co_return co_await judge(std::move(*found), std::move(password), exempt, wrong);
}

Task<Result<Proof>> PasswordCheck::judge(Found found, Secret password, bool exempt, ErrorCode wrong) {
  std::optional<Attempt> attempt;
  if (!exempt) {
    if (std::optional<Error> wait = delayed(found.failures, parts_.clock.unix_ms())) co_return *wait;
    if (!begin_attempt(found)) co_return wait_first(1000);
    attempt.emplace(*this, found.key);
  }
  std::string hash;  // empty: costs the same and is never right
  if (found.user) hash = found.user->password_hash;
  const Result<bool> right = co_await parts_.hasher.verify(std::move(password), std::move(hash));
  if (!right) co_return right.error();

  if (*right && found.user && found.user->account.status == UserStatus::active) {
    Proof proof{std::move(*found.user), std::move(found.key)};
    co_return proof;
  }
  if (!exempt) {
    const Result<> remembered = co_await remember_failure(found.key);
    if (!remembered) co_return remembered.error();
  }
  co_return refusal(wrong);
}

Task<Result<>> PasswordCheck::remember_failure(std::string key) {
  auto unit = [key = std::move(key)](storage::UnitOfWork& work) -> Result<storage::Nothing> {
    LoginFailures failures = find_login_failures(work, key);
    failures.count = std::min(failures.count + 1, final_failures);
    failures.retry_at = work.now() + delay_after(failures.count);
    save_login_failures(work, key, failures);
    trim_login_failures(work, work.now() - forgotten_after_ms, final_failures, forgotten_at_once);
    return storage::Nothing{};
  };
  const auto committed = co_await parts_.writer.commit(std::move(unit));
  if (!committed) co_return committed.error();
  co_return Result<>();
}

bool PasswordCheck::begin_attempt(const Found& found) {
  const std::size_t most = found.failures.count < free_failures ? attempts_at_once : 1;
  const std::lock_guard lock(mutex_);
  std::size_t& attempts = attempts_[found.key];
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
