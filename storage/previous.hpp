// The database as it was before an update of its schema, beside it: `corohub.db.updating-NNNN` until the
// update is whole, `corohub.db.before-NNNN` from then until the next one. Used under the lock of the data
// directory, while nobody else has the database open. Failures are StartError 74 and
// std::filesystem::filesystem_error.
#pragma once

#include "storage/migrator.hpp"

#include <filesystem>

namespace corohub::storage {

// Keeps the database as it was before `next` and the migrations after it. After an interrupted update the
// copy made then stays the only one: no earlier program can use what the database has become meanwhile.
void keep_previous(const std::filesystem::path& database, const Migration& next);

// The update, if there was one, is whole: its copy takes the place of older copies.
void settle_previous(const std::filesystem::path& database);

// Another database takes this one's place, so no update of this one goes on: its unfinished copy is removed.
void drop_pending(const std::filesystem::path& database);

}  // namespace corohub::storage
