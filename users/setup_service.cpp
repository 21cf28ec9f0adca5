#include "users/setup_service.hpp"

#include "core/encoding.hpp"
#include "core/random.hpp"
#include "users/user_changes.hpp"

#include <utility>

namespace corohub::users {
namespace {

Error closed() {
  return Error(ErrorCode::setup_closed, "Setup is done, or the link is wrong, used or too old.");
}

Result<Login> create_first(storage::UnitOfWork& work, const NewUser& user, const std::string& hash,
                           const Caller& caller, const LoginRules& rules) {
  if (superadmin_exists(work)) return closed();
  const Result<UserRow> row = create_user_row(work, user, hash, caller, "setup");
  if (!row) return row.error();
  return open_login(work, row->account.id, caller, rules);
}

}  // namespace

Task<Result<std::optional<std::string>>> SetupService::issue() {
  auto look = [](storage::Snapshot& snapshot) -> Result<bool> { return superadmin_exists(snapshot); };
  const Result<bool> exists = co_await parts_.readers.read(look);
  if (!exists) co_return exists.error();
  std::optional<std::string> text;
  if (*exists) co_return text;
  text = random_token();
  {
    const std::lock_guard lock(mutex_);
    token_ = Token{sha256_text(*text), parts_.clock.steady() + ttl_};
  }
  co_return text;
}

Result<> SetupService::check(const std::string& token) {
  const std::lock_guard lock(mutex_);
  if (!is_good(token)) return closed();
  return {};
}

Task<Outcome<Login>> SetupService::create_superadmin(std::string token, NewUser user, Caller caller) {
  Result<std::string> hash = co_await parts_.hasher.hash(std::move(user.password), caller.network);
  if (!hash) co_return hash.error();
  // Taken before the commit, so that of two requests at the same time one is refused.
  std::optional<Token> taken = take(token);
  if (!taken) co_return closed();

  user.role = Role::superadmin;
  auto unit = [user = std::move(user), hash = std::move(*hash), caller = std::move(caller), rules = rules_](
                  storage::UnitOfWork& work) { return create_first(work, user, hash, caller, rules); };
  Outcome<Login> outcome = co_await parts_.writer.commit(std::move(unit));
  if (!outcome && outcome.error().code != ErrorCode::setup_closed) put_back(std::move(*taken));
  co_return outcome;
}

std::optional<SetupService::Token> SetupService::take(const std::string& token) {
  const std::lock_guard lock(mutex_);
  if (!is_good(token)) return std::nullopt;
  return std::exchange(token_, std::nullopt);
}

void SetupService::put_back(Token token) {
  const std::lock_guard lock(mutex_);
  if (!token_) token_ = std::move(token);  // a newer token was issued meanwhile: this one is dead
}

bool SetupService::is_good(const std::string& token) const {
  return token_ && parts_.clock.steady() < token_->expires && token_->hash == sha256_text(token);
}

}  // namespace corohub::users
