#include "storage/previous.hpp"

#include "core/log.hpp"
#include "storage/files.hpp"
#include "storage/storage.hpp"

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

namespace corohub::storage {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view settled = ".before-";
constexpr std::string_view pending = ".updating-";
constexpr std::size_t number_digits = 4;

bool starts_with_number(std::string_view text) {
  return text.size() >= number_digits &&
         std::ranges::all_of(text.substr(0, number_digits), [](char c) { return c >= '0' && c <= '9'; });
}

// Copies that this program has made: an operator may keep a corohub.db.before-upgrade.sqlite here.
std::vector<fs::path> copies(const fs::path& database, std::string_view kind) {
  const std::string prefix = database.filename().string().append(kind);
  std::vector<fs::path> found;
  for (const fs::directory_entry& entry : fs::directory_iterator(directory_of(database))) {
    const std::string name = entry.path().filename().string();
    if (!name.starts_with(prefix)) continue;
    const std::string_view number = std::string_view(name).substr(prefix.size());
    if (number.size() == number_digits && starts_with_number(number)) found.push_back(entry.path());
  }
  return found;
}

// Removes copies whose maker was killed: ".corohub.db.updating-NNNN.XXXXXX", and what SQLite has beside them.
void remove_unfinished(const fs::path& database) {
  for (const std::string_view kind : {settled, pending}) {
    const std::string prefix = ("." + database.filename().string()).append(kind);
    std::vector<fs::path> found;
    for (const fs::directory_entry& entry : fs::directory_iterator(directory_of(database))) {
      const std::string name = entry.path().filename().string();
      if (!name.starts_with(prefix)) continue;
      const std::string_view rest = std::string_view(name).substr(prefix.size());
      if (starts_with_number(rest) && rest.substr(number_digits).starts_with('.'))
        found.push_back(entry.path());
    }
    for (const fs::path& path : found) fs::remove(path);
  }
}

}  // namespace

void keep_previous(const fs::path& database, const Migration& next) {
  remove_unfinished(database);
  if (!copies(database, pending).empty()) return;
  fs::path copy = database;
  copy += pending;
  copy += next.name.substr(0, next.name.find('_'));
  backup_database(database, copy);
  log::info("migration_backup", {{"file", copy.string()}});
}

void settle_previous(const fs::path& database) {
  const std::vector<fs::path> made = copies(database, pending);
  if (made.empty()) return;
  for (const fs::path& older : copies(database, settled)) fs::remove(older);
  for (const fs::path& copy : made) {
    std::string name = copy.filename().string();
    name.replace(name.size() - number_digits - pending.size(), pending.size(), settled);
    fs::rename(copy, copy.parent_path() / name);
    log::info("migration_backup", {{"file", (copy.parent_path() / name).string()}});
  }
}

void drop_pending(const fs::path& database) {
  for (const fs::path& copy : copies(database, pending)) fs::remove(copy);
}

}  // namespace corohub::storage
