// The epoch says which life of the log a position belongs to. Within an epoch a number is given once.
#pragma once

#include "storage/connection.hpp"
#include "storage/storage.hpp"

#include <optional>
#include <string>

namespace corohub::storage {

// The newest seq there ever was, even when retention has emptied the table.
Seq read_last_seq(Connection& connection);

// Writes a new epoch into the database and answers it. What had another epoch before is marked for
// take_begun_anew().
std::string new_epoch(Connection& connection);

// The epoch stays only where the log goes on from where it was. A database that is behind the numbers given
// out here, or that was not the one served here, is an older copy: its next numbers were given to other
// events already.
LogHead settle_epoch(Connection& connection, const std::optional<LogHead>& remembered);

}  // namespace corohub::storage
