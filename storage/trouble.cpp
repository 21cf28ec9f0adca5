#include "storage/trouble.hpp"

#include <cerrno>

#include <sqlite3.h>

namespace corohub::storage {

Trouble trouble_of(const DatabaseError& error) noexcept {
  switch (error.code & 0xff) {
    case SQLITE_FULL:
      return Trouble::full;
    case SQLITE_IOERR:
      // Only for calls by which nothing can have reached the disk: a failed sync may have ENOSPC too, and its
      // outcome is open.
      if (error.code == SQLITE_IOERR_SHMSIZE && error.system_errno == ENOSPC) return Trouble::full;
      return Trouble::io;
    case SQLITE_CANTOPEN:
    case SQLITE_NOMEM:
    case SQLITE_PROTOCOL:
    case SQLITE_READONLY:  // a connection that is opened again may be writable
      return Trouble::io;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_INTERRUPT:
      return Trouble::unavailable;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return Trouble::corrupt;
    default:
      return Trouble::statement;
  }
}

std::string_view name(Trouble trouble) noexcept {
  switch (trouble) {
    case Trouble::statement:
      return "statement";
    case Trouble::full:
      return "full";
    case Trouble::unavailable:
      return "unavailable";
    case Trouble::io:
      return "io";
    case Trouble::corrupt:
      return "corrupt";
  }
  return "io";
}

Error to_error(Trouble trouble) {
  switch (trouble) {
    case Trouble::full:
      return Error(ErrorCode::storage_full, "The disk is full; nothing was changed.")
          .retry_in(std::chrono::seconds(2));
    case Trouble::corrupt:
      return Error(ErrorCode::storage_unavailable, "The database is damaged; nothing can be changed.")
          .retry_in(std::chrono::seconds(60));
    case Trouble::statement:
    case Trouble::unavailable:
    case Trouble::io:
      break;
  }
  return Error(ErrorCode::storage_unavailable, "The database cannot be written to; nothing was changed.")
      .retry_in(std::chrono::seconds(1));
}

Error unknown_outcome() {
  return Error(ErrorCode::storage_unavailable,
               "The database failed while the change was being saved; look whether it was made.")
      .retry_in(std::chrono::seconds(1));
}

Error out_of_memory() {
  return Error(ErrorCode::overloaded, "There is not enough memory at this moment.")
      .because("out of memory")
      .retry_in(std::chrono::seconds(1));
}

}  // namespace corohub::storage
