// The data directory, migrations and backup: what start-up accepts, and that a refusal changes nothing.
#include "storage/connection.hpp"
#include "storage/migrator.hpp"
#include "storage_fixture.hpp"
#include "support/faulty_vfs.hpp"

#include <csignal>

#include <sqlite3.h>

#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

namespace corohub::storage::test {
namespace {

namespace fs = std::filesystem;

int mode_of(const fs::path& path) {
  struct stat info{};
  return ::stat(path.c_str(), &info) == 0 ? static_cast<int>(info.st_mode & 0777) : -1;
}

void execute(const fs::path& database, const char* sql) {
  sqlite3* handle = nullptr;
  ASSERT_EQ(sqlite3_open(database.c_str(), &handle), SQLITE_OK);
  EXPECT_EQ(sqlite3_exec(handle, sql, nullptr, nullptr, nullptr), SQLITE_OK) << sqlite3_errmsg(handle);
  sqlite3_close(handle);
}

class StartTest : public StorageTest {
 protected:
  void create() {
    open();
    EXPECT_TRUE(commit(adding("kept")));
    close();
  }
  // Refused with 65, and not one byte of the directory is another one.
  void expect_refused_untouched() {
    const auto before = contents(data_->path());
    EXPECT_EQ(exit_code_of([&] { prepare_database(*data_); }), 65);
    EXPECT_EQ(contents(data_->path()), before);
  }
};

TEST_F(StartTest, T66_everything_is_for_the_owner_alone_whatever_the_umask) {
  const mode_t before = ::umask(0);
  open();
  EXPECT_TRUE(commit(adding("a")));
  EXPECT_EQ(mode_of(data_->path()), 0700);
  for (const char* name : {"lock", "corohub.db", "corohub.db-wal", "corohub.db-shm"})
    EXPECT_EQ(mode_of(data_->path() / name), 0600) << name;
  ::umask(before);
}

TEST_F(StartTest, T66_wider_permissions_of_older_files_are_taken_back) {
  create();
  ::chmod(data_->path().c_str(), 0755);
  ::chmod(data_->database().c_str(), 0644);
  data_.reset();
  open();
  EXPECT_EQ(mode_of(data_->path()), 0700);
  EXPECT_EQ(mode_of(data_->database()), 0600);
}

TEST_F(StartTest, T66_a_directory_with_things_of_others_keeps_its_permissions) {
  const fs::path shared = temp_.path() / "shared";
  fs::create_directory(shared);
  ::chmod(shared.c_str(), 0755);
  std::ofstream(shared / "something") << "else";
  const DataDirectory data(shared);
  EXPECT_EQ(mode_of(shared), 0755);
}

TEST_F(StartTest, T66_a_second_server_exits_75) {
  open();
  EXPECT_EQ(exit_code_of([&] { const DataDirectory second(data_->path()); }), 75);
  close();
  data_.reset();
  EXPECT_EQ(exit_code_of([&] { const DataDirectory second(temp_.path() / "data"); }), 0);
}

TEST_F(StartTest, R23_a_directory_that_cannot_be_made_exits_74) {
  std::ofstream(temp_.path() / "file") << "x";
  EXPECT_EQ(exit_code_of([&] { const DataDirectory data(temp_.path() / "file"); }), 74);
  EXPECT_EQ(exit_code_of([&] { const DataDirectory data(temp_.path() / "file" / "below"); }), 74);
}

TEST_F(StartTest, T66_a_symlinked_database_is_refused) {
  create();
  fs::rename(data_->database(), temp_.path() / "elsewhere.db");
  fs::create_symlink(temp_.path() / "elsewhere.db", data_->database());
  expect_refused_untouched();
}

TEST_F(StartTest, T67_a_damaged_database_is_refused_and_left_as_it_is) {
  create();
  std::string bytes = content(data_->database());
  ASSERT_GT(bytes.size(), 3 * 4096U);
  for (std::size_t i = 4096; i < std::size_t{3} * 4096; ++i) bytes[i] = 'x';
  std::ofstream(data_->database(), std::ios::binary) << bytes;
  expect_refused_untouched();
}

TEST_F(StartTest, T67_something_that_is_no_database_is_refused) {
  data_ = std::make_unique<DataDirectory>(temp_.path() / "data");
  std::ofstream(data_->database(), std::ios::binary) << std::string(5000, 'x');
  expect_refused_untouched();
}

TEST_F(StartTest, T67_a_truncated_database_with_a_log_is_not_begun_anew) {
  create();
  execute(data_->database(), "SELECT 1");
  std::ofstream(data_->path() / "corohub.db-wal", std::ios::binary) << std::string(5000, 'x');
  fs::resize_file(data_->database(), 0);
  expect_refused_untouched();
}

TEST_F(StartTest, a_database_of_another_program_is_refused) {
  data_ = std::make_unique<DataDirectory>(temp_.path() / "data");
  execute(data_->database(), "CREATE TABLE customers (id)");
  expect_refused_untouched();
}

TEST_F(StartTest, R20_a_newer_database_is_refused_untouched) {
  create();
  execute(data_->database(), "INSERT INTO schema_migrations VALUES (99, '0099_later.sql', 'x', 1)");
  expect_refused_untouched();
}

TEST_F(StartTest, R20_an_altered_migration_is_refused_untouched) {
  create();
  execute(data_->database(), "UPDATE schema_migrations SET checksum = 'other' WHERE number = 1");
  expect_refused_untouched();
}

TEST_F(StartTest, R20_a_newer_database_with_a_log_of_its_own_keeps_both) {
  open();
  const fs::path copy = temp_.path() / "crashed";
  EXPECT_TRUE(commit([](UnitOfWork& work) -> Result<Nothing> {
    work.query("INSERT INTO schema_migrations VALUES (99, '0099_later.sql', 'x', 1)").run();
    return Nothing{};
  }));
  fs::create_directory(copy);  // what kill -9 leaves
  for (const char* name : {"corohub.db", "corohub.db-wal"}) fs::copy_file(data_->path() / name, copy / name);
  close();
  const DataDirectory crashed(copy);
  const auto before = contents(copy);
  EXPECT_EQ(exit_code_of([&] { prepare_database(crashed); }), 65);
  for (const auto& [name, bytes] : before) EXPECT_EQ(content(copy / name), bytes) << name;
}

TEST_F(StartTest, the_second_start_finds_what_the_first_one_left) {
  create();
  const std::string epoch = head_.epoch;
  EXPECT_EQ(epoch.size(), 22U);
  open();
  EXPECT_EQ(head_.epoch, epoch);
  EXPECT_EQ(rows(), "kept");
}

TEST_F(StartTest, a_crash_loses_nothing_committed_and_the_head_is_read) {
  open();
  EXPECT_TRUE(commit([](UnitOfWork& work) -> Result<Nothing> {
    work.query(
            "INSERT INTO events (type, data, created_at, roles) VALUES ('a', '{}', 1, 7), ('b', '{}', 1, 7)")
        .run();
    work.query("DELETE FROM events").run();  // retention took them
    return Nothing{};
  }));
  const fs::path copy = temp_.path() / "crashed";
  fs::create_directory(copy);
  for (const char* name : {"corohub.db", "corohub.db-wal"}) fs::copy_file(data_->path() / name, copy / name);
  const DataDirectory crashed(copy);
  EXPECT_EQ(prepare_database(crashed).seq, 2);
}

// The kernel may hold its pages as clean although they never reached the disk. The log is larger here than
// any file may be, the database is not: only who writes the log again fails.
TEST_F(StartTest, R3b_the_log_of_an_earlier_process_is_written_again_before_it_is_trusted) {
  open();
  for (int i = 0; i < 100; ++i) EXPECT_TRUE(commit(adding("row " + std::to_string(i))));
  const fs::path copy = temp_.path() / "crashed";
  fs::create_directory(copy);
  for (const char* name : {"corohub.db", "corohub.db-wal"}) fs::copy_file(data_->path() / name, copy / name);
  const std::uintmax_t limit = fs::file_size(copy / "corohub.db-wal") - 1;
  ASSERT_GT(limit, 2 * fs::file_size(copy / "corohub.db"));
  const DataDirectory crashed(copy);
  struct rlimit before{};
  ::getrlimit(RLIMIT_FSIZE, &before);
  const struct rlimit small{limit, before.rlim_max};
  const auto handler = ::signal(SIGXFSZ, SIG_IGN);
  ::setrlimit(RLIMIT_FSIZE, &small);
  const int exit_code = exit_code_of([&] { prepare_database(crashed); });
  ::setrlimit(RLIMIT_FSIZE, &before);
  ::signal(SIGXFSZ, handler);
  EXPECT_EQ(exit_code, 74);
  EXPECT_EQ(exit_code_of([&] { prepare_database(crashed); }), 0);
}

TEST_F(StartTest, R20_a_first_start_that_is_killed_at_any_write_is_finished_by_the_next) {
  const corohub::test::FaultyVfs vfs;
  for (int writes = 0; writes < 66; writes += 3) {
    data_ = std::make_unique<DataDirectory>(temp_.path() / std::to_string(writes));
    const pid_t child = ::fork();
    if (child == 0) {
      corohub::test::FaultyVfs::writes_until_exit() = writes;
      prepare_database(*data_);
      ::_exit(0);
    }
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    ASSERT_EQ(prepare_database(*data_).epoch.size(), 22U) << "after " << writes << " writes";
  }
}

TEST_F(StartTest, T67_a_database_that_is_gone_or_emptied_is_not_replaced) {
  create();
  fs::resize_file(data_->database(), 0);
  EXPECT_EQ(exit_code_of([&] { prepare_database(*data_); }), 65);
  EXPECT_EQ(fs::file_size(data_->database()), 0U);
  fs::remove(data_->database());
  EXPECT_EQ(exit_code_of([&] { prepare_database(*data_); }), 65);
  EXPECT_FALSE(fs::exists(data_->database()));
}

// ---- the migrator ----

class MigratorTest : public testing::Test {
 protected:
  static fs::path empty_file(fs::path path) {
    std::ofstream(path) << "";
    return path;
  }
  static std::string names(Connection& connection) {
    std::string out;
    Query query = connection.query("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name");
    while (query.next()) out += query.text(0) + " ";
    return out;
  }

  TempDir temp_;
  fs::path path_ = empty_file(temp_.path() / "test.db");
  Connection connection_{path_, Access::migrate};
  const std::vector<Migration> two_{{1, "0001_one.sql", "CREATE TABLE one (a) ; CREATE TABLE other (a);"},
                                    {2, "0002_two.sql", "CREATE TABLE two (a);"}};
};

TEST_F(MigratorTest, applies_each_once_in_order_and_records_it) {
  migrate(connection_, std::span(two_).first(1), 5);
  migrate(connection_, two_, 6);
  migrate(connection_, two_, 7);
  Query query = connection_.query("SELECT number, name, length(checksum), applied_at FROM schema_migrations");
  ASSERT_TRUE(query.next());
  EXPECT_EQ(query.text(1), "0001_one.sql");
  EXPECT_EQ(query.integer(2), 64);
  EXPECT_EQ(query.integer(3), 5);
  ASSERT_TRUE(query.next());
  EXPECT_EQ(query.integer(0), 2);
  EXPECT_EQ(query.integer(3), 6);
  EXPECT_FALSE(query.next());
}

TEST_F(MigratorTest, a_broken_one_leaves_nothing_of_itself) {
  std::vector<Migration> broken = two_;
  broken[1].sql = "CREATE TABLE half (a); CREATE TABLE half (a);";
  EXPECT_EQ(exit_code_of([&] { migrate(connection_, broken, 1); }), 65);
  EXPECT_EQ(names(connection_), "one other schema_migrations ");
  migrate(connection_, two_, 2);
  EXPECT_EQ(names(connection_), "one other schema_migrations two ");
}

TEST_F(MigratorTest, one_that_commits_by_itself_or_breaks_a_reference_is_refused) {
  std::vector<Migration> wrong = two_;
  wrong[1].sql = "CREATE TABLE two (a); COMMIT;";
  EXPECT_EQ(exit_code_of([&] { migrate(connection_, wrong, 1); }), 65);
  wrong[1].sql = "CREATE TABLE p (a PRIMARY KEY); CREATE TABLE c (a REFERENCES p); INSERT INTO c VALUES (1);";
  EXPECT_EQ(exit_code_of([&] { migrate(connection_, wrong, 1); }), 65);
  EXPECT_EQ(check_applied(connection_, two_), 1U);
}

TEST_F(MigratorTest, the_embedded_ones_are_numbered_and_make_strict_tables) {
  const std::vector<Migration> ours = embedded_migrations();
  ASSERT_FALSE(ours.empty());
  EXPECT_EQ(ours[0].name, "0001_accounts_and_events.sql");
  migrate(connection_, ours, 1);
  Query query = connection_.query(
      "SELECT count(*) FROM pragma_table_list WHERE type = 'table' AND strict = 0 AND schema = 'main' "
      "AND name NOT LIKE 'sqlite%'");
  ASSERT_TRUE(query.next());
  EXPECT_EQ(query.integer(0), 0);
}

TEST_F(MigratorTest, deleting_a_user_takes_logins_tokens_and_links_along) {
  migrate(connection_, embedded_migrations(), 1);
  Connection writer(path_, Access::write);
  writer.run_script(
      "INSERT INTO users (name, email, email_key, password_hash, created_at, updated_at) VALUES ('a', 'A@b', "
      "'a@b', 'x', 1, 1);"
      "INSERT INTO sessions (id, user_id, created_at, last_used_at, expires_at) VALUES (x'01', 1, 1, 1, 1);"
      "INSERT INTO refresh_tokens (hash, session_id, issued_at, expires_at) VALUES (x'02', x'01', 1, 1);"
      "INSERT INTO password_resets (hash, user_id, created_at, expires_at) VALUES (x'03', 1, 1, 1);"
      "DELETE FROM users WHERE id = 1;");
  Query query = writer.query(
      "SELECT (SELECT count(*) FROM sessions) + (SELECT count(*) FROM refresh_tokens) + "
      "(SELECT count(*) FROM password_resets)");
  ASSERT_TRUE(query.next());
  EXPECT_EQ(query.integer(0), 0);
}

// ---- backup ----

TEST_F(StartTest, R21_a_backup_is_whole_private_and_a_world_of_its_own) {
  open();
  EXPECT_TRUE(commit(adding("a")));
  const fs::path file = temp_.path() / "backup.db";
  Barrier running;
  Barrier barrier;  // a unit that is not committed yet is not in it, and does not keep it waiting
  submit(
      [&](UnitOfWork& work) {
        Result<Nothing> result = add(work, "b");
        running.lift();
        barrier.pass();
        return result;
      },
      0);
  running.pass();
  backup_database(data_->database(), file);
  barrier.lift();
  finish();
  EXPECT_EQ(mode_of(file), 0600);
  EXPECT_EQ(rows(), "a b");

  const std::string epoch = head_.epoch;
  close();
  data_ = std::make_unique<DataDirectory>(temp_.path() / "restored");
  fs::copy_file(file, data_->database());
  open();
  EXPECT_EQ(rows(), "a");
  EXPECT_NE(head_.epoch, epoch);
  const std::string restored = head_.epoch;
  close();
  open();
  EXPECT_EQ(head_.epoch, restored);
}

TEST_F(StartTest, R21_a_backup_never_overwrites_and_leaves_no_half_file) {
  create();
  const fs::path target = temp_.path() / "out";
  fs::create_directory(target);
  std::ofstream(target / "there") << "mine";
  EXPECT_EQ(exit_code_of([&] { backup_database(data_->database(), target / "there"); }), 74);
  EXPECT_EQ(content(target / "there"), "mine");
  EXPECT_EQ(exit_code_of([&] { backup_database(temp_.path() / "none.db", target / "new"); }), 74);
  EXPECT_EQ(exit_code_of([&] { backup_database(data_->database(), target / "missing" / "new"); }), 74);
  EXPECT_EQ(contents(target).size(), 1U);
}

}  // namespace
}  // namespace corohub::storage::test
