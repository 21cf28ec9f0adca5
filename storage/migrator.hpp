// Brings a database to the newest schema: numbered, checksummed, forward only, each step in one transaction.
// Used at start-up, before any other connection exists.
#pragma once

#include "storage/connection.hpp"

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace corohub::storage {

struct Migration {
  std::int64_t number = 0;  // 1, 2, 3 ... without holes
  std::string_view name;    // "0001_accounts_and_events.sql"
  std::string_view sql;
};

// The migrations of this program, in order.
std::vector<Migration> embedded_migrations();

// Says how many of `known` are applied; only reads. StartError 65 if the database was made by a newer
// program, if an applied migration differs from ours, or if the file is something else altogether.
std::size_t check_applied(Connection& connection, std::span<const Migration> known);

// Applies the migrations that are missing. StartError 65 names the migration that failed, of which nothing
// remains.
void migrate(Connection& connection, std::span<const Migration> known, UnixMs now);

}  // namespace corohub::storage
