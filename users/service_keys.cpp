#include "users/service_keys.hpp"

#include "core/encoding.hpp"
#include "core/json.hpp"
#include "core/key_name.hpp"
#include "core/random.hpp"
#include "hub/topic_rules.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

namespace corohub::users {
namespace {

constexpr std::size_t key_bytes = 32;
constexpr std::size_t key_characters = 43;  // of base64url
constexpr UnixMs use_is_noted_every = 60'000;
constexpr std::string_view topic_scope = "publish:topic:";
constexpr std::array<std::string_view, 5> namespace_rights = {"flags:read", "flags:write", "flags:evaluate",
                                                              "flags:ingest", "config:read"};

bool allows(std::string_view scope, std::string_view topic, const hub::Audience& audience) noexcept {
  if (scope == "publish") return true;
  if (!topic.empty()) {
    if (scope == "publish:topic") return true;
    return scope.starts_with(topic_scope) && hub::matches_topic(scope.substr(topic_scope.size()), topic);
  }
  if (audience.user_id != 0) return scope == "publish:user";
  return scope == (audience == hub::Audience::everyone() ? "publish:all" : "publish:role");
}

std::vector<std::string> parse_scopes(const std::string& text) {
  std::vector<std::string> scopes;
  const json::value list = json::parse(text);
  for (const json::value& scope : list.as_array()) scopes.emplace_back(scope.as_string());
  return scopes;
}

// Whether a key is active: a key speaks for its maker, and no longer than the maker could make one; ?1 is the
// time. Null: the command line.
constexpr std::string_view is_active =
    "((k.created_by IS NULL OR (u.status = 'active' AND u.role IN ('admin', 'superadmin'))) "
    "AND (k.expires_at IS NULL OR k.expires_at > ?1))";

std::string select_keys(std::string_view rest) {
  std::string sql =
      "SELECT k.id, k.name, k.scopes, k.created_by, k.created_at, k.expires_at, k.last_used_at, ";
  sql.append(is_active).append(" AS active FROM api_keys k LEFT JOIN users u ON u.id = k.created_by ");
  return sql.append(rest);
}

const std::string& select_active_by_id() {
  static const std::string sql = select_keys("WHERE k.id = ?2 AND active");
  return sql;
}

// Of select_keys().
ServiceKey key_of(const storage::Query& row) {
  return {.id = row.integer(0),
          .name = row.text(1),
          .scopes = parse_scopes(row.text(2)),
          .created_by = row.integer_or_null(3),
          .created_at = row.integer(4),
          .expires_at = row.integer_or_null(5),
          .last_used_at = row.integer_or_null(6),
          .active = row.integer(7) != 0};
}

}  // namespace

std::string make_service_key() { return std::string(service_key_prefix) + random_token(key_bytes); }

bool looks_like_service_key(std::string_view text) noexcept {
  return text.starts_with(service_key_prefix) && text.size() == service_key_prefix.size() + key_characters;
}

bool is_scope(std::string_view text) noexcept {
  constexpr std::array words = {"publish",     "publish:user",  "publish:role",
                                "publish:all", "publish:topic", "config:emit"};
  if (std::ranges::find(words, text) != words.end()) return true;
  for (const std::string_view right : namespace_rights) {
    if (!text.starts_with(right)) continue;
    const std::string_view rest = text.substr(right.size());
    return rest.empty() || (rest.front() == ':' && is_key_name(rest.substr(1)));
  }
  return text.starts_with(topic_scope) && hub::is_topic_pattern(text.substr(topic_scope.size()));
}

bool scopes_allow(const std::vector<std::string>& scopes, std::string_view right,
                  std::string_view name_space) noexcept {
  return std::ranges::any_of(scopes, [&](std::string_view scope) {
    if (!scope.starts_with(right)) return false;
    scope.remove_prefix(right.size());
    return scope.empty() || (scope.front() == ':' && scope.substr(1) == name_space);
  });
}

bool scopes_allow(const std::vector<std::string>& scopes, std::string_view topic,
                  const hub::Audience& audience) noexcept {
  return std::ranges::any_of(scopes,
                             [&](const std::string& scope) { return allows(scope, topic, audience); });
}

std::optional<ServiceKey> find_service_key(storage::Snapshot& snapshot, std::string_view key, UnixMs now) {
  static const std::string sql = select_keys("WHERE k.hash = ?2 AND active");
  storage::Query query = snapshot.query(sql);
  query.bind(now, storage::Blob{sha256_text(key)});
  if (!query.next()) return std::nullopt;
  return key_of(query);
}

std::optional<ServiceKey> find_service_key(storage::Snapshot& snapshot, ServiceKeyId id, UnixMs now) {
  storage::Query query = snapshot.query(select_active_by_id());
  query.bind(now, id);
  if (!query.next()) return std::nullopt;
  return key_of(query);
}

std::vector<ServiceKey> list_service_keys(storage::Snapshot& snapshot, UnixMs now) {
  static const std::string sql = select_keys("ORDER BY k.id");
  storage::Query query = snapshot.query(sql);
  query.bind(now);
  std::vector<ServiceKey> keys;
  while (query.next()) keys.push_back(key_of(query));
  return keys;
}

std::optional<std::vector<std::string>> scopes_of(storage::UnitOfWork& work, ServiceKeyId id) {
  storage::Query query = work.query(select_active_by_id());
  query.bind(work.now(), id);
  if (!query.next()) return std::nullopt;
  return parse_scopes(query.text(2));
}

void note_use(storage::UnitOfWork& work, ServiceKeyId id) {
  work.query("UPDATE api_keys SET last_used_at = ? WHERE id = ? AND coalesce(last_used_at, 0) <= ?")
      .bind(work.now(), id, work.now() - use_is_noted_every)
      .run();
}

Result<ServiceKey> add_service_key(storage::UnitOfWork& work, std::string_view key, ServiceKey made) {
  storage::Query count = work.query("SELECT count(*) FROM api_keys");
  if (count.next() && count.integer(0) >= static_cast<std::int64_t>(service_keys_max))
    return Error(ErrorCode::validation_failed, "There are 1000 keys already.");
  json::array scopes;
  for (const std::string& scope : made.scopes) scopes.emplace_back(scope);
  work.query(
          "INSERT INTO api_keys (hash, name, scopes, created_by, created_at, expires_at) "
          "VALUES (?, ?, ?, ?, ?, ?)")
      .bind(storage::Blob{sha256_text(key)}, made.name, json::serialize(scopes), made.created_by, work.now(),
            made.expires_at)
      .run();
  made.id = work.last_insert_id();
  made.created_at = work.now();
  return made;
}

std::optional<std::string> remove_service_key(storage::UnitOfWork& work, ServiceKeyId id) {
  storage::Query query = work.query("DELETE FROM api_keys WHERE id = ? RETURNING name");
  query.bind(id);
  if (!query.next()) return std::nullopt;
  std::string name = query.text(0);
  query.run();
  return name;
}

}  // namespace corohub::users
