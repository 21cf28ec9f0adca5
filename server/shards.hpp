// All shards of the process, each with its thread. To be used from a thread that is none of theirs.
#pragma once

#include "core/clock.hpp"
#include "http/server.hpp"
#include "server/services.hpp"
#include "server/shard_thread.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

namespace corohub::server {

class Shards {
 public:
  // Makes as many as the settings say and gives them to the hub. None runs yet. Throws storage::StartError
  // when the log cannot be read.
  Shards(Services& services, const Settings& settings, const Clock& clock, http::Server& server);

  // Begins to run all of them. Idempotent.
  void start();

  // Calls the function with each ShardThread, on that shard's thread, one after the other, and waits.
  template <class F>
  void on_each(F function) {
    for (const std::unique_ptr<ShardThread>& shard : all_) shard->run([&] { function(*shard); });
  }

  // Members of the hub, asked of every shard.
  std::size_t members();
  // By which the watchdog sees that each of them moves. Any thread.
  std::vector<std::uint64_t> heartbeats() const;

  std::size_t size() const noexcept { return all_.size(); }
  ShardThread& operator[](std::size_t index) noexcept { return *all_[index]; }
  ShardThread& first() noexcept { return *all_.front(); }
  auto begin() const noexcept { return all_.begin(); }
  auto end() const noexcept { return all_.end(); }

 private:
  std::vector<std::unique_ptr<ShardThread>> all_;
};

}  // namespace corohub::server
