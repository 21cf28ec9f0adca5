#include "core/log.hpp"
#include "storage/files.hpp"
#include "storage/storage.hpp"

#include <array>
#include <cerrno>
#include <charconv>
#include <cstdio>
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
constexpr int not_allowed = 77;
constexpr std::string_view mark = "corohub.db was made\n";

fs::path make_directory(const fs::path& path) {
  std::error_code error;
  fs::create_directories(path, error);
  fs::path real = fs::canonical(path, error);
  if (error)
    throw StartError(io_failed, "cannot use the data directory " + path.string() + ": " + error.message());
  return real;
}

// Takes the directory for this server, unless it holds things of others (somebody may have named /tmp).
void close_to_others(const fs::path& path) {
  struct stat info{};
  if (::stat(path.c_str(), &info) != 0) fail_on_file("cannot look at", path);
  if (!S_ISDIR(info.st_mode)) throw StartError(io_failed, path.string() + " is no directory");
  if ((info.st_mode & 077) == 0) return;
  const bool ours = fs::exists(path / "lock") || fs::is_empty(path);
  if (ours && ::chmod(path.c_str(), 0700) == 0) return;
  log::warn("data_directory_open_to_others", {{"path", path.string()}});
}

// The user who began a data directory goes on with it. Before that, a directory made for a service is the
// service's.
void check_owner(const fs::path& directory, const fs::path& lock, Caller caller) {
  struct stat info{};
  const bool begun = ::lstat(lock.c_str(), &info) == 0;
  if (!begun && (caller == Caller::server || ::stat(directory.c_str(), &info) != 0)) return;
  if (info.st_uid == ::geteuid()) return;
  const std::string owner = std::to_string(info.st_uid);
  throw StartError(not_allowed,
                   directory.string() + " belongs to the user with id " + owner +
                       ", who could not use what this one makes there; run it as that user (sudo -u '#" +
                       owner + "' corohub ...)");
}

}  // namespace

DataDirectory::DataDirectory(const fs::path& path, Caller caller) {
  ::umask(077);  // for whatever else the process creates: keys, sockets, logs of SQLite
  path_ = make_directory(path);
  const fs::path lock = path_ / "lock";
  check_owner(path_, lock, caller);
  close_to_others(path_);
  lock_fd_ = ::open(lock.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (lock_fd_ < 0) fail_on_file("cannot open", lock);
  if (::flock(lock_fd_, LOCK_EX | LOCK_NB) == 0) return;
  const int error = errno;
  ::close(lock_fd_);
  if (error == EWOULDBLOCK) throw StartError(busy, "another corohub uses this data directory");
  errno = error;
  fail_on_file("cannot lock", lock);
}

DataDirectory::~DataDirectory() {
  ::fdatasync(lock_fd_);  // the position in the lock file; the next start does without it
  ::close(lock_fd_);
}

bool DataDirectory::had_database() const noexcept {
  struct stat info{};
  return ::fstat(lock_fd_, &info) == 0 && info.st_size > 0;
}

// A lock file without a position, as older versions wrote it, remembers nothing.
std::optional<LogHead> DataDirectory::remembered() const {
  std::array<char, 256> bytes{};
  const ssize_t size = ::pread(lock_fd_, bytes.data(), bytes.size(), 0);
  const std::string_view text(bytes.data(), size > 0 ? static_cast<std::size_t>(size) : 0);
  if (!text.starts_with(mark)) return std::nullopt;
  const std::string_view line = text.substr(mark.size(), text.find('\n', mark.size()) - mark.size());
  const std::size_t space = line.find(' ');
  LogHead head;
  if (space == std::string_view::npos) return std::nullopt;
  head.epoch = line.substr(0, space);
  const std::size_t digits = line.find_first_not_of(' ', space);
  if (digits == std::string_view::npos) return std::nullopt;
  std::from_chars(line.data() + digits, line.data() + line.size(), head.seq);
  return head;
}

void DataDirectory::remember(std::string_view epoch, Seq seq) const noexcept {
  std::array<char, 256> text;
  const int size = std::snprintf(text.data(), text.size(), "%s%.*s %20lld\n", mark.data(),
                                 static_cast<int>(epoch.size()), epoch.data(), static_cast<long long>(seq));
  if (::pwrite(lock_fd_, text.data(), static_cast<std::size_t>(size), 0) == size) return;
  log::warn("data_directory_not_marked",
            {{"cause", std::strerror(errno)}});  // the server goes on: a full disk is no reason to stop
}

}  // namespace corohub::storage
