// Lists of accounts, as administrators ask for them: SQL only, no rights. Each filter and order has a
// statement of its own, and none of them looks at more accounts than it shows or passes over, whatever the
// table holds.
#pragma once

#include "core/account.hpp"
#include "core/error.hpp"
#include "storage/unit_of_work.hpp"

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace corohub::users {

// Of the accounts that a text finds, so many are counted, and so many are sorted in another order than by id.
inline constexpr std::int64_t found_users_max = 10'000;
// How far pages by number reach; a cursor goes on anywhere.
inline constexpr std::int64_t passed_users_max = 100'000;

enum class UserSort : std::uint8_t { id, name, email, created_at, updated_at };

// Where in an order a list goes on: after the account with this key and id.
struct UserCursor {
  std::string key;  // the key's value; a number as its digits; empty for the order by id
  UserId id = 0;
};

struct UserQuery {
  std::int64_t page = 1;  // counted from the cursor
  std::int64_t per_page = 20;
  std::optional<UserCursor> after;
  std::optional<std::string>
      text;  // part of the name or of the address; one or two characters: its beginning
  std::optional<Role> role;
  UserSort sort = UserSort::id;
  bool descending = false;
};

struct UserPage {
  std::vector<Account> users;      // without their logins
  std::int64_t total = 0;          // at most found_users_max if there is a text
  bool total_is_capped = false;    // there are more
  std::optional<UserCursor> next;  // of the next page, if there is one
};

// validation_failed: the page is further away than passed_users_max, although there are so many accounts.
Result<UserPage> list_users(storage::Snapshot& snapshot, const UserQuery& query);

// A cursor as clients carry it; it belongs to one order. parse_cursor() answers nothing for a text that is no
// cursor of the order.
std::string cursor_text(const UserCursor& cursor, UserSort sort, bool descending);
std::optional<UserCursor> parse_cursor(std::string_view text, UserSort sort, bool descending);

// Every statement list_users() may run, for a test that asks how each is done.
std::span<const std::string> user_list_statements();

}  // namespace corohub::users
