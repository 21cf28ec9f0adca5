#include "flags/client_keys.hpp"

#include "core/encoding.hpp"
#include "core/random.hpp"

#include <utility>

namespace corohub::flags {
namespace {

constexpr std::size_t key_bytes = 32;
constexpr std::size_t key_characters = 43;  // of base64url

// The columns in the order in which key_of() reads them.
#define COROHUB_CLIENT_KEY_COLUMNS "id, client_id, name, created_at"

ClientKey key_of(const storage::Query& row) {
  return {row.integer(0), row.integer(1), row.text(2), row.integer(3)};
}

}  // namespace

std::string make_client_key() { return std::string(client_key_prefix) + random_token(key_bytes); }

bool looks_like_client_key(std::string_view text) noexcept {
  return text.starts_with(client_key_prefix) && text.size() == client_key_prefix.size() + key_characters;
}

std::optional<ClientKey> find_client_key(storage::Snapshot& snapshot, std::string_view key) {
  storage::Query query =
      snapshot.query("SELECT " COROHUB_CLIENT_KEY_COLUMNS " FROM client_keys WHERE hash = ?");
  query.bind(storage::Blob{sha256_text(key)});
  if (!query.next()) return std::nullopt;
  return key_of(query);
}

std::optional<ClientKey> find_client_key(storage::Snapshot& snapshot, ClientKeyId id) {
  storage::Query query =
      snapshot.query("SELECT " COROHUB_CLIENT_KEY_COLUMNS " FROM client_keys WHERE id = ?");
  query.bind(id);
  if (!query.next()) return std::nullopt;
  return key_of(query);
}

std::vector<ClientKey> list_client_keys(storage::Snapshot& snapshot, std::int64_t client_id) {
  storage::Query query = snapshot.query("SELECT " COROHUB_CLIENT_KEY_COLUMNS
                                        " FROM client_keys WHERE client_id = ? ORDER BY id");
  query.bind(client_id);
  std::vector<ClientKey> keys;
  while (query.next()) keys.push_back(key_of(query));
  return keys;
}

Result<ClientKey> add_client_key(storage::UnitOfWork& work, std::string_view key, ClientKey made) {
  storage::Query count = work.query("SELECT count(*) FROM client_keys WHERE client_id = ?");
  count.bind(made.client_id);
  if (count.next() && count.integer(0) >= static_cast<std::int64_t>(client_keys_max))
    return Error(ErrorCode::limit_reached, "The client has 20 keys already.");
  work.query("INSERT INTO client_keys (client_id, name, hash, created_at) VALUES (?, ?, ?, ?)")
      .bind(made.client_id, made.name, storage::Blob{sha256_text(key)}, work.now())
      .run();
  made.id = work.last_insert_id();
  made.created_at = work.now();
  return made;
}

std::optional<ClientKey> remove_client_key(storage::UnitOfWork& work, std::int64_t client_id,
                                           ClientKeyId id) {
  storage::Query query = work.query(
      "DELETE FROM client_keys WHERE id = ? AND client_id = ? RETURNING " COROHUB_CLIENT_KEY_COLUMNS);
  query.bind(id, client_id);
  if (!query.next()) return std::nullopt;
  ClientKey key = key_of(query);
  query.run();
  return key;
}

}  // namespace corohub::flags
