#include "users/user_list.hpp"

#include "core/encoding.hpp"
#include "users/user_repository.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>

namespace corohub::users {
namespace {

constexpr std::size_t sort_count = 5;

// Whom a statement lists: all accounts, plain users, the staff of one role, or the matches of a text.
enum class Filter : std::uint8_t { all, plain, staff, found };
constexpr std::size_t filter_count = 4;

// A column name cannot be bound. These texts are all ours; what a client says is bound.
struct Order {
  std::string_view key;        // empty: the order by id alone
  std::string_view all_index;  // empty: SQLite takes the one index there is
  std::string_view staff_index;
};
constexpr std::array<Order, sort_count> orders{{
    {"", "NOT INDEXED", "INDEXED BY staff_by_id"},
    {"users.name COLLATE NOCASE", "INDEXED BY users_by_name", "INDEXED BY staff_by_name"},
    {"users.email_key", "", "INDEXED BY staff_by_email"},
    {"users.created_at", "INDEXED BY users_by_creation", "INDEXED BY staff_by_creation"},
    {"users.updated_at", "INDEXED BY users_by_change", "INDEXED BY staff_by_change"},
}};

std::string from_clause(const Order& order, Filter filter) {
  switch (filter) {
    case Filter::all:
    case Filter::plain:
      return "users " + std::string(order.all_index);
    case Filter::staff:
      return "users " + std::string(order.staff_index);
    case Filter::found:
      break;
  }
  return order.key.empty() ? "users_search CROSS JOIN users ON users.id = users_search.rowid"
                           : "users NOT INDEXED";
}

std::string condition(const Order& order, Filter filter) {
  switch (filter) {
    case Filter::all:
      break;
    case Filter::plain:
      return " AND +users.role = 'user'";  // nearly all accounts are: the walk goes in order, and passes over
                                           // the few others
    case Filter::staff:
      return " AND users.role <> 'user' AND users.role = ?5";
    case Filter::found:
      if (order.key.empty()) return " AND users_search MATCH ?5";
      return " AND users.id IN (SELECT rowid FROM users_search WHERE users_search MATCH ?5 ORDER BY rowid "
             "LIMIT " +
             std::to_string(found_users_max) + ")";
  }
  return "";
}

// ?1 and ?2: the key and the id to go on after; ?3 and ?4: how many rows, and how many to pass over first.
std::string make_statement(UserSort sort, bool descending, Filter filter) {
  const Order& order = orders[static_cast<std::size_t>(sort)];
  const std::string after = descending ? " < " : " > ";
  const std::string direction = descending ? " DESC" : "";
  const bool by_id = order.key.empty();
  const std::string id = by_id && filter == Filter::found ? "users_search.rowid" : "users.id";
  const std::string key(order.key);

  std::string sql =
      "SELECT users.id, users.name, users.email, users.age, users.role, users.status, users.token_version, "
      "users.created_at, users.updated_at FROM " +
      from_clause(order, filter) + " WHERE ";
  // An index understands the comparison of the key alone; that of both parts tells apart accounts which share
  // a key.
  if (by_id)
    sql += id + after + "?2";
  else
    sql += key + (descending ? " <= " : " >= ") + "?1 AND (" + key + ", " + id + ")" + after + "(?1, ?2)";
  sql += condition(order, filter) + " ORDER BY " + (by_id ? "" : key + direction + ", ") + id + direction;
  return sql + " LIMIT ?3 OFFSET ?4";
}

constexpr std::string_view count_found =
    "SELECT COUNT(*) FROM (SELECT 1 FROM users_search WHERE users_search MATCH ?1 LIMIT ?2)";

std::size_t index_of(UserSort sort, bool descending, Filter filter) {
  return (static_cast<std::size_t>(sort) * 2 + (descending ? 1 : 0)) * filter_count +
         static_cast<std::size_t>(filter);
}

constexpr std::size_t list_statement_count = sort_count * 2 * filter_count;

const std::array<std::string, list_statement_count + 1>& statements() {
  static const auto texts = [] {
    std::array<std::string, list_statement_count + 1> made;
    for (std::size_t sort = 0; sort < sort_count; ++sort)
      for (const bool descending : {false, true})
        for (std::size_t filter = 0; filter < filter_count; ++filter)
          made[index_of(static_cast<UserSort>(sort), descending, static_cast<Filter>(filter))] =
              make_statement(static_cast<UserSort>(sort), descending, static_cast<Filter>(filter));
    made.back() = count_found;
    return made;
  }();
  return texts;
}

// The text in the language of the search: a phrase of names and addresses, in which the quote is the only
// special character, with the role beside it.
std::string match_of(std::string_view text, std::optional<Role> role) {
  std::string phrase;
  for (std::size_t marks = 3 - std::min<std::size_t>(code_points(text), 3); marks > 0; --marks)
    phrase += '\x02';
  for (const char c : text) phrase.append(c == '"' ? 2 : 1, c);
  std::string match = "{name email} : \"" + phrase + '"';
  if (!role) return match;
  if (*role == Role::user) return match + R"( NOT staff : ("admin" OR "superadmin"))";
  // A text that contains "superadmin" contains "admin", too.
  if (*role == Role::admin) return match + R"( AND staff : "admin" NOT staff : "superadmin")";
  return match + R"( AND staff : "superadmin")";
}

Account read_account(const storage::Query& query) {
  Account account;
  account.id = query.integer(0);
  account.name = query.text(1);
  account.email = query.text(2);
  account.age = query.integer_or_null(3);
  account.role = parse_role(query.text(4)).value_or(Role::user);
  account.status = parse_status(query.text(5)).value_or(UserStatus::disabled);
  account.token_version = query.integer(6);
  account.created_at = query.integer(7);
  account.updated_at = query.integer(8);
  return account;
}

std::string key_of(const Account& account, UserSort sort) {
  switch (sort) {
    case UserSort::id:
      break;
    case UserSort::name:
      return account.name;
    case UserSort::email:
      return email_key(account.email);
    case UserSort::created_at:
      return std::to_string(account.created_at);
    case UserSort::updated_at:
      return std::to_string(account.updated_at);
  }
  return {};
}

bool is_time(UserSort sort) noexcept { return sort == UserSort::created_at || sort == UserSort::updated_at; }

std::optional<std::int64_t> parse_number(std::string_view text) {
  std::int64_t number = 0;
  const char* const last = text.data() + text.size();
  const auto [end, failure] = std::from_chars(text.data(), last, number);
  if (failure != std::errc() || end != last) return std::nullopt;
  return number;
}

// Both ends of every order are cursors, too: a BLOB is greater than any text or number.
void bind_cursor(storage::Query& query, const UserQuery& wanted) {
  if (!wanted.after && wanted.descending)
    query.bind(storage::Blob{"\xff"}, std::numeric_limits<std::int64_t>::max());
  else if (is_time(wanted.sort))
    query.bind(wanted.after ? parse_number(wanted.after->key) : std::numeric_limits<std::int64_t>::min(),
               wanted.after ? wanted.after->id : 0);
  else
    query.bind(wanted.after ? wanted.after->key : std::string(), wanted.after ? wanted.after->id : 0);
}

Error too_far(std::int64_t per_page) {
  return Error(ErrorCode::validation_failed, "The query has invalid values.")
      .at("/page", "out_of_range",
          "Pages by number reach as far as " + std::to_string(passed_users_max / per_page) +
              " here; go on with the cursor in meta.next.");
}

std::int64_t count_role(storage::Snapshot& snapshot, std::optional<Role> role) {
  std::int64_t total = 0;
  storage::Query query = snapshot.query("SELECT role, users FROM user_totals");
  while (query.next())
    if (!role || query.text(0) == name(*role)) total += query.integer(1);
  return total;
}

std::int64_t count_matches(storage::Snapshot& snapshot, const std::string& match) {
  storage::Query query = snapshot.query(statements().back());
  query.bind(match, found_users_max + 1);
  return query.next() ? query.integer(0) : 0;
}

Filter filter_of(const UserQuery& wanted) {
  if (wanted.text) return Filter::found;
  if (!wanted.role) return Filter::all;
  return *wanted.role == Role::user ? Filter::plain : Filter::staff;
}

}  // namespace

Result<UserPage> list_users(storage::Snapshot& snapshot, const UserQuery& wanted) {
  const Filter filter = filter_of(wanted);
  std::string match;
  if (filter == Filter::found) match = match_of(*wanted.text, wanted.role);

  UserPage page;
  const std::int64_t total =
      match.empty() ? count_role(snapshot, wanted.role) : count_matches(snapshot, match);
  page.total_is_capped = !match.empty() && total > found_users_max;
  page.total = page.total_is_capped ? found_users_max : total;
  const std::int64_t passed = (wanted.page - 1) * wanted.per_page;
  if (passed >= total && !page.total_is_capped) return page;
  if (passed > passed_users_max) return too_far(wanted.per_page);

  storage::Query query = snapshot.query(statements()[index_of(wanted.sort, wanted.descending, filter)]);
  bind_cursor(query, wanted);
  query.bind(wanted.per_page + 1, passed);
  if (filter == Filter::staff) query.bind(name(*wanted.role));
  if (filter == Filter::found) query.bind(match);
  while (query.next()) {
    if (static_cast<std::int64_t>(page.users.size()) == wanted.per_page) {
      page.next = UserCursor{key_of(page.users.back(), wanted.sort), page.users.back().id};
      break;
    }
    page.users.push_back(read_account(query));
  }
  return page;
}

std::string cursor_text(const UserCursor& cursor, UserSort sort, bool descending) {
  std::string text{static_cast<char>('a' + static_cast<int>(sort)), descending ? '-' : '+'};
  return base64url(text + std::to_string(cursor.id) + ':' + cursor.key);
}

std::optional<UserCursor> parse_cursor(std::string_view text, UserSort sort, bool descending) {
  const std::optional<std::string> plain = from_base64url(text);
  if (!plain || plain->size() < 3) return std::nullopt;
  const std::size_t colon = plain->find(':');
  if (colon == std::string::npos || (*plain)[0] != static_cast<char>('a' + static_cast<int>(sort)) ||
      (*plain)[1] != (descending ? '-' : '+'))
    return std::nullopt;
  const std::optional<std::int64_t> id = parse_number(std::string_view(*plain).substr(2, colon - 2));
  UserCursor cursor;
  cursor.key = plain->substr(colon + 1);
  if (!id || !is_utf8(cursor.key) || (is_time(sort) && !parse_number(cursor.key))) return std::nullopt;
  cursor.id = *id;
  return cursor;
}

std::span<const std::string> user_list_statements() { return statements(); }

}  // namespace corohub::users
