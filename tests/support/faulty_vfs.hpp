// SQLite's file layer with faults on demand: writes that find a full disk, fail or end the process, syncs
// that fail. It becomes the default for connections opened while it lives; they must be gone before it is.
// One at a time.
#pragma once

#include <array>
#include <atomic>
#include <mutex>
#include <stdexcept>
#include <tuple>

#include <sqlite3.h>

#include <unistd.h>

namespace corohub::test {

class FaultyVfs {
 public:
  FaultyVfs() {
    real() = sqlite3_vfs_find(nullptr);
    vfs_ = *real();
    vfs_.zName = "corohub-faulty";
    vfs_.xOpen = open;
    if (sqlite3_vfs_register(&vfs_, 1) != SQLITE_OK) throw std::runtime_error("cannot register the VFS");
    disk_full() = false;
    sync_fails() = false;
    database_sync_fails() = false;
    writes_fail() = false;
    writes_until_exit() = -1;
    writes_until_doubt() = -1;
  }
  ~FaultyVfs() {
    sqlite3_vfs_register(real(), 1);
    sqlite3_vfs_unregister(&vfs_);
  }
  FaultyVfs(const FaultyVfs&) = delete;
  FaultyVfs& operator=(const FaultyVfs&) = delete;

  static std::atomic<bool>& disk_full() { return flag<0>(); }
  static std::atomic<bool>& sync_fails() { return flag<1>(); }
  static std::atomic<bool>& database_sync_fails() { return flag<2>(); }  // but not the log's
  static std::atomic<bool>& writes_fail() { return flag<3>(); }
  // The write after so many takes place, and yet an error is answered; negative: never.
  static std::atomic<int>& writes_until_doubt() {
    static std::atomic<int> value{-1};
    return value;
  }
  // The process ends, as by kill -9, instead of the write after so many; negative: never.
  static std::atomic<int>& writes_until_exit() {
    static std::atomic<int> value{-1};
    return value;
  }

 private:
  template <int>
  static std::atomic<bool>& flag() {
    static std::atomic<bool> value{false};
    return value;
  }
  static sqlite3_vfs*& real() {
    static sqlite3_vfs* vfs = nullptr;
    return vfs;
  }
  // The methods of a file with two of ours, which know their table by its number: a layer above may have put
  // a table of its own into the file. The default VFS has one table for databases and one for logs.
  struct Patched {
    const sqlite3_io_methods* original = nullptr;
    sqlite3_io_methods methods{};
    bool log = false;
  };
  static std::array<Patched, 4>& tables() {
    static std::array<Patched, 4> value;
    return value;
  }

  template <std::size_t number>
  static void patch(sqlite3_file* file, int flags) {
    Patched& table = tables()[number];
    if (table.original == nullptr) {
      table.original = file->pMethods;
      table.methods = *file->pMethods;
      table.methods.xWrite = write<number>;
      table.methods.xSync = sync<number>;
      table.log = (flags & SQLITE_OPEN_WAL) != 0;
    }
    if (table.original == file->pMethods)
      file->pMethods = &table.methods;
    else if constexpr (number + 1 < std::tuple_size_v<std::array<Patched, 4>>)
      patch<number + 1>(file, flags);
  }

  static int open(sqlite3_vfs*, const char* name, sqlite3_file* file, int flags, int* out_flags) {
    const int code = real()->xOpen(real(), name, file, flags, out_flags);
    if (code != SQLITE_OK || file->pMethods == nullptr) return code;
    static std::mutex mutex;
    const std::lock_guard lock(mutex);
    patch<0>(file, flags);
    return code;
  }

  template <std::size_t number>
  static int write(sqlite3_file* file, const void* bytes, int size, sqlite3_int64 offset) {
    if (writes_until_exit() == 0) ::_exit(0);
    if (writes_until_exit() > 0) --writes_until_exit();
    if (disk_full()) return SQLITE_FULL;
    if (writes_fail()) return SQLITE_IOERR_WRITE;
    const int code = tables()[number].original->xWrite(file, bytes, size, offset);
    if (writes_until_doubt() < 0) return code;
    return writes_until_doubt()-- == 0 ? SQLITE_IOERR_WRITE : code;
  }

  template <std::size_t number>
  static int sync(sqlite3_file* file, int flags) {
    if (sync_fails() || (database_sync_fails() && !tables()[number].log)) return SQLITE_IOERR_FSYNC;
    return tables()[number].original->xSync(file, flags);
  }

  sqlite3_vfs vfs_{};
};

}  // namespace corohub::test
