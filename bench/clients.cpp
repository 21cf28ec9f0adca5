// What clients of feature flags with overrides cost a start: milliseconds until they are read for two shards,
// and bytes in memory for each; and what an evaluation for one of them takes, each time for another, in
// nanoseconds. With ten and with 100,000 clients: a line of JSON each.
#include "flags/evaluation/evaluate.hpp"
#include "flags/flags.hpp"
#include "support/test_database.hpp"

#include <chrono>
#include <cstddef>
#include <cstdio>
#include <string>

#include <malloc.h>

namespace {

using namespace corohub;

constexpr int evaluations = 200'000;

void fill(test::TestDatabase& database, std::int64_t client_count) {
  auto unit = [client_count](storage::UnitOfWork& work) -> Result<storage::Nothing> {
    work.query(
            "INSERT INTO flags (namespace_id, key, name, type, version, created_at, updated_at) VALUES (1, "
            "'f', 'f', "
            "'boolean', 1, 0, 0), (1, 'g', 'g', 'boolean', 1, 0, 0)")
        .run();
    work.query(
            "INSERT INTO flag_definitions (environment_id, flag_id, document, version, updated_at) SELECT "
            "e.id, "
            "f.id, "
            "'{\"state\":\"ENABLED\",\"variants\":{\"on\":true,\"off\":false},\"defaultVariant\":\"off\","
            "\"targeting\":{\"if\":[{\"==\":[{\"var\":\"corohub.attributes.plan\"},\"gold\"]},\"on\"]}}', 1, "
            "0 "
            "FROM environments e CROSS JOIN flags f WHERE e.namespace_id = 1")
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

// One flag for one client after another, so that none of them is in the processor's cache by chance.
double nanoseconds_of_evaluation(const flags::Directory& directory, std::int64_t client_count) {
  const flags::Namespace& name_space = **directory.find(std::int64_t{1});
  const auto began = std::chrono::steady_clock::now();
  std::size_t seen = 0;
  for (std::int64_t i = 0; i < evaluations; ++i) {
    const flags::Viewer viewer{.kind = flags::Viewer::Kind::client,
                               .client_id = 1 + i * 7'919 % client_count};
    const flags::Standing who = directory.standing(viewer, name_space);
    const flags::Environment& environment = **name_space.environment(who.home().key);
    flags::Context context = flags::Context::read({}).value();
    context.set_caller(who, environment.key);
    flags::Evaluator evaluator(environment, context, 0);
    const flags::Flag& flag = environment.flags().front();
    if (who.sees(flag) && evaluator.evaluate(flag).flag != nullptr) ++seen;
  }
  const std::chrono::duration<double, std::nano> taken = std::chrono::steady_clock::now() - began;
  return seen == evaluations ? taken.count() / evaluations : -1;
}

void measure(std::int64_t client_count) {
  test::TestDatabase database;
  fill(database, client_count);
  flags::Flags flags({database.writer, database.readers, database.readers, database.clock,
                      database.head.epoch, [](std::size_t) { return Seq(0); }},
                     {});
  const std::size_t before = ::mallinfo2().uordblks;
  const auto began = std::chrono::steady_clock::now();
  test::run_task([&] { return flags.begin(2); }).value();
  const std::chrono::duration<double, std::milli> taken = std::chrono::steady_clock::now() - began;
  const std::size_t bytes = ::mallinfo2().uordblks - before;
  const flags::Directory& directory = flags.directories().of(1);
  std::printf("{\"clients\":%zu,\"start_ms\":%.0f,\"bytes_per_client\":%zu,\"evaluation_ns\":%.0f}\n",
              directory.clients().size(), taken.count(), bytes / static_cast<std::size_t>(client_count),
              nanoseconds_of_evaluation(directory, client_count));
}

}  // namespace

int main() {
  ::mallopt(M_ARENA_MAX, 1);  // mallinfo2() tells of the first arena alone
  for (const std::int64_t clients : {10, 100'000}) measure(clients);
}
