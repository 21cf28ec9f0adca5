// From what an edit asks for to what would really differ, and whether that may be. For change.cpp.
#pragma once

#include "core/error.hpp"
#include "flags/edits.hpp"
#include "storage/unit_of_work.hpp"

#include <vector>

namespace corohub::flags {

// Compares member by member: what is the same as before is no difference. Versions and times of what differs
// are those of afterwards. Errors: not_found, validation_failed (copy_from).
Result<Difference> compare(const NamespaceRef& before, const Edits& edits, UnixMs now);

// Whether the namespace may be like that. Errors: validation_failed with all complaints, key_taken,
// limit_reached, in_use. Rules that name a segment which is not there and may do so become warnings.
Result<> judge(storage::UnitOfWork& work, const Difference& difference, std::vector<FieldError>& warnings);

}  // namespace corohub::flags
