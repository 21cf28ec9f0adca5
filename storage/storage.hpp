// The data directory: its lock, its permissions, its database at the newest schema.
#pragma once

#include "storage/unit_of_work.hpp"

#include <filesystem>
#include <stdexcept>
#include <string>

namespace corohub::storage {

// Start-up cannot go on; the process exits with `exit_code` (sysexits: 65 data, 74 io, 75 busy) and one line
// of why.
struct StartError : std::runtime_error {
  StartError(int code, const std::string& why) : std::runtime_error(why), exit_code(code) {}
  int exit_code;
};

// Holds `DIR/lock` (flock) for as long as it lives; the directory is made 0700. Busy: StartError 75.
class DataDirectory {
 public:
  explicit DataDirectory(const std::filesystem::path& path);
  ~DataDirectory();
  DataDirectory(const DataDirectory&) = delete;
  DataDirectory& operator=(const DataDirectory&) = delete;

  // A database was made here once: from then on a missing one is a loss, not a first start.
  bool had_database() const noexcept;
  void mark_database() const;

  const std::filesystem::path& path() const noexcept { return path_; }
  std::filesystem::path database() const { return path_ / "corohub.db"; }

 private:
  std::filesystem::path path_;
  int lock_fd_ = -1;
};

// What the database says of itself once it is open.
struct LogHead {
  std::string epoch;
  Seq seq = 0;  // of the newest event
};

// Creates or opens the database (0600, no symlink), checks it (quick_check), brings it to the newest
// migration and reads its head. A newer, altered or corrupt database is refused (65) and left as it is.
LogHead prepare_database(const DataDirectory& directory);

// A consistent copy into `file` (0600, must not exist) while the server runs. The copy gets a new epoch when
// it is first opened. Blocks; call it from a thread that may wait.
void backup_database(const std::filesystem::path& database, const std::filesystem::path& file);

}  // namespace corohub::storage
