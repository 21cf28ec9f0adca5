#include "flags/client_repository.hpp"

#include "core/json_text.hpp"

#include <algorithm>
#include <memory>
#include <utility>

namespace corohub::flags {
namespace {

// The columns in the order in which read_row() reads them.
#define COROHUB_CLIENT_COLUMNS                                                                      \
  "c.id, c.namespace_id, c.key, c.name, c.user_id, c.package_id, c.platform_id, c.environment_id, " \
  "c.attributes, c.status, c.version, c.created_at, c.updated_at"
constexpr int client_columns = 13;

void read_row(const storage::Query& row, Client& client) {
  client.id = row.integer(0);
  client.namespace_id = row.integer(1);
  client.key = row.text(2);
  client.name = row.text(3);
  client.user_id = row.integer_or_null(4);
  client.package_id = row.integer_or_null(5).value_or(0);
  client.platform_id = row.integer_or_null(6).value_or(0);
  client.environment_id = row.integer_or_null(7).value_or(0);
  client.attributes = row.text(8);
  client.status = parse_client_status(row.text(9)).value_or(Client::Status::disabled);
  client.version = row.integer(10);
  client.created_at = row.integer(11);
  client.updated_at = row.integer(12);
}

// The columns flag_id, granted, reason, expires_at from this one on.
Override override_of(const storage::Query& row, int first) {
  return {row.integer(first), row.integer(first + 1) != 0, row.text(first + 2),
          row.integer_or_null(first + 3)};
}

template <class Source>
void read_overrides(Source& source, Client& client) {
  storage::Query row = source.query(
      "SELECT flag_id, granted, reason, expires_at FROM client_overrides WHERE client_id = ? ORDER BY "
      "flag_id");
  row.bind(client.id);
  while (row.next()) client.overrides.push_back(override_of(row, 0));
}

// Of a query whose first columns are a client's.
template <class Source>
std::optional<Client> read_one(Source& source, storage::Query query) {
  if (!query.next()) return std::nullopt;
  Client client;
  read_row(query, client);
  read_overrides(source, client);
  return client;
}

std::vector<Client> read_all(storage::UnitOfWork& work, storage::Query query) {
  std::vector<Client> clients;
  while (query.next()) read_row(query, clients.emplace_back());
  for (Client& client : clients) read_overrides(work, client);
  return clients;
}

std::optional<std::int64_t> id_or_null(std::int64_t id) {
  return id == 0 ? std::nullopt : std::optional<std::int64_t>(id);
}

json::value or_null(const std::optional<std::string>& text) {
  return text ? json::value(*text) : json::value();
}

template <class T>
std::optional<std::string> key_or_nothing(const T* thing) {
  return thing == nullptr ? std::nullopt : std::optional<std::string>(thing->key);
}

}  // namespace

json::object overrides_json(const ShownClient& shown) {
  json::object overrides;
  for (std::size_t i = 0; i < shown.flags.size(); ++i) {
    if (shown.flags[i].empty()) continue;
    const Override& one = shown.client.overrides[i];
    json::object said;
    said["grant"] = one.granted;
    said["reason"] = one.reason;
    said["expires_at"] = one.expires_at ? json::value(rfc3339(*one.expires_at)) : json::value();
    overrides[shown.flags[i]] = std::move(said);
  }
  return overrides;
}

json::object to_json(const ShownClient& shown) {
  const Client& client = shown.client;
  json::object object;
  object["id"] = client.id;
  object["key"] = client.key;
  object["name"] = client.name;
  object["user_id"] = client.user_id ? json::value(*client.user_id) : json::value();
  object["package"] = or_null(shown.package);
  object["platform"] = or_null(shown.platform);
  object["environment"] = or_null(shown.environment);
  object["attributes"] =
      parse_json(client.attributes, {.depth = 128, .members = client.attributes.size()}).value();
  object["status"] = name(client.status);
  object["overrides"] = overrides_json(shown);
  object["version"] = client.version;
  object["created_at"] = rfc3339(client.created_at);
  object["updated_at"] = rfc3339(client.updated_at);
  return object;
}

ShownClient shown(const Client& client, const Namespace& name_space) {
  ShownClient all{client,
                  key_or_nothing(name_space.package_by_id(client.package_id)),
                  key_or_nothing(name_space.platform_by_id(client.platform_id)),
                  key_or_nothing(name_space.environment_by_id(client.environment_id)),
                  {}};
  for (const Override& one : client.overrides) {
    const Flag* flag = name_space.default_environment().find(one.flag_id);
    all.flags.push_back(flag == nullptr ? std::string() : flag->key());
  }
  return all;
}

template <class Source>
std::optional<Client> find_client(Source& source, std::int64_t namespace_id, std::string_view key) {
  storage::Query query =
      source.query("SELECT " COROHUB_CLIENT_COLUMNS " FROM clients c WHERE namespace_id = ? AND key = ?");
  query.bind(namespace_id, key);
  return read_one(source, std::move(query));
}

template <class Source>
std::optional<Client> find_client_of_user(Source& source, std::int64_t namespace_id, UserId user) {
  storage::Query query =
      source.query("SELECT " COROHUB_CLIENT_COLUMNS " FROM clients c WHERE namespace_id = ? AND user_id = ?");
  query.bind(namespace_id, user);
  return read_one(source, std::move(query));
}

template std::optional<Client> find_client(storage::UnitOfWork&, std::int64_t, std::string_view);
template std::optional<Client> find_client(storage::Snapshot&, std::int64_t, std::string_view);
template std::optional<Client> find_client_of_user(storage::UnitOfWork&, std::int64_t, UserId);
template std::optional<Client> find_client_of_user(storage::Snapshot&, std::int64_t, UserId);

std::vector<Client> clients_of_user(storage::UnitOfWork& work, UserId user) {
  storage::Query query =
      work.query("SELECT " COROHUB_CLIENT_COLUMNS " FROM clients c WHERE user_id = ? ORDER BY id");
  query.bind(user);
  return read_all(work, std::move(query));
}

std::vector<Client> clients_with_override(storage::UnitOfWork& work, std::int64_t flag_id,
                                          std::size_t count_max) {
  storage::Query query = work.query("SELECT " COROHUB_CLIENT_COLUMNS
                                    " FROM client_overrides o JOIN clients c ON c.id = o.client_id WHERE "
                                    "o.flag_id = ? ORDER BY o.client_id LIMIT ?");
  query.bind(flag_id, static_cast<std::int64_t>(count_max));
  return read_all(work, std::move(query));
}

std::vector<Client> clients_with_gone_flags(storage::UnitOfWork& work, std::size_t count_max) {
  storage::Query query =
      work.query("SELECT " COROHUB_CLIENT_COLUMNS
                 " FROM clients c WHERE c.id IN (SELECT o.client_id FROM gone_flags g JOIN client_overrides "
                 "o ON o.flag_id = g.id LIMIT ?) ORDER BY c.id");
  query.bind(static_cast<std::int64_t>(count_max));
  return read_all(work, std::move(query));
}

std::vector<ClientRef> read_clients(storage::Snapshot& snapshot) {
  storage::Query row = snapshot.query("SELECT " COROHUB_CLIENT_COLUMNS " FROM clients c ORDER BY c.id");
  storage::Query said = snapshot.query(
      "SELECT client_id, flag_id, granted, reason, expires_at FROM client_overrides ORDER BY client_id, "
      "flag_id");
  std::vector<ClientRef> clients;
  bool more = said.next();
  while (row.next()) {
    auto client = std::make_shared<Client>();
    read_row(row, *client);
    while (more && said.integer(0) < client->id) more = said.next();
    for (; more && said.integer(0) == client->id; more = said.next())
      client->overrides.push_back(override_of(said, 1));
    client->overrides.shrink_to_fit();
    clients.push_back(std::move(client));
  }
  return clients;
}

// ---- lists ----

namespace {

// ?1 namespace, ?2 package, ?3 platform, ?4 user, ?5 status. Keys of what is not there match nothing. A
// condition stands here only if it is wanted, so that SQLite takes its index; packages and platforms are of
// one namespace, and their clients, too.
std::string filter_of(const ClientQuery& wanted) {
  std::string sql = " WHERE (?5 IS NULL OR c.status = ?5)";
  if (wanted.package)
    sql += " AND c.package_id = (SELECT id FROM packages WHERE namespace_id = ?1 AND key = ?2)";
  if (wanted.platform)
    sql += " AND c.platform_id = (SELECT id FROM platforms WHERE namespace_id = ?1 AND key = ?3)";
  if (!wanted.package && !wanted.platform) sql += " AND c.namespace_id = ?1";
  if (wanted.user_id) sql += " AND c.user_id = ?4";
  return sql;
}

void bind_filter(storage::Query& query, const ClientQuery& wanted) {
  query.bind(wanted.namespace_id, wanted.package, wanted.platform, wanted.user_id,
             wanted.status ? std::optional<std::string_view>(name(*wanted.status)) : std::nullopt);
}

#define COROHUB_SHOWN_CLIENTS                                                                             \
  "SELECT " COROHUB_CLIENT_COLUMNS                                                                        \
  ", p.key, f.key, e.key FROM clients c LEFT JOIN packages p ON p.id = c.package_id LEFT JOIN platforms " \
  "f ON f.id = c.platform_id LEFT JOIN environments e ON e.id = c.environment_id"

void read_shown(const storage::Query& row, ShownClient& shown) {
  read_row(row, shown.client);
  shown.package = row.text_or_null(client_columns);
  shown.platform = row.text_or_null(client_columns + 1);
  shown.environment = row.text_or_null(client_columns + 2);
}

void read_flags(storage::Snapshot& snapshot, ShownClient& shown) {
  storage::Query row = snapshot.query(
      "SELECT o.flag_id, o.granted, o.reason, o.expires_at, f.key FROM client_overrides o JOIN flags f ON "
      "f.id = o.flag_id WHERE o.client_id = ? ORDER BY o.flag_id");
  row.bind(shown.client.id);
  while (row.next()) {
    shown.client.overrides.push_back(override_of(row, 0));
    shown.flags.push_back(row.text(4));
  }
}

}  // namespace

std::optional<ShownClient> find_shown(storage::Snapshot& snapshot, std::int64_t namespace_id,
                                      std::string_view key) {
  ShownClient shown;
  {
    storage::Query row = snapshot.query(COROHUB_SHOWN_CLIENTS " WHERE c.namespace_id = ? AND c.key = ?");
    row.bind(namespace_id, key);
    if (!row.next()) return std::nullopt;
    read_shown(row, shown);
  }
  read_flags(snapshot, shown);
  return shown;
}

std::string client_page_sql(const ClientQuery& wanted) {
  return COROHUB_SHOWN_CLIENTS + filter_of(wanted) + " AND c.key > ?6 ORDER BY c.key LIMIT ?7 OFFSET ?8";
}

ClientPage list_clients(storage::Snapshot& snapshot, const ClientQuery& wanted) {
  ClientPage page;
  {
    storage::Query count = snapshot.query("SELECT count(*) FROM clients c" + filter_of(wanted));
    bind_filter(count, wanted);
    if (count.next()) page.total = count.integer(0);
  }
  {
    storage::Query row = snapshot.query(client_page_sql(wanted));
    bind_filter(row, wanted);
    row.bind(wanted.after, static_cast<std::int64_t>(wanted.limit + 1),
             static_cast<std::int64_t>(wanted.skip));
    while (row.next()) {
      if (page.clients.size() == wanted.limit) {
        page.more = true;
        break;
      }
      read_shown(row, page.clients.emplace_back());
    }
  }
  for (ShownClient& one : page.clients) read_flags(snapshot, one);
  return page;
}

bool has_clients_max(storage::UnitOfWork& work, std::int64_t namespace_id) {
  // The ends of all ids bound the count without a walk over the namespace's clients.
  storage::Query ids = work.query("SELECT (SELECT max(id) FROM clients) - (SELECT min(id) FROM clients)");
  if (!ids.next() || ids.is_null(0) || ids.integer(0) + 1 < static_cast<std::int64_t>(clients_max))
    return false;
  storage::Query query =
      work.query("SELECT 1 FROM clients WHERE namespace_id = ? ORDER BY key LIMIT 1 OFFSET ?");
  query.bind(namespace_id, static_cast<std::int64_t>(clients_max - 1));
  return query.next();
}

// ---- expiry ----

std::vector<Client> clients_with_expired(storage::UnitOfWork& work, std::size_t count_max) {
  storage::Query query =
      work.query("SELECT " COROHUB_CLIENT_COLUMNS
                 " FROM clients c WHERE c.id IN (SELECT client_id FROM client_overrides WHERE expires_at <= "
                 "?1 ORDER BY expires_at LIMIT ?2) ORDER BY c.id");
  query.bind(work.now(), static_cast<std::int64_t>(count_max));
  return read_all(work, std::move(query));
}

template <class Source>
std::optional<UnixMs> next_expiry(Source& source) {
  storage::Query query = source.query(
      "SELECT expires_at FROM client_overrides WHERE expires_at IS NOT NULL ORDER BY expires_at LIMIT 1");
  if (!query.next()) return std::nullopt;
  return query.integer(0);
}

template std::optional<UnixMs> next_expiry(storage::UnitOfWork&);
template std::optional<UnixMs> next_expiry(storage::Snapshot&);

// ---- writing ----

namespace {

void write_overrides(storage::UnitOfWork& work, const Client& client) {
  for (const Override& one : client.overrides)
    work.query(
            "INSERT INTO client_overrides (client_id, flag_id, granted, reason, expires_at) VALUES (?, ?, ?, "
            "?, ?)")
        .bind(client.id, one.flag_id, one.granted, one.reason, one.expires_at)
        .run();
}

}  // namespace

void insert_client(storage::UnitOfWork& work, Client& client) {
  work.query(
          "INSERT INTO clients (namespace_id, key, name, user_id, package_id, platform_id, environment_id, "
          "attributes, status, version, created_at, updated_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)")
      .bind(client.namespace_id, client.key, client.name, client.user_id, id_or_null(client.package_id),
            id_or_null(client.platform_id), id_or_null(client.environment_id), client.attributes,
            name(client.status), client.version, client.created_at, client.updated_at)
      .run();
  client.id = work.last_insert_id();
  write_overrides(work, client);
}

void save_client(storage::UnitOfWork& work, const Client& client) {
  work.query(
          "UPDATE clients SET name = ?, user_id = ?, package_id = ?, platform_id = ?, environment_id = ?, "
          "attributes = ?, status = ?, version = ?, updated_at = ? WHERE id = ?")
      .bind(client.name, client.user_id, id_or_null(client.package_id), id_or_null(client.platform_id),
            id_or_null(client.environment_id), client.attributes, name(client.status), client.version,
            client.updated_at, client.id)
      .run();
  work.query("DELETE FROM client_overrides WHERE client_id = ?").bind(client.id).run();
  write_overrides(work, client);
}

void delete_client(storage::UnitOfWork& work, std::int64_t id) {
  work.query("DELETE FROM clients WHERE id = ?").bind(id).run();
}

std::optional<std::string> namespace_key(storage::UnitOfWork& work, std::int64_t id) {
  storage::Query query = work.query("SELECT key FROM namespaces WHERE id = ?");
  query.bind(id);
  if (!query.next()) return std::nullopt;
  return query.text(0);
}

}  // namespace corohub::flags
