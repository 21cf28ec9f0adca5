// Makes the changes that were scheduled, when their time has come: in order, each by its author's rights of
// then, whatever happened to the server or to its clock meanwhile.
#pragma once

#include "core/task.hpp"
#include "flags/change.hpp"
#include "flags/schedule_repository.hpp"
#include "storage/reader_pool.hpp"
#include "storage/writer.hpp"

#include <atomic>
#include <cstddef>

namespace corohub::flags {

// What it is given outlives it.
class Schedule {
 public:
  Schedule(storage::Writer& writer, Copies& copies, Directories& directories, const Clock& clock);

  // When the first change is due, as far as is known. Before run(), or on the writer's thread for a change
  // that is being added.
  void expect(UnixMs at) noexcept;

  // Whether run() has something to do. Any thread; costs nothing, so that it can be asked often.
  bool due() const noexcept;
  // Makes what is due and answers how many changes ended, done or failed. One at a time. What the storage
  // refuses is tried again a second later.
  Task<std::size_t> run();

 private:
  std::size_t make_due(storage::UnitOfWork& work, std::size_t count_max);
  void make(storage::UnitOfWork& work, const DueChange& due);
  Result<> try_to_make(storage::UnitOfWork& work, const DueChange& due, const Author& author);
  std::size_t give_up(storage::UnitOfWork& work, ScheduleId id);
  void look_ahead(storage::UnitOfWork& work);
  void put_off() noexcept;

  storage::Writer& writer_;
  Copies& copies_;
  Directories& directories_;
  const Clock& clock_;
  std::atomic<UnixMs> next_due_;
  std::atomic<SteadyTime> not_before_{SteadyTime{}};
  bool running_ = false;
  ScheduleId last_tried_ = 0;  // of the writer's thread, until its unit is answered
};

}  // namespace corohub::flags
