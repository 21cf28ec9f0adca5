#include "users/user_repository.hpp"

namespace corohub::users {
namespace {

#define COROHUB_USER_COLUMNS \
  "id, name, email, age, role, status, password_hash, token_version, created_at, updated_at"

UserRow read_row(const storage::Query& query) {
  UserRow row;
  row.account.id = query.integer(0);
  row.account.name = query.text(1);
  row.account.email = query.text(2);
  row.account.age = query.integer_or_null(3);
  row.account.role = parse_role(query.text(4)).value_or(Role::user);
  row.account.status = parse_status(query.text(5)).value_or(UserStatus::disabled);
  row.password_hash = query.text(6);
  row.account.token_version = query.integer(7);
  row.account.created_at = query.integer(8);
  row.account.updated_at = query.integer(9);
  return row;
}

std::optional<UserRow> first_row(storage::Query& query) {
  if (!query.next()) return std::nullopt;
  return read_row(query);
}

// For LIKE … ESCAPE '\'.
std::string containing(std::string_view text) {
  std::string pattern = "%";
  for (const char c : text) {
    if (c == '%' || c == '_' || c == '\\') pattern += '\\';
    pattern += c;
  }
  return pattern + '%';
}

#define COROHUB_USER_FILTER                                                            \
  " FROM users WHERE (?1 IS NULL OR name LIKE ?1 ESCAPE '\\' OR email LIKE ?1 ESCAPE " \
  "'\\') AND (?2 IS NULL OR role = ?2)"
#define COROHUB_USER_LIST(order) \
  "SELECT " COROHUB_USER_COLUMNS COROHUB_USER_FILTER " ORDER BY " order " LIMIT ?3 OFFSET ?4"

// A column name cannot be bound, and a statement's text must be a literal.
std::string_view list_statement(UserSort sort, bool descending) {
  switch (sort) {
    case UserSort::id:
      break;
    case UserSort::name:
      return descending ? COROHUB_USER_LIST("name COLLATE NOCASE DESC, id DESC")
                        : COROHUB_USER_LIST("name COLLATE NOCASE, id");
    case UserSort::email:
      return descending ? COROHUB_USER_LIST("email_key DESC") : COROHUB_USER_LIST("email_key");
    case UserSort::created_at:
      return descending ? COROHUB_USER_LIST("created_at DESC, id DESC") : COROHUB_USER_LIST("created_at, id");
    case UserSort::updated_at:
      return descending ? COROHUB_USER_LIST("updated_at DESC, id DESC") : COROHUB_USER_LIST("updated_at, id");
  }
  return descending ? COROHUB_USER_LIST("id DESC") : COROHUB_USER_LIST("id");
}

}  // namespace

std::string email_key(std::string_view email) {
  std::string key(email);
  for (char& c : key)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return key;
}

template <class Source>
std::optional<UserRow> find_user(Source& source, UserId id) {
  storage::Query query = source.query("SELECT " COROHUB_USER_COLUMNS " FROM users WHERE id = ?");
  query.bind(id);
  return first_row(query);
}
template std::optional<UserRow> find_user(storage::UnitOfWork&, UserId);
template std::optional<UserRow> find_user(storage::Snapshot&, UserId);

template <class Source>
std::optional<UserRow> find_user_by_email(Source& source, std::string_view key) {
  storage::Query query = source.query("SELECT " COROHUB_USER_COLUMNS " FROM users WHERE email_key = ?");
  query.bind(key);
  return first_row(query);
}
template std::optional<UserRow> find_user_by_email(storage::UnitOfWork&, std::string_view);
template std::optional<UserRow> find_user_by_email(storage::Snapshot&, std::string_view);

template <class Source>
bool superadmin_exists(Source& source) {
  storage::Query query = source.query("SELECT 1 FROM users WHERE role = 'superadmin' LIMIT 1");
  return query.next();
}
template bool superadmin_exists(storage::UnitOfWork&);
template bool superadmin_exists(storage::Snapshot&);

void insert_user(storage::UnitOfWork& work, UserRow& user) {
  user.account.created_at = work.now();
  user.account.updated_at = work.now();
  const Account& account = user.account;
  work.query(
          "INSERT INTO users (name, email, email_key, age, role, status, password_hash, token_version, "
          "created_at, updated_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)")
      .bind(account.name, account.email, email_key(account.email), account.age, name(account.role),
            name(account.status), user.password_hash, account.token_version, account.created_at,
            account.updated_at)
      .run();
  user.account.id = work.last_insert_id();
}

void save_user(storage::UnitOfWork& work, UserRow& user) {
  user.account.updated_at = work.now();
  const Account& account = user.account;
  work.query(
          "UPDATE users SET name = ?, email = ?, email_key = ?, age = ?, role = ?, status = ?, "
          "password_hash = ?, token_version = ?, updated_at = ? WHERE id = ?")
      .bind(account.name, account.email, email_key(account.email), account.age, name(account.role),
            name(account.status), user.password_hash, account.token_version, account.updated_at, account.id)
      .run();
}

void save_password_hash(storage::UnitOfWork& work, UserId id, std::string_view hash) {
  work.query("UPDATE users SET password_hash = ? WHERE id = ?").bind(hash, id).run();
}

void delete_user(storage::UnitOfWork& work, UserId id) {
  work.query("DELETE FROM users WHERE id = ?").bind(id).run();
}

std::int64_t count_active_superadmins(storage::UnitOfWork& work, UserId except) {
  storage::Query query =
      work.query("SELECT COUNT(*) FROM users WHERE role = 'superadmin' AND status = 'active' AND id <> ?");
  query.bind(except);
  return query.next() ? query.integer(0) : 0;
}

UserPage list_users(storage::Snapshot& snapshot, const UserQuery& wanted) {
  std::optional<std::string> pattern;
  if (wanted.text) pattern = containing(*wanted.text);
  std::optional<std::string_view> role;
  if (wanted.role) role = name(*wanted.role);

  UserPage page;
  {
    storage::Query count = snapshot.query("SELECT COUNT(*)" COROHUB_USER_FILTER);
    count.bind(pattern, role);
    if (count.next()) page.total = count.integer(0);
  }
  storage::Query query = snapshot.query(list_statement(wanted.sort, wanted.descending));
  query.bind(pattern, role, wanted.per_page, (wanted.page - 1) * wanted.per_page);
  while (query.next()) page.users.push_back(read_row(query).account);
  return page;
}

#undef COROHUB_USER_COLUMNS
#undef COROHUB_USER_FILTER
#undef COROHUB_USER_LIST

}  // namespace corohub::users
