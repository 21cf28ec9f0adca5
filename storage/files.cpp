#include "storage/files.hpp"

#include "storage/storage.hpp"

#include <array>
#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <unistd.h>

namespace corohub::storage {
namespace {

constexpr int io_failed = 74;

}  // namespace

Descriptor::~Descriptor() {
  if (fd_ >= 0) ::close(fd_);
}

void fail_on_file(const std::string& what, const std::filesystem::path& path) {
  throw StartError(io_failed, what + " " + path.string() + ": " + std::strerror(errno));
}

std::filesystem::path directory_of(const std::filesystem::path& file) {
  return std::filesystem::absolute(file).parent_path();
}

std::filesystem::path beside(const std::filesystem::path& database, const char* suffix) {
  std::filesystem::path out = database;
  out += suffix;
  return out;
}

void sync_directory(const std::filesystem::path& directory) {
  const Descriptor opened(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!opened || ::fsync(opened.get()) != 0) fail_on_file("cannot sync the directory", directory);
}

bool write_again(const std::filesystem::path& path) {
  const Descriptor file(::open(path.c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW));
  if (!file && errno == ENOENT) return true;
  if (!file) fail_on_file("cannot open", path);
  const auto no_room = [] { return errno == ENOSPC || errno == EDQUOT; };
  std::array<char, 65536> block;
  off_t offset = 0;
  for (;;) {
    const ssize_t got = ::pread(file.get(), block.data(), block.size(), offset);
    if (got < 0) fail_on_file("cannot read", path);
    if (got == 0) break;
    const ssize_t written = ::pwrite(file.get(), block.data(), static_cast<std::size_t>(got), offset);
    if (written < 0 && no_room()) return false;
    if (written < 0) fail_on_file("cannot write", path);
    offset += written;
  }
  if (::fdatasync(file.get()) == 0) return true;
  if (no_room()) return false;
  fail_on_file("cannot sync", path);
}

}  // namespace corohub::storage
