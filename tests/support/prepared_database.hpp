// A database that is migrated already, for tests that ask for a new one and not for how it is made: a copy of
// one that each process makes once. To make one takes a tenth of a second, most of it waiting for the disk.
#pragma once

#include "storage/storage.hpp"
#include "support/temp_dir.hpp"

#include <filesystem>

namespace corohub::test {

// `directory` exists and has no database.
inline void copy_prepared_database(const std::filesystem::path& directory) {
  static const TempDir home;
  static const std::filesystem::path prepared = [] {
    const storage::DataDirectory data(home.path() / "data");
    storage::prepare_database(data);
    return data.database();
  }();
  std::filesystem::copy_file(prepared, directory / prepared.filename());
}

inline storage::LogHead prepare_copied_database(const storage::DataDirectory& directory) {
  copy_prepared_database(directory.path());
  return storage::prepare_database(directory);
}

}  // namespace corohub::test
