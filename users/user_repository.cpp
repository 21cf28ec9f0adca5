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

// The words of the search, which must be taken out exactly as they were put in.
void write_search(storage::UnitOfWork& work, std::string_view sql, const Account& account) {
  work.query(sql)
      .bind(account.id, account.name, account.email,
            account.role == Role::user ? std::string_view() : name(account.role))
      .run();
}

void add_to_search(storage::UnitOfWork& work, const Account& account) {
  write_search(work,
               "INSERT INTO users_search (rowid, name, email, staff) "
               "VALUES (?1, char(2, 2) || ?2, char(2, 2) || ?3, ?4)",
               account);
}

void take_from_search(storage::UnitOfWork& work, const Account& account) {
  write_search(work,
               "INSERT INTO users_search (users_search, rowid, name, email, staff) "
               "VALUES ('delete', ?1, char(2, 2) || ?2, char(2, 2) || ?3, ?4)",
               account);
}

bool is_found_alike(const Account& one, const Account& other) {
  return one.name == other.name && one.email == other.email && one.role == other.role;
}

std::optional<UserRow> first_row(storage::Query& query) {
  if (!query.next()) return std::nullopt;
  return read_row(query);
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
  storage::Query query = source.query(
      "SELECT 1 FROM users INDEXED BY staff_by_id WHERE role <> 'user' AND role = 'superadmin' LIMIT 1");
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
  add_to_search(work, account);
}

void save_user(storage::UnitOfWork& work, UserRow& user) {
  user.account.updated_at = work.now();
  const Account& account = user.account;
  const std::optional<UserRow> before = find_user(work, account.id);
  if (before && !is_found_alike(before->account, account)) {
    take_from_search(work, before->account);
    add_to_search(work, account);
  }
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
  const std::optional<UserRow> before = find_user(work, id);
  if (!before) return;
  take_from_search(work, before->account);
  work.query("DELETE FROM users WHERE id = ?").bind(id).run();
}

std::int64_t count_active_superadmins(storage::UnitOfWork& work, UserId except) {
  // SQLite uses the index of the staff when the statement says that only staff is meant.
  storage::Query query = work.query(
      "SELECT COUNT(*) FROM users INDEXED BY staff_by_id WHERE role <> 'user' AND role = 'superadmin' AND "
      "status = 'active' AND id <> ?");
  query.bind(except);
  return query.next() ? query.integer(0) : 0;
}

#undef COROHUB_USER_COLUMNS

}  // namespace corohub::users
