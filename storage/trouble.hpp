// What a failed database step means for those who wait for it.
#pragma once

#include "core/error.hpp"
#include "storage/query.hpp"

#include <cstdint>

namespace corohub::storage {

enum class Trouble : std::uint8_t {
  statement,    // this one statement: a constraint, a bug; the connection is sound
  full,         // no space; SQLite is sure that nothing of the statement was written
  unavailable,  // locked by another process, or not writable for the moment; nothing was written
  io,           // a system call failed; the connection is not trusted any more
  corrupt,      // the file is damaged
};

Trouble trouble_of(const DatabaseError& error) noexcept;
std::string_view name(Trouble trouble) noexcept;

// What the caller is told, with Retry-After. Never for `statement`.
Error to_error(Trouble trouble);
// As above, for a commit that may or may not have happened.
Error unknown_outcome();

// For std::bad_alloc while a unit or a read was run.
Error out_of_memory();

}  // namespace corohub::storage
