#include "storage/durable_vfs.hpp"

#include "core/log.hpp"

#include <array>
#include <cerrno>
#include <cstring>
#include <mutex>
#include <stdexcept>

#include <sqlite3.h>

#include <unistd.h>

namespace corohub::storage {
namespace {

constexpr const char* vfs_name = "corohub-durable";
constexpr int io_failed = 74;

// What a file can do, with our own sync. The table is the first member, so that a file's pMethods leads back
// to the whole object.
struct Methods {
  sqlite3_io_methods ours{};
  const sqlite3_io_methods* theirs = nullptr;
};

int sync_or_end(sqlite3_file* file, int flags) {
  const auto* methods = reinterpret_cast<const Methods*>(file->pMethods);
  if (methods->theirs->xSync(file, flags) == SQLITE_OK) return SQLITE_OK;
  const int error = errno;
  log::last_words(
      "storage_sync_failed",
      {{"cause", std::strerror(error)},
       {"then", "the process ends; what was acknowledged is in the log and is there at the next start"}});
  ::_exit(io_failed);
}

// The default layer has a few tables of methods (databases, logs, file systems without locks), all of them
// static.
const Methods* methods_over(const sqlite3_io_methods* theirs) {
  static std::mutex mutex;
  static std::array<Methods, 16> tables;
  const std::lock_guard lock(mutex);
  for (Methods& table : tables) {
    if (table.theirs == nullptr) {
      table.ours = *theirs;
      table.ours.xSync = sync_or_end;
      table.theirs = theirs;
    }
    if (table.theirs == theirs) return &table;
  }
  return nullptr;
}

int open(sqlite3_vfs*, const char* name, sqlite3_file* file, int flags, int* out_flags) {
  sqlite3_vfs* below = sqlite3_vfs_find(nullptr);
  const int code = below->xOpen(below, name, file, flags, out_flags);
  if (code != SQLITE_OK || file->pMethods == nullptr) return code;
  const Methods* methods = methods_over(file->pMethods);
  if (methods == nullptr) {  // a file whose syncs nobody watches is refused
    file->pMethods->xClose(file);
    file->pMethods = nullptr;
    return SQLITE_CANTOPEN;
  }
  file->pMethods = &methods->ours;
  return SQLITE_OK;
}

}  // namespace

const char* durable_vfs() {
  static sqlite3_vfs vfs = [] {
    sqlite3_vfs own = *sqlite3_vfs_find(nullptr);
    own.pNext = nullptr;
    own.zName = vfs_name;
    own.xOpen = open;
    return own;
  }();
  static const int registered = sqlite3_vfs_register(&vfs, 0);
  if (registered != SQLITE_OK) throw std::runtime_error("cannot register the file layer of the database");
  return vfs_name;
}

}  // namespace corohub::storage
