// The database as it was before an update of its schema, beside it: `corohub.db.updating-NNNN` until the
// update is whole, `corohub.db.before-NNNN` from then until the next one. Used under the lock of the data
// directory, while nobody else has the database open. Failures are StartError 74 and
// std::filesystem::filesystem_error.
#pragma once

#include "storage/migrator.hpp"

#include <filesystem>

namespace corohub::storage {

// Before `next` and what follows it. The copy of an update that was interrupted stays the only one: what the
// database is by now, no program of before can use.
void keep_previous(const std::filesystem::path& database, const Migration& next);

// The update, if there was one, is whole: its copy takes the place of older ones.
void settle_previous(const std::filesystem::path& database);

// Another database takes this one's place, and no update of it goes on.
void drop_pending(const std::filesystem::path& database);

}  // namespace corohub::storage
