#include "storage/connection.hpp"
#include "storage/files.hpp"
#include "storage/storage.hpp"

#include <cstdio>
#include <cstdlib>

#include <sqlite3.h>

#include <fcntl.h>
#include <unistd.h>

namespace corohub::storage {
namespace {

namespace fs = std::filesystem;

constexpr int io_failed = 74;
constexpr int busy = 75;
constexpr int pages_per_step = 1024;  // 4 MiB

// The copy under a name of its own until it is whole. Nothing is left behind of one that never becomes whole.
class UnfinishedCopy {
 public:
  explicit UnfinishedCopy(const fs::path& target) {
    std::string pattern = (directory_of(target) / ("." + target.filename().string() + ".XXXXXX")).string();
    const int fd = ::mkostemp(pattern.data(), O_CLOEXEC);  // 0600
    if (fd < 0) fail_on_file("cannot create a file in", directory_of(target));
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
      fail_on_file("cannot write", target);
    sync_directory(directory_of(target));
  }

 private:
  fs::path path_;
};

void stop_if_asked(const std::atomic<bool>* stop) {
  if (stop != nullptr && stop->load()) throw StartError(busy, "the backup was broken off; there is no copy");
}

// One read transaction in the source, which lasts from step to step: what others commit meanwhile is not in
// the copy.
void copy_pages(Connection& from, Connection& to, const std::atomic<bool>* stop) {
  from.run("BEGIN");
  if (!from.query("SELECT 1 FROM sqlite_schema").next()) throw DatabaseError(SQLITE_NOTADB, 0, "it is empty");
  sqlite3_backup* backup = sqlite3_backup_init(to.handle(), "main", from.handle(), "main");
  if (backup == nullptr) throw DatabaseError(sqlite3_errcode(to.handle()), 0, sqlite3_errmsg(to.handle()));
  int code = SQLITE_OK;
  while (code == SQLITE_OK && (stop == nullptr || !stop->load()))
    code = sqlite3_backup_step(backup, pages_per_step);
  code = sqlite3_backup_finish(backup);
  from.run("ROLLBACK");
  stop_if_asked(stop);
  if (code != SQLITE_OK) throw DatabaseError(code, 0, sqlite3_errstr(code));
}

int asked_to_stop(void* stop) { return static_cast<const std::atomic<bool>*>(stop)->load() ? 1 : 0; }

void check(Connection& connection, const std::atomic<bool>* stop) {
  if (stop != nullptr)
    sqlite3_progress_handler(connection.handle(), 10'000, asked_to_stop,
                             const_cast<std::atomic<bool>*>(stop));
  try {
    Query query = connection.query("PRAGMA quick_check(1)");
    if (!query.next() || query.text(0) != "ok")
      throw DatabaseError(SQLITE_CORRUPT, 0, "the copy is damaged: " + query.text(0));
  } catch (const DatabaseError&) {
    stop_if_asked(stop);
    throw;
  }
}

}  // namespace

void backup_database(const fs::path& database, const fs::path& file, const std::atomic<bool>* stop) {
  try {
    if (fs::exists(fs::symlink_status(file))) throw StartError(io_failed, file.string() + " exists already");
    const UnfinishedCopy copy(file);
    {
      Connection from(database, Access::read);
      Connection to(copy.path(), Access::copy);
      copy_pages(from, to, stop);
      // Whoever opens the copy goes on differently from the original: positions of the original mean nothing
      // there.
      to.run("DELETE FROM meta WHERE key = 'epoch'");
      to.run_script("PRAGMA journal_mode=DELETE");  // one file, without a log beside it
      check(to, stop);
    }
    copy.become(file);
  } catch (const DatabaseError& error) {
    throw StartError(io_failed, "backup failed: " + std::string(error.what()));
  } catch (const fs::filesystem_error& error) {
    throw StartError(io_failed, "backup failed: " + std::string(error.what()));
  }
}

}  // namespace corohub::storage
