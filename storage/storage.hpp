// The data directory: its lock, its permissions, its database at the newest schema.
#pragma once

#include "storage/unit_of_work.hpp"

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace corohub::storage {

// Start-up cannot go on; the process exits with `exit_code` (sysexits: 65 data, 74 io, 75 busy, 77 not
// allowed) and one line of why.
struct StartError : std::runtime_error {
  StartError(int code, const std::string& why) : std::runtime_error(why), exit_code(code) {}
  int exit_code;
};

// What the database says of its log once it is open.
struct LogHead {
  std::string epoch;
  Seq seq = 0;  // of the newest event
};

enum class Caller : std::uint8_t { server, command };

// Holds `DIR/lock` (flock) for as long as the object lives, and makes the directory 0700. StartError 75 if
// another server holds it. StartError 77 if the directory is somebody else's, because files made here would
// not be its owner's (a server may be the first in any directory).
class DataDirectory {
 public:
  explicit DataDirectory(const std::filesystem::path& path, Caller caller = Caller::server);
  ~DataDirectory();
  DataDirectory(const DataDirectory&) = delete;
  DataDirectory& operator=(const DataDirectory&) = delete;

  // Whether a database was ever made here: then a missing one is a loss and no first start.
  bool had_database() const noexcept;
  // What the lock file, which is never moved or restored with the database, knows of the log: the newest seq
  // that can have been given to anybody. Written after each commit and before anybody hears of it, without a
  // sync: the mark outlives the process; a power cut may cost its last half minute.
  std::optional<LogHead> remembered() const;
  void remember(std::string_view epoch, Seq seq) const noexcept;  // one thread at a time

  const std::filesystem::path& path() const noexcept { return path_; }
  std::filesystem::path database() const { return path_ / "corohub.db"; }

 private:
  std::filesystem::path path_;
  int lock_fd_ = -1;
};

// Creates or opens the database (0600, no symlink), checks it (quick_check), brings it to the newest
// migration (with a backup beside it, see previous.hpp) and reads its head. A newer, altered or corrupt
// database is refused (65) and left as it is, and so is a backup beside the log of another database. A
// database that is behind what is remembered gets another epoch.
LogHead prepare_database(const DataDirectory& directory);

// Makes a consistent copy in `file` (0600, must not exist) while the server runs. The copy gets a new epoch
// when it is first opened. Blocks; call it from a thread that may wait. Nothing is left behind when the
// backup fails (StartError 74) or is asked to stop (StartError 75).
void backup_database(const std::filesystem::path& database, const std::filesystem::path& file,
                     const std::atomic<bool>* stop = nullptr);

struct Restored {
  LogHead head;
  std::int64_t users = 0;
  std::int64_t sessions_ended = 0;
  std::vector<std::string> service_keys;  // "3 billing [publish]": they work again
  std::int64_t client_keys = 0;           // so do these, too many to be named
  std::filesystem::path previous;         // where the database that was here is now; empty: there was none
};

// Puts a copy of `file` in place of the database, after the copy was checked as a whole. `file` is a backup,
// or corohub.db of a server that had ended. The copy has a new epoch and no logins. Refuses with StartError
// 65 and 74, and then nothing has changed.
Restored restore_database(const DataDirectory& directory, const std::filesystem::path& file, UnixMs now);

// Gives the log another epoch, so that nobody goes on from a position of the old one.
LogHead renew_epoch(const DataDirectory& directory);

// Whether the database has another epoch than before, because a backup was restored or because somebody asked
// for it, and nobody has committed this question since.
bool take_begun_anew(UnitOfWork& work);

// Of the library in use, which is the system's.
std::string_view sqlite_version() noexcept;

}  // namespace corohub::storage
