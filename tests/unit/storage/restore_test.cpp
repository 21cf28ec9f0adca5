// Backups that come back, databases that were rolled back, and what an update leaves beside the database.
#include "storage/connection.hpp"
#include "storage/migrator.hpp"
#include "storage_fixture.hpp"
#include "support/faulty_vfs.hpp"

#include <atomic>

#include <gmock/gmock.h>
#include <sqlite3.h>

#include <unistd.h>

namespace corohub::storage::test {
namespace {

namespace fs = std::filesystem;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Key;
using testing::Not;

class RestoreTest : public StorageTest {
 protected:
  // A user with a login, a service key and so many events.
  void fill(int events) {
    EXPECT_TRUE(commit([events](UnitOfWork& work) -> Result<Nothing> {
      for (const char* sql :
           {"INSERT INTO users (name, email, email_key, password_hash, created_at, updated_at) "
            "VALUES ('a', 'a@b', 'a@b', 'x', 1, 1)",
            "INSERT INTO sessions (id, user_id, created_at, last_used_at, expires_at) VALUES (x'01', 1, 1, "
            "1, 1)",
            "INSERT INTO refresh_tokens (hash, session_id, issued_at, expires_at) VALUES (x'02', x'01', 1, "
            "1)",
            "INSERT INTO password_resets (hash, user_id, created_at, expires_at) VALUES (x'03', 1, 1, 1)",
            "INSERT INTO api_keys (hash, name, scopes, created_at) VALUES (x'04', 'billing', "
            "'[\"publish\"]', 1)",
            "INSERT INTO namespaces (key, name, tenant_id, app_id, access, version, created_at, updated_at, "
            "stamp) VALUES ('n', 'n', 'n', 'n', 'users', 1, 1, 1, 1)",
            "INSERT INTO clients (namespace_id, key, name, version, created_at, updated_at) SELECT id, 'c', "
            "'c', "
            "1, 1, 1 FROM namespaces WHERE key = 'n'",
            "INSERT INTO client_keys (client_id, hash, created_at) SELECT id, x'05', 1 FROM clients"})
        work.query(sql).run();
      return add_events(work, events);
    }));
  }
  static Result<Nothing> add_events(UnitOfWork& work, int events) {
    for (int i = 0; i < events; ++i)
      work.query("INSERT INTO events (type, data, created_at, roles) VALUES ('a', '{}', 1, 7)").run();
    work.set_last_seq(work.last_insert_id());
    return Nothing{};
  }
  void more_events(int events) {
    EXPECT_TRUE(commit([events](UnitOfWork& work) { return add_events(work, events); }));
  }

  // As a server that ends, and one that is killed.
  void end() {
    close();
    data_.reset();
  }
  void start() {
    data_ = std::make_unique<DataDirectory>(directory_);
    open();
  }
  fs::path backup() {
    fs::path file = temp_.path() / "backup.db";
    backup_database(data_->database(), file);
    return file;
  }
  // The database as it is on the disk now, for putting it back later.
  fs::path cold_copy() {
    end();
    fs::path copy = temp_.path() / "cold.db";
    fs::copy_file(directory_ / "corohub.db", copy);
    start();
    return copy;
  }
  // cp, with nothing else.
  void put_in_place(const fs::path& file) {
    fs::copy_file(file, directory_ / "corohub.db", fs::copy_options::overwrite_existing);
  }
  Restored restore(const fs::path& file) {
    const DataDirectory directory(directory_, Caller::command);
    return restore_database(directory, file, 77);
  }
  // Asks whether the database began anew; in vain: the unit is rolled back.
  bool began_anew(bool in_vain = false) {
    bool anew = false;
    commit([&](UnitOfWork& work) -> Result<Nothing> {
      anew = take_begun_anew(work);
      if (in_vain) return Error(ErrorCode::forbidden, "in vain");
      return Nothing{};
    });
    return anew;
  }
  int refused(const fs::path& file) {
    return exit_code_of([&] { restore(file); });
  }
  std::int64_t count(const char* sql) {
    const auto read = [sql](Snapshot& snapshot) -> Result<std::int64_t> {
      Query query = snapshot.query(sql);
      return query.next() ? query.integer(0) : -1;
    };
    return run_task(context_, [&] { return readers_->read(read); }).value();
  }

  const fs::path directory_ = temp_.path() / "data";
};

TEST_F(RestoreTest, R21_a_restored_backup_is_a_world_of_its_own_without_logins) {
  start();
  fill(3);
  const fs::path file = backup();
  more_events(4);
  const std::string epoch = head_.epoch;
  end();

  const Restored restored = restore(file);
  EXPECT_NE(restored.head.epoch, epoch);
  EXPECT_EQ(restored.head.seq, 3);
  EXPECT_EQ(restored.users, 1);
  EXPECT_EQ(restored.sessions_ended, 1);
  EXPECT_THAT(restored.service_keys, ElementsAre("1 billing [\"publish\"]"));
  EXPECT_EQ(restored.client_keys, 1);
  EXPECT_EQ(restored.previous, directory_ / "corohub.db.replaced");
  start();
  EXPECT_EQ(head_.epoch, restored.head.epoch);
  EXPECT_EQ(head_.seq, 3);
  EXPECT_EQ(count("SELECT (SELECT count(*) FROM sessions) + (SELECT count(*) FROM refresh_tokens) + "
                  "(SELECT count(*) FROM password_resets)"),
            0);
  EXPECT_EQ(count("SELECT count(*) FROM audit WHERE action = 'restore' AND created_at = 77"), 1);
}

TEST_F(RestoreTest, R21_what_began_anew_is_known_until_somebody_has_committed_that) {
  start();
  EXPECT_FALSE(began_anew()) << "the first life of all";
  fill(3);
  const fs::path file = backup();
  end();
  start();
  EXPECT_FALSE(began_anew()) << "it goes on";
  end();

  restore(file);
  start();
  end();
  start();
  EXPECT_TRUE(began_anew(true));
  EXPECT_TRUE(began_anew());
  EXPECT_FALSE(began_anew());

  end();
  put_in_place(file);
  start();
  EXPECT_TRUE(began_anew()) << "a backup that was copied by hand";
  end();
  put_in_place(file);
  fs::remove(directory_ / "lock");
  start();
  EXPECT_TRUE(began_anew()) << "into another directory";
  end();
  {
    const DataDirectory directory(directory_, Caller::command);
    renew_epoch(directory);
  }
  start();
  EXPECT_TRUE(began_anew()) << "as somebody asked for it";
}

TEST_F(RestoreTest, R21_the_log_of_the_old_database_never_meets_the_new_one) {
  start();
  fill(3);
  const fs::path file = backup();
  more_events(4);
  const fs::path killed = temp_.path() / "killed";  // with a log that was not moved into the database
  fs::create_directory(killed);
  for (const char* name : {"corohub.db", "corohub.db-wal", "lock"})
    fs::copy_file(directory_ / name, killed / name);
  end();
  const DataDirectory directory(killed, Caller::command);
  restore_database(directory, file, 1);
  const auto files = contents(killed);
  EXPECT_THAT(files, Not(Contains(Key("corohub.db-wal"))));
  EXPECT_THAT(files, Contains(Key("corohub.db.replaced-wal")));  // it is a whole database, too
  EXPECT_EQ(prepare_database(directory).seq, 3);
  Connection previous(killed / "corohub.db.replaced", Access::read);
  Query query = previous.query("SELECT max(seq) FROM events");
  ASSERT_TRUE(query.next());
  EXPECT_EQ(query.integer(0), 7);
}

TEST_F(RestoreTest, R21_a_cold_copy_can_be_restored_too) {
  start();
  fill(3);
  const fs::path file = cold_copy();
  end();
  EXPECT_EQ(restore(file).head.seq, 3);
  start();
  EXPECT_EQ(head_.seq, 3);
}

TEST_F(RestoreTest, R21_what_cannot_be_restored_changes_nothing) {
  start();
  fill(3);
  const fs::path file = backup();
  end();
  const auto before = contents(directory_);
  const fs::path other = temp_.path() / "other";
  std::string bytes = content(file);
  for (std::size_t i = 4096; i < std::size_t{3} * 4096; ++i) bytes[i] = 'x';
  std::ofstream(other, std::ios::binary) << bytes;
  EXPECT_EQ(refused(other), 65) << "damaged";
  fs::resize_file(other, 0);
  EXPECT_EQ(refused(other), 65) << "empty";
  std::ofstream(other) << std::string(9000, 'x');
  EXPECT_EQ(refused(other), 65) << "no database";
  EXPECT_EQ(refused(temp_.path()), 65) << "a directory";
  EXPECT_EQ(refused(temp_.path() / "none"), 74);
  std::ofstream(file.string() + "-wal") << "x";
  EXPECT_EQ(refused(file), 65) << "a part of it is in its log";
  EXPECT_EQ(contents(directory_), before);
}

TEST_F(RestoreTest, R21_a_restore_that_was_killed_half_way_can_be_done_again) {
  start();
  fill(3);
  const fs::path file = backup();
  end();
  fs::rename(directory_ / "corohub.db", directory_ / "corohub.db.replaced");
  std::ofstream(directory_ / "corohub.db-wal") << "the log of the old one";
  std::ofstream(directory_ / "corohub.db.restoring") << "half";
  data_ = std::make_unique<DataDirectory>(directory_);
  EXPECT_EQ(exit_code_of([&] { prepare_database(*data_); }), 65);
  data_.reset();
  EXPECT_EQ(restore(file).head.seq, 3);
  EXPECT_EQ(content(directory_ / "corohub.db.replaced-wal"), "the log of the old one");
  EXPECT_THAT(contents(directory_), Not(Contains(Key("corohub.db.restoring"))));
  start();
}

TEST_F(RestoreTest, T67_a_backup_beside_the_log_of_another_database_is_refused_untouched) {
  start();
  fill(3);
  const fs::path file = backup();
  more_events(4);
  const std::string log = content(directory_ / "corohub.db-wal");
  ASSERT_FALSE(log.empty());
  end();
  put_in_place(file);
  std::ofstream(directory_ / "corohub.db-wal", std::ios::binary) << log;
  data_ = std::make_unique<DataDirectory>(directory_);
  const auto before = contents(directory_);
  try {
    prepare_database(*data_);
    ADD_FAILURE();
  } catch (const StartError& error) {
    EXPECT_EQ(error.exit_code, 65);
    EXPECT_THAT(error.what(), HasSubstr("corohub restore"));
  }
  EXPECT_EQ(contents(directory_), before);
}

// ---- numbers are given once in an epoch ----

TEST_F(RestoreTest, T62_a_database_that_was_rolled_back_has_another_epoch) {
  start();
  fill(3);
  const fs::path copy = cold_copy();
  const std::string epoch = head_.epoch;
  more_events(5);
  end();
  put_in_place(copy);
  start();
  EXPECT_EQ(head_.seq, 3);
  EXPECT_NE(head_.epoch, epoch);
  const std::string second = head_.epoch;
  end();
  start();
  EXPECT_EQ(head_.epoch, second);
}

TEST_F(RestoreTest, T62_so_it_has_after_kill_9_and_by_a_single_event) {
  start();
  fill(3);
  const fs::path copy = cold_copy();
  const std::string epoch = head_.epoch;
  more_events(1);
  const std::string lock = content(directory_ / "lock");  // as it is while the process still lives
  end();
  put_in_place(copy);
  std::ofstream(directory_ / "lock") << lock;
  start();
  EXPECT_NE(head_.epoch, epoch);
}

TEST_F(RestoreTest, T62_a_copy_of_another_epoch_has_a_new_one_and_the_log_that_goes_on_keeps_its_own) {
  start();
  fill(3);
  const std::string epoch = head_.epoch;
  const fs::path copy = cold_copy();
  EXPECT_EQ(head_.epoch, epoch);
  end();
  {
    const DataDirectory directory(directory_, Caller::command);
    EXPECT_NE(renew_epoch(directory).epoch, epoch);
  }
  put_in_place(copy);
  start();
  EXPECT_NE(head_.epoch, epoch);
}

TEST_F(RestoreTest, T62_an_older_lock_file_knows_nothing_and_the_epoch_stays) {
  start();
  fill(3);
  const std::string epoch = head_.epoch;
  end();
  std::ofstream(directory_ / "lock") << "corohub.db was made\n";
  start();
  EXPECT_EQ(head_.epoch, epoch);
  EXPECT_EQ(data_->remembered()->seq, 3);
}

TEST_F(RestoreTest, T62_a_new_epoch_can_be_asked_for) {
  start();
  fill(3);
  const std::string epoch = head_.epoch;
  end();
  std::string asked;
  {
    const DataDirectory directory(directory_, Caller::command);
    const LogHead head = renew_epoch(directory);
    EXPECT_EQ(head.seq, 3);
    asked = head.epoch;
  }
  start();
  EXPECT_NE(head_.epoch, epoch);
  EXPECT_EQ(head_.epoch, asked);
}

// ---- backups ----

TEST_F(RestoreTest, R21_a_backup_that_is_broken_off_leaves_nothing) {
  start();
  fill(3);
  const fs::path target = temp_.path() / "out";
  fs::create_directory(target);
  const std::atomic<bool> stop{true};
  EXPECT_EQ(exit_code_of([&] { backup_database(data_->database(), target / "copy", &stop); }), 75);
  EXPECT_TRUE(fs::is_empty(target));
}

TEST_F(RestoreTest, R20_an_update_leaves_the_database_before_it_and_only_the_last_one) {
  const std::vector<Migration> known = embedded_migrations();
  ASSERT_GE(known.size(), 2U);
  data_ = std::make_unique<DataDirectory>(directory_);
  std::ofstream(data_->database()) << "";
  {
    Connection old(data_->database(), Access::migrate);
    migrate(old, std::span(known).first(1), 1);
    old.run("INSERT INTO meta (key, value) VALUES ('old', 'test')");
    old.checkpoint(true);
  }
  std::ofstream(directory_ / "corohub.db.before-0001") << "of the update before";
  open();
  EXPECT_EQ(rows(), "old");
  const auto files = contents(directory_);
  EXPECT_THAT(files, Contains(Key("corohub.db.before-0002")));
  EXPECT_THAT(files, Not(Contains(Key("corohub.db.before-0001"))));
  Connection copy(directory_ / "corohub.db.before-0002", Access::read);
  EXPECT_EQ(check_applied(copy, known), 1U);
  end();
  start();  // nothing to update, nothing to keep
  EXPECT_EQ(contents(directory_)["corohub.db.before-0002"], files.at("corohub.db.before-0002"));
}

TEST_F(RestoreTest, R20_an_update_that_was_interrupted_keeps_the_database_before_it) {
  const std::vector<Migration> known = embedded_migrations();
  ASSERT_GE(known.size(), 4U);
  data_ = std::make_unique<DataDirectory>(directory_);
  std::ofstream(data_->database()) << "";
  const auto update_to = [&](std::size_t count) {
    Connection old(data_->database(), Access::migrate);
    migrate(old, std::span(known).first(count), 1);
    old.checkpoint(true);
  };
  update_to(2);
  backup_database(data_->database(), directory_ / "corohub.db.updating-0003");
  update_to(3);
  std::ofstream(directory_ / "corohub.db.before-0002") << "of the update before";
  std::ofstream(directory_ / ".corohub.db.updating-0003.AbCdEf") << "of a start that was killed";
  open();
  const auto files = contents(directory_);
  EXPECT_THAT(files, Contains(Key("corohub.db.before-0003")));
  for (const char* gone : {"corohub.db.updating-0003", "corohub.db.updating-0004", "corohub.db.before-0004",
                           "corohub.db.before-0002", ".corohub.db.updating-0003.AbCdEf"})
    EXPECT_THAT(files, Not(Contains(Key(gone))));
  Connection copy(directory_ / "corohub.db.before-0003", Access::read);
  EXPECT_EQ(check_applied(copy, known), 2U);
}

TEST_F(RestoreTest, R20_an_update_removes_no_copies_of_the_operator) {
  data_ = std::make_unique<DataDirectory>(directory_);
  std::ofstream(data_->database()) << "";
  {
    Connection old(data_->database(), Access::migrate);
    const std::vector<Migration> known = embedded_migrations();
    migrate(old, std::span(known).first(1), 1);
    old.checkpoint(true);
  }
  const std::vector<std::string> own = {"corohub.db.before-upgrade.sqlite", "corohub.db.before-0001.gz",
                                        "corohub.db.before-12", ".corohub.db.before-mine.AbCdEf"};
  for (const std::string& name : own) std::ofstream(directory_ / name) << "mine";
  open();
  for (const std::string& name : own) EXPECT_EQ(content(directory_ / name), "mine") << name;
}

TEST_F(RestoreTest, R21_a_restore_ends_an_update_that_was_interrupted) {
  start();
  fill(1);
  const fs::path copy = backup();
  end();
  std::ofstream(directory_ / "corohub.db.updating-0003") << "of another database";
  restore(copy);
  EXPECT_THAT(contents(directory_), Not(Contains(Key("corohub.db.updating-0003"))));
}

TEST_F(RestoreTest, R21_a_restore_that_fails_half_way_puts_the_old_database_back) {
  start();
  fill(2);
  const fs::path copy = backup();
  end();
  const std::string database = content(directory_ / "corohub.db");
  std::ofstream(directory_ / "corohub.db-wal") << "the newest part";
  fs::remove(directory_ / "corohub.db-shm");
  fs::create_directories(directory_ / "corohub.db-shm" / "in the way");  // of what comes after the renames
  EXPECT_EQ(exit_code_of([&] { restore(copy); }), 74);
  EXPECT_EQ(content(directory_ / "corohub.db"), database);
  EXPECT_EQ(content(directory_ / "corohub.db-wal"), "the newest part");
}

TEST_F(RestoreTest, R21_a_restore_that_cannot_begin_removes_nothing) {
  start();
  fill(2);
  const fs::path copy = backup();
  end();
  const std::string database = content(directory_ / "corohub.db");
  fs::create_directory(directory_ / "corohub.db.replaced");  // no file can take its place
  EXPECT_EQ(exit_code_of([&] { restore(copy); }), 74);
  EXPECT_EQ(content(directory_ / "corohub.db"), database);
  EXPECT_TRUE(fs::exists(directory_ / "corohub.db.replaced"));
}

TEST_F(RestoreTest, R20_the_sums_of_older_events_are_counted_anew_for_each_kind) {
  data_ = std::make_unique<DataDirectory>(directory_);
  std::ofstream(data_->database()) << "";
  {
    Connection old(data_->database(), Access::migrate);
    const std::vector<Migration> known = embedded_migrations();
    migrate(old, std::span(known).first(2), 1);
    for (const char* topic : {"NULL", "'t'", "NULL", "'t'"})
      old.run_script(std::string("INSERT INTO events (type, data, created_at, roles, topic, bytes_total) "
                                 "VALUES ('ab', '{}', 1, 7, ") +
                     topic + ", 99)");
    old.checkpoint(true);
  }
  open();
  const auto read = [](Snapshot& snapshot) -> Result<std::string> {
    Query query = snapshot.query("SELECT rows_total, bytes_total FROM events ORDER BY seq");
    std::string sums;
    while (query.next()) sums += query.text(0) + ":" + query.text(1) + " ";
    return sums;
  };
  EXPECT_EQ(run_task(context_, [&] { return readers_->read(read); }).value(), "1:4 1:5 2:8 2:10 ");
}

TEST_F(RestoreTest, R20_without_room_for_the_old_database_there_is_no_update) {
  const std::vector<Migration> known = embedded_migrations();
  const corohub::test::FaultyVfs vfs;
  data_ = std::make_unique<DataDirectory>(directory_);
  std::ofstream(data_->database()) << "";
  {
    Connection old(data_->database(), Access::migrate);
    migrate(old, std::span(known).first(1), 1);
    old.checkpoint(true);
  }
  corohub::test::FaultyVfs::disk_full() = true;
  EXPECT_EQ(exit_code_of([&] { prepare_database(*data_); }), 74);
  corohub::test::FaultyVfs::disk_full() = false;
  Connection same(data_->database(), Access::read);
  EXPECT_EQ(check_applied(same, known), 1U);
}

// ---- whose directory it is ----

class OwnerTest : public RestoreTest {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root to make files of somebody else";
  }
  static constexpr uid_t somebody = 4711;
  int open_as(Caller caller) {
    return exit_code_of([&] { const DataDirectory data(directory_, caller); });
  }
};

TEST_F(OwnerTest, T66_a_command_leaves_no_files_of_its_own_in_a_service_s_directory) {
  fs::create_directory(directory_);
  ASSERT_EQ(::chown(directory_.c_str(), somebody, somebody), 0);
  EXPECT_EQ(open_as(Caller::command), 77);
  EXPECT_TRUE(fs::is_empty(directory_));
  EXPECT_EQ(open_as(Caller::server), 0);  // a container's root on a mounted directory
}

TEST_F(OwnerTest, T66_where_another_user_s_server_has_begun_nobody_else_goes_on) {
  EXPECT_EQ(open_as(Caller::server), 0);
  EXPECT_EQ(open_as(Caller::command), 0);
  ASSERT_EQ(::chown((directory_ / "lock").c_str(), somebody, somebody), 0);
  EXPECT_EQ(open_as(Caller::server), 77);
  EXPECT_EQ(open_as(Caller::command), 77);
}

}  // namespace
}  // namespace corohub::storage::test
