#include "flags/author.hpp"

#include "auth/policy.hpp"
#include "users/user_repository.hpp"

#include <algorithm>
#include <array>
#include <span>

namespace corohub::flags {
namespace {

// Any of them will do.
std::span<const std::string_view> scopes_for(Right right) noexcept {
  static constexpr std::array<std::string_view, 3> reading = {"flags:write", "flags:read", "config:read"};
  static constexpr std::array<std::string_view, 1> ingest = {"flags:ingest"};
  static constexpr std::array<std::string_view, 1> emit = {"config:emit"};
  switch (right) {
    case Right::write:
      return std::span(reading).first(1);
    case Right::read:
      return std::span(reading).first(2);
    case Right::read_routes:
      return reading;
    case Right::ingest:
      return ingest;
    case Right::emit:
      return emit;
  }
  return {};
}

Error may_not() { return Error(ErrorCode::forbidden, "The key has no scope for this."); }

}  // namespace

std::string_view name(Source source) noexcept {
  constexpr std::array<std::string_view, 6> words = {"api", "schedule", "import", "copy", "redis", "http"};
  return words[static_cast<std::size_t>(source)];
}

bool scopes_manage(const std::vector<std::string>& scopes, Right right,
                   std::string_view name_space) noexcept {
  return std::ranges::any_of(scopes_for(right), [&](std::string_view scope) {
    return users::scopes_allow(scopes, scope, name_space);
  });
}

bool scopes_manage_somewhere(const std::vector<std::string>& scopes, Right right) noexcept {
  return std::ranges::any_of(scopes_for(right), [&](std::string_view wanted) {
    return std::ranges::any_of(scopes, [&](std::string_view scope) { return scope.starts_with(wanted); });
  });
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
