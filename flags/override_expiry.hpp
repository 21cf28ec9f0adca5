// Takes from clients what is said of their flags until a time that has come, whatever happened to the server
// or to its clock meanwhile, and what is said of flags that have gone. Until then such an override does not
// hold, but stands there.
#pragma once

#include "core/task.hpp"
#include "flags/copies.hpp"
#include "flags/directory.hpp"
#include "storage/writer.hpp"

#include <atomic>
#include <cstddef>

namespace corohub::flags {

// What it is given outlives it.
class OverrideExpiry {
 public:
  OverrideExpiry(storage::Writer& writer, Copies& copies, Directories& directories, const Clock& clock);

  // When the first override expires, as far as is known. Before run(), or on the writer's thread for one that
  // is being stored.
  void expect(UnixMs at) noexcept;
  void expect_all(const Client& client) noexcept;

  // Whether run() has something to do. Any thread; costs nothing, so that it can be asked often.
  bool due() const noexcept;
  // Takes what is due and answers how many clients it changed. One at a time. What the storage refuses is
  // tried again a second later.
  Task<std::size_t> run();

 private:
  std::size_t take_due(storage::UnitOfWork& work);

  storage::Writer& writer_;
  Copies& copies_;
  Directories& directories_;
  const Clock& clock_;
  std::atomic<UnixMs> next_due_;
  std::atomic<SteadyTime> not_before_{SteadyTime{}};
  bool running_ = false;
};

}  // namespace corohub::flags
