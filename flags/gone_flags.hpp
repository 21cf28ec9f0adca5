// What overrides of clients say of flags that have gone is taken from each client by a change of its own:
// version, audit row, the change of the shards, event. The unit that deletes the flags does so for the first
// of them, units of their own do it for the others, so that no unit grows with the number of clients. Used on
// the writer's thread.
#pragma once

#include "flags/author.hpp"
#include "flags/copies.hpp"
#include "flags/directory.hpp"
#include "storage/unit_of_work.hpp"

#include <cstddef>
#include <cstdint>
#include <vector>

namespace corohub::flags {

inline constexpr std::size_t changed_clients_per_unit_max = 64;  // others have their turn in between

// The flags with these ids go in this unit. `before`: the namespace that had them.
void leave_clients(storage::UnitOfWork& work, Copies& copies, Directories& directories, const Author& author,
                   const Namespace& before, const std::vector<std::int64_t>& gone);

// Whether clients are left that have overrides of flags that have gone.
template <class Source>
bool has_gone_flags(Source& source);
// Takes them from some of these, and answers from how many. Call it with `copies.gone_flags` as long as there
// are any.
std::size_t leave_more_clients(storage::UnitOfWork& work, Copies& copies, Directories& directories);

}  // namespace corohub::flags
