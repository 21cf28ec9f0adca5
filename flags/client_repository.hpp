// The tables of clients: SQL only, no rules. `Source` is a storage::UnitOfWork or a storage::Snapshot. What
// is stored is at the unit's time; callers set versions and times beforehand.
#pragma once

#include "core/json.hpp"
#include "flags/evaluation/client.hpp"
#include "storage/unit_of_work.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace corohub::flags {

inline constexpr std::size_t clients_max = 100'000;  // of a namespace

// A client with the keys of what it names; a flag that is gone has none.
struct ShownClient {
  Client client;
  std::optional<std::string> package;
  std::optional<std::string> platform;
  std::optional<std::string> environment;
  std::vector<std::string> flags;  // of the overrides, in their order
};
json::object to_json(const ShownClient& shown);
json::object overrides_json(const ShownClient& shown);  // by flag, as they are shown
// As the namespace knows what the client names.
ShownClient shown(const Client& client, const Namespace& name_space);

// ---- reading ----
template <class Source>
std::optional<Client> find_client(Source& source, std::int64_t namespace_id, std::string_view key);
template <class Source>
std::optional<Client> find_client_of_user(Source& source, std::int64_t namespace_id, UserId user);
// Those of the user in all namespaces.
std::vector<Client> clients_of_user(storage::UnitOfWork& work, UserId user);
// Those for which something is said of the flag, or of any that has gone; some of them.
std::vector<Client> clients_with_override(storage::UnitOfWork& work, std::int64_t flag_id,
                                          std::size_t count_max);
std::vector<Client> clients_with_gone_flags(storage::UnitOfWork& work, std::size_t count_max);
// All of all namespaces, in one pass through each table.
std::vector<ClientRef> read_clients(storage::Snapshot& snapshot);

// A part of a namespace's clients in the order of their keys.
struct ClientQuery {
  std::int64_t namespace_id = 0;
  std::string after{};   // key, exclusive
  std::size_t skip = 0;  // so many behind `after`
  std::size_t limit = 100;
  std::optional<std::string> package{};   // key
  std::optional<std::string> platform{};  // key
  std::optional<Client::Status> status{};
  std::optional<UserId> user_id{};
};
struct ClientPage {
  std::vector<ShownClient> clients;
  std::int64_t total = 0;  // whatever `after` is
  bool more = false;
};
// One of them.
std::optional<ShownClient> find_shown(storage::Snapshot& snapshot, std::int64_t namespace_id,
                                      std::string_view key);
ClientPage list_clients(storage::Snapshot& snapshot, const ClientQuery& query);
std::string client_page_sql(const ClientQuery& query);  // for a test of its plan
bool has_clients_max(storage::UnitOfWork& work, std::int64_t namespace_id);

// ---- expiry ----
// Clients that have overrides past their time, some of them.
std::vector<Client> clients_with_expired(storage::UnitOfWork& work, std::size_t count_max);
// When the first override expires.
template <class Source>
std::optional<UnixMs> next_expiry(Source& source);

// ---- writing ----
void insert_client(storage::UnitOfWork& work, Client& client);  // fills in the id
void save_client(storage::UnitOfWork& work, const Client& client);
void delete_client(storage::UnitOfWork& work, std::int64_t id);

// The key of a client's namespace.
std::optional<std::string> namespace_key(storage::UnitOfWork& work, std::int64_t id);

}  // namespace corohub::flags
