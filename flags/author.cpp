#include "flags/author.hpp"

#include "auth/policy.hpp"
#include "users/user_repository.hpp"

#include <array>

namespace corohub::flags {
namespace {

Error may_not() { return Error(ErrorCode::forbidden, "The key has no scope for this."); }

}  // namespace

std::string_view name(Source source) noexcept {
  constexpr std::array<std::string_view, 6> words = {"api", "schedule", "import", "copy", "redis", "http"};
  return words[static_cast<std::size_t>(source)];
}

bool scopes_manage(const std::vector<std::string>& scopes, Right right,
                   std::string_view name_space) noexcept {
  if (right == Right::ingest) return users::scopes_allow(scopes, "flags:ingest", name_space);
  return users::scopes_allow(scopes, "flags:write", name_space) ||
         (right == Right::read && users::scopes_allow(scopes, "flags:read", name_space));
}

Result<> check_right(storage::UnitOfWork& work, const Author& author, Right right,
                     std::string_view name_space) {
  if (author.caller.command_line) return {};
  if (author.service_key) {
    const std::optional<std::vector<std::string>> scopes = users::scopes_of(work, *author.service_key);
    if (!scopes) return Error(ErrorCode::invalid_token, "The key is revoked or expired.");
    if (!scopes_manage(*scopes, right, name_space)) return may_not();
    users::note_use(work, *author.service_key);
    return {};
  }
  const std::optional<users::UserRow> user = users::find_user(work, author.caller.user_id.value_or(0));
  if (!user || user->account.status != UserStatus::active)
    return Error(ErrorCode::invalid_token, "The account is gone or disabled.");
  if (!auth::is_admin(user->account.role)) return Error(ErrorCode::forbidden, "Only for administrators.");
  return {};
}

}  // namespace corohub::flags
