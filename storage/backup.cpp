#include "storage/connection.hpp"
#include "storage/storage.hpp"

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include <sqlite3.h>

#include <fcntl.h>
#include <unistd.h>

namespace corohub::storage {
namespace {

namespace fs = std::filesystem;

constexpr int io_failed = 74;

[[noreturn]] void fail(const std::string& what, const fs::path& path) {
  throw StartError(io_failed, what + " " + path.string() + ": " + std::strerror(errno));
}

fs::path directory_of(const fs::path& file) { return fs::absolute(file).parent_path(); }

// The copy under a name of its own until it is whole; nothing is left behind when it never is.
class UnfinishedCopy {
 public:
  explicit UnfinishedCopy(const fs::path& target) {
    std::string pattern = (directory_of(target) / ("." + target.filename().string() + ".XXXXXX")).string();
    const int fd = ::mkostemp(pattern.data(), O_CLOEXEC);  // 0600
    if (fd < 0) fail("cannot create a file in", directory_of(target));
    ::close(fd);
    path_ = pattern;
  }
  ~UnfinishedCopy() {
    for (const char* suffix : {"", "-journal", "-wal", "-shm"}) ::unlink((path_.string() + suffix).c_str());
  }
  UnfinishedCopy(const UnfinishedCopy&) = delete;
  UnfinishedCopy& operator=(const UnfinishedCopy&) = delete;

  const fs::path& path() const noexcept { return path_; }

  void become(const fs::path& target) const {
    if (::renameat2(AT_FDCWD, path_.c_str(), AT_FDCWD, target.c_str(), RENAME_NOREPLACE) != 0)
      fail("cannot write", target);
    const int directory = ::open(directory_of(target).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    const bool synced = directory >= 0 && ::fsync(directory) == 0;
    if (directory >= 0) ::close(directory);
    if (!synced) fail("cannot sync the directory of", target);
  }

 private:
  fs::path path_;
};

// One read transaction in the source: what is committed meanwhile is not in the copy.
void copy_pages(Connection& from, Connection& to) {
  sqlite3_backup* backup = sqlite3_backup_init(to.handle(), "main", from.handle(), "main");
  if (backup == nullptr) throw DatabaseError(sqlite3_errcode(to.handle()), 0, sqlite3_errmsg(to.handle()));
  sqlite3_backup_step(backup, -1);
  if (const int code = sqlite3_backup_finish(backup); code != SQLITE_OK)
    throw DatabaseError(code, 0, sqlite3_errstr(code));
}

void check(Connection& connection) {
  Query query = connection.query("PRAGMA quick_check(1)");
  if (!query.next() || query.text(0) != "ok")
    throw DatabaseError(SQLITE_CORRUPT, 0, "the copy is damaged: " + query.text(0));
}

}  // namespace

void backup_database(const fs::path& database, const fs::path& file) {
  try {
    if (fs::exists(fs::symlink_status(file))) throw StartError(io_failed, file.string() + " exists already");
    const UnfinishedCopy copy(file);
    {
      Connection from(database, Access::read);
      Connection to(copy.path(), Access::copy);
      copy_pages(from, to);
      // Whoever opens the copy goes another way from here: positions of the original mean nothing to it.
      to.run("DELETE FROM meta WHERE key = 'epoch'");
      to.run_script("PRAGMA journal_mode=DELETE");  // one file, without a log beside it
      check(to);
    }
    copy.become(file);
  } catch (const DatabaseError& error) {
    throw StartError(io_failed, "backup failed: " + std::string(error.what()));
  } catch (const fs::filesystem_error& error) {
    throw StartError(io_failed, "backup failed: " + std::string(error.what()));
  }
}

}  // namespace corohub::storage
