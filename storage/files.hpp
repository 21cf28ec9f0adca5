// What SQLite leaves to its caller: directories that must be on the disk, and files written outside of
// SQLite. Failures are StartError 74.
#pragma once

#include <filesystem>
#include <string>

namespace corohub::storage {

class Descriptor {
 public:
  explicit Descriptor(int fd) noexcept : fd_(fd) {}
  ~Descriptor();
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;

  int get() const noexcept { return fd_; }
  explicit operator bool() const noexcept { return fd_ >= 0; }

 private:
  int fd_;
};

// Throws StartError 74 with the text of errno.
[[noreturn]] void fail_on_file(const std::string& what, const std::filesystem::path& path);

std::filesystem::path directory_of(const std::filesystem::path& file);
// `database` with "-wal", "-shm" or "-journal" behind it.
std::filesystem::path beside(const std::filesystem::path& database, const char* suffix);

// After this, what was made, renamed or removed in the directory is on the disk.
void sync_directory(const std::filesystem::path& directory);

// Writes the bytes of a file once more and syncs them; does nothing for a missing file. After a sync that
// failed in an earlier process the kernel may hold pages as clean that never reached the disk, and later
// syncs would succeed over that hole. False: a full disk has no room for it (on file systems where each write
// takes new blocks).
bool write_again(const std::filesystem::path& file);

}  // namespace corohub::storage
