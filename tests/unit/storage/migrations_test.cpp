// What migrations do to a database that has been in use.
#include "storage/connection.hpp"
#include "storage/migrator.hpp"
#include "support/temp_dir.hpp"

#include <fstream>

#include <gtest/gtest.h>

namespace corohub::storage {
namespace {

class MigrationTest : public testing::Test {
 protected:
  MigrationTest() {
    std::ofstream(file_).flush();
    connection_ = std::make_unique<Connection>(file_, Access::migrate);
  }
  void migrate_to(std::size_t number) {
    const std::vector<Migration> all = embedded_migrations();
    migrate(*connection_, std::span(all).first(number), 0);
  }
  void migrate_fully() { migrate_to(embedded_migrations().size()); }
  std::int64_t number(std::string_view sql) {
    Query query = connection_->query(sql);
    return query.next() ? query.integer(0) : -1;
  }

  corohub::test::TempDir directory_;
  std::filesystem::path file_ = directory_.path() / "corohub.db";
  std::unique_ptr<Connection> connection_;
};

TEST_F(MigrationTest, R20_accounts_that_were_there_are_counted_and_found) {
  migrate_to(2);
  connection_->run_script(
      "INSERT INTO users (name, email, email_key, role, password_hash, created_at, updated_at) VALUES "
      "('Ann Smith', 'ann@example.com', 'ann@example.com', 'user', 'x', 1, 1),"
      "('Bob', 'bob@example.com', 'bob@example.com', 'admin', 'x', 1, 1)");
  migrate_fully();
  EXPECT_EQ(number("SELECT rowid FROM users_search WHERE users_search MATCH '{name email} : \"smi\"'"), 1);
  EXPECT_EQ(number("SELECT rowid FROM users_search WHERE users_search MATCH 'staff : \"admin\"'"), 2);
  EXPECT_EQ(number("SELECT users FROM user_totals WHERE role = 'user'"), 1);
  EXPECT_EQ(number("SELECT users FROM user_totals WHERE role = 'admin'"), 1);
  EXPECT_EQ(number("SELECT users FROM user_totals WHERE role = 'superadmin'"), 0);
}

TEST_F(MigrationTest, R20_the_trail_that_was_there_names_what_it_speaks_of) {
  migrate_to(2);
  connection_->run_script(
      "INSERT INTO audit (created_at, actor_id, action, target_id, outcome) VALUES "
      "(1, NULL, 'user.create', 7, 'ok'), (2, 7, 'broadcast', NULL, 'ok')");
  migrate_fully();
  EXPECT_EQ(number("SELECT id FROM audit WHERE entity = 'users/7'"), 1);
  EXPECT_EQ(number("SELECT COUNT(*) FROM audit WHERE entity IS NULL"), 1);
}

TEST_F(MigrationTest, alerts_to_all_that_were_there_are_of_the_servers_topic) {
  migrate_to(11);
  connection_->run_script(
      "INSERT INTO events (type, data, created_at, roles, user_id, topic, bytes_total, rows_total) VALUES "
      "('system.alert', '{}', 1, 7, NULL, NULL, 1, 1), ('system.alert', '{}', 1, 6, NULL, NULL, 2, 2),"
      "('system.alert', '{}', 1, 0, 7, NULL, 3, 3), ('user.updated', '{}', 1, 7, NULL, NULL, 4, 4)");
  migrate_fully();
  EXPECT_EQ(number("SELECT group_concat(seq) FROM events WHERE also = 'system'"), 1);
}

TEST_F(MigrationTest, overrides_that_were_there_stay_and_outlive_their_flags) {
  migrate_to(11);
  connection_->run_script(
      "INSERT INTO flags (id, namespace_id, key, name, type, version, created_at, updated_at) VALUES "
      "(7, 1, 'f', 'f', 'boolean', 1, 0, 0);"
      "INSERT INTO clients (id, namespace_id, key, name, version, created_at, updated_at) VALUES "
      "(9, 1, 'c', 'c', 1, 0, 0);"
      "INSERT INTO client_overrides (client_id, flag_id, granted, reason, expires_at) VALUES "
      "(9, 7, 1, 'trial', 5)");
  migrate_fully();
  EXPECT_EQ(number("SELECT count(*) FROM client_overrides WHERE granted = 1 AND reason = 'trial' AND "
                   "expires_at = 5"),
            1);
  const std::string_view owner =
      "SELECT group_concat(\"table\") = 'clients' FROM pragma_foreign_key_list('client_overrides')";
  EXPECT_EQ(number(owner), 1) << "they go with their client, and not with the flag";
}

}  // namespace
}  // namespace corohub::storage
