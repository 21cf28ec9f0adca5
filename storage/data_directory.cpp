#include "core/log.hpp"
#include "storage/storage.hpp"

#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

namespace corohub::storage {
namespace {

namespace fs = std::filesystem;

constexpr int io_failed = 74;
constexpr int busy = 75;

[[noreturn]] void fail(const std::string& what, const fs::path& path) {
  throw StartError(io_failed, what + " " + path.string() + ": " + std::strerror(errno));
}

fs::path make_directory(const fs::path& path) {
  std::error_code error;
  fs::create_directories(path, error);
  fs::path real = fs::canonical(path, error);
  if (error)
    throw StartError(io_failed, "cannot use the data directory " + path.string() + ": " + error.message());
  return real;
}

// Takes the directory for ourselves, unless it holds things of others (somebody named /tmp).
void close_to_others(const fs::path& path) {
  struct stat info{};
  if (::stat(path.c_str(), &info) != 0) fail("cannot look at", path);
  if (!S_ISDIR(info.st_mode)) throw StartError(io_failed, path.string() + " is no directory");
  if ((info.st_mode & 077) == 0) return;
  const bool ours = fs::exists(path / "lock") || fs::is_empty(path);
  if (ours && ::chmod(path.c_str(), 0700) == 0) return;
  log::warn("data_directory_open_to_others", {{"path", path.string()}});
}

}  // namespace

DataDirectory::DataDirectory(const fs::path& path) {
  ::umask(077);  // whatever else the process creates: keys, sockets, logs of SQLite
  path_ = make_directory(path);
  close_to_others(path_);
  const fs::path lock = path_ / "lock";
  lock_fd_ = ::open(lock.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (lock_fd_ < 0) fail("cannot open", lock);
  if (::flock(lock_fd_, LOCK_EX | LOCK_NB) == 0) return;
  const int error = errno;
  ::close(lock_fd_);
  if (error == EWOULDBLOCK) throw StartError(busy, "another corohub uses this data directory");
  errno = error;
  fail("cannot lock", lock);
}

DataDirectory::~DataDirectory() { ::close(lock_fd_); }

// The mark is in the lock file, because that is never moved or restored with the database.
bool DataDirectory::had_database() const noexcept {
  struct stat info{};
  return ::fstat(lock_fd_, &info) == 0 && info.st_size > 0;
}

void DataDirectory::mark_database() const {
  static constexpr std::string_view mark = "corohub.db was made\n";
  if (had_database()) return;
  if (::pwrite(lock_fd_, mark.data(), mark.size(), 0) < 0)
    log::warn("data_directory_not_marked",
              {{"cause", std::strerror(errno)}});  // a full disk is no reason to stop
}

}  // namespace corohub::storage
