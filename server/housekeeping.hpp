// Deletes what is old beside the server's other work: the log's retention, and rows that have expired
// elsewhere. Each step is one small unit on the writer; between two steps others have their turn, and a step
// that is refused is tried again later.
#pragma once

#include "core/metrics.hpp"
#include "core/task.hpp"
#include "storage/writer.hpp"

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include <boost/asio/steady_timer.hpp>

namespace corohub::server {

struct HousekeepingSettings {
  std::chrono::milliseconds interval{5000};  // between rounds that find nothing more to do
  std::chrono::milliseconds pause{20};       // between rounds that find more to do
};

struct Cleaned {
  std::int64_t rows = 0;
  bool more = false;  // there may be more to do at once
};

struct Chore {
  std::string name;                                   // label of its counter
  std::function<Cleaned(storage::UnitOfWork&)> step;  // on the writer's thread
};

// Everything on the thread of the context it is given. Start it once.
class Housekeeper {
 public:
  Housekeeper(asio::io_context& context, storage::Writer& writer, std::vector<Chore> chores,
              HousekeepingSettings settings = {});

  void start();
  // The step under way is finished; the context runs out of this work.
  void stop();

 private:
  struct Known {
    Chore chore;
    metrics::Counter& rows;
  };

  Task<> run();
  Task<bool> round();
  Task<bool> step(Known& known);

  asio::io_context& context_;
  storage::Writer& writer_;
  const HousekeepingSettings settings_;
  std::vector<Known> chores_;
  asio::basic_waitable_timer<std::chrono::steady_clock, asio::wait_traits<std::chrono::steady_clock>,
                             Executor>
      timer_;
  bool stopped_ = false;
};

}  // namespace corohub::server
