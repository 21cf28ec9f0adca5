// SQLite's file layer with faults on demand: writes that find a full disk or end the process, syncs that
// fail. It becomes the default for connections opened while it lives; they must be gone before it is. One at
// a time.
#pragma once

#include <array>
#include <atomic>
#include <mutex>
#include <stdexcept>

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
    writes_until_exit() = -1;
  }
  ~FaultyVfs() {
    sqlite3_vfs_register(real(), 1);
    sqlite3_vfs_unregister(&vfs_);
  }
  FaultyVfs(const FaultyVfs&) = delete;
  FaultyVfs& operator=(const FaultyVfs&) = delete;

  static std::atomic<bool>& disk_full() { return flag<0>(); }
  static std::atomic<bool>& sync_fails() { return flag<1>(); }
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
  // The methods of a file with two of ours. The default VFS has one table for databases and one for logs.
  struct Patched {
    const sqlite3_io_methods* original = nullptr;
    sqlite3_io_methods methods{};
  };
  static std::array<Patched, 4>& tables() {
    static std::array<Patched, 4> value;
    return value;
  }
  static const sqlite3_io_methods* original_of(sqlite3_file* file) {
    for (const Patched& table : tables())
      if (file->pMethods == &table.methods) return table.original;
    return nullptr;
  }

  static int open(sqlite3_vfs*, const char* name, sqlite3_file* file, int flags, int* out_flags) {
    const int code = real()->xOpen(real(), name, file, flags, out_flags);
    if (code != SQLITE_OK || file->pMethods == nullptr) return code;
    static std::mutex mutex;
    const std::lock_guard lock(mutex);
    for (Patched& table : tables()) {
      if (table.original == nullptr) {
        table.original = file->pMethods;
        table.methods = *file->pMethods;
        table.methods.xWrite = write;
        table.methods.xSync = sync;
      }
      if (table.original != file->pMethods) continue;
      file->pMethods = &table.methods;
      break;
    }
    return code;
  }
  static int write(sqlite3_file* file, const void* bytes, int size, sqlite3_int64 offset) {
    if (writes_until_exit() == 0) ::_exit(0);
    if (writes_until_exit() > 0) --writes_until_exit();
    if (disk_full()) return SQLITE_FULL;
    return original_of(file)->xWrite(file, bytes, size, offset);
  }
  static int sync(sqlite3_file* file, int flags) {
    if (sync_fails()) return SQLITE_IOERR_FSYNC;
    return original_of(file)->xSync(file, flags);
  }

  sqlite3_vfs vfs_{};
};

}  // namespace corohub::test
