// What 100,000 clients with overrides cost a start: milliseconds until they are read for two shards, and
// bytes in memory for each client. Prints one line of JSON.
#include "flags/flags.hpp"
#include "support/test_database.hpp"

#include <chrono>
#include <cstddef>
#include <cstdio>
#include <string>

#include <malloc.h>

namespace {

using namespace corohub;

constexpr std::int64_t client_count = 100'000;

void fill(test::TestDatabase& database) {
  auto unit = [](storage::UnitOfWork& work) -> Result<storage::Nothing> {
    work.query(
            "INSERT INTO flags (namespace_id, key, name, type, version, created_at, updated_at) VALUES (1, "
            "'f', 'f', "
            "'boolean', 1, 0, 0), (1, 'g', 'g', 'boolean', 1, 0, 0)")
        .run();
    work.query(
            "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?1) INSERT INTO "
            "clients "
            "(namespace_id, key, name, attributes, version, created_at, updated_at) SELECT 1, 'client-' || "
            "i, "
            "'Client ' || i, '{\"plan\":\"gold\",\"seats\":' || i || '}', 1, 0, 0 FROM n")
        .bind(client_count)
        .run();
    work.query(
            "INSERT INTO client_overrides (client_id, flag_id, granted, expires_at) SELECT c.id, f.id, 1, "
            "4102444800000 + c.id FROM clients c CROSS JOIN flags f")
        .run();
    return storage::Nothing{};
  };
  database.commit(unit).value();
}

}  // namespace

int main() {
  ::mallopt(M_ARENA_MAX, 1);  // mallinfo2() tells of the first arena alone
  test::TestDatabase database;
  fill(database);
  flags::Flags flags({database.writer, database.readers, database.readers, database.clock,
                      database.head.epoch, [](std::size_t) { return Seq(0); }},
                     {});
  const std::size_t before = ::mallinfo2().uordblks;
  const auto began = std::chrono::steady_clock::now();
  test::run_task([&] { return flags.begin(2); }).value();
  const std::chrono::duration<double, std::milli> taken = std::chrono::steady_clock::now() - began;
  const std::size_t bytes = ::mallinfo2().uordblks - before;
  if (flags.directories().of(1).clients().size() != client_count) return 1;
  std::printf("{\"clients\":%lld,\"ms\":%.0f,\"bytes_per_client\":%zu}\n",
              static_cast<long long>(client_count), taken.count(), bytes / client_count);
}
