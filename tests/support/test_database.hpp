// A migrated database of its own with writer, readers and log; the hub behind it has no shards unless a test
// gives it some, so that a batch is applied at once.
#pragma once

#include "eventlog/event_log.hpp"
#include "hub/hub.hpp"
#include "storage/reader_pool.hpp"
#include "storage/storage.hpp"
#include "storage/writer.hpp"
#include "support/manual_clock.hpp"
#include "support/prepared_database.hpp"
#include "support/run_task.hpp"
#include "support/temp_dir.hpp"

#include <utility>

namespace corohub::test {

struct TestDatabase {
  // One unit, to its end: Result<Committed<T>>.
  template <class F>
  auto commit(F unit) {
    return run_task([&] { return writer.commit(std::move(unit)); });
  }
  // One read, to its end.
  template <class F>
  auto read(F function) {
    return run_task([&] { return readers.read(std::move(function)); });
  }

  TempDir temp;
  ManualClock clock;
  storage::DataDirectory directory{temp.path() / "data"};
  storage::LogHead head = prepare_copied_database(directory);
  hub::Hub hub;
  eventlog::Publisher publisher{hub};
  storage::Writer writer{directory.database(), publisher, clock};
  storage::ReaderPool readers{directory.database(), 1};
};

}  // namespace corohub::test
