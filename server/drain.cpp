#include "server/drain.hpp"

#include "core/log.hpp"

#include <algorithm>
#include <chrono>
#include <memory>
#include <thread>

namespace corohub::server {
namespace {

constexpr std::chrono::milliseconds look_interval{10};

class Drain {
 public:
  explicit Drain(const DrainParts& parts) : parts_(parts), begin_(parts.clock.steady()) {}

  bool run() {
    say_so();
    let_nobody_in();
    tell_everyone();
    wait_for_everyone();
    parts_.supervisor.stop();  // 5. No more housekeeping, presence, health or commands.
    parts_.services.stop();    // 6. What the writer, the readers and the hasher have accepted is finished.
    const bool clean = end_shards();
    const auto took = (parts_.clock.steady() - begin_) / std::chrono::milliseconds(1);
    if (served_) log::info("drain.end", {{"clean", clean}, {"ms", took}});
    return clean;
  }

 private:
  // 1. /readyz says so, and a backup under way is broken off.
  void say_so() {
    parts_.board.set_phase(Phase::draining);
    if (served_) log::info("drain.begin", {{"connections", parts_.services.hub.roster().counts().total}});
    parts_.shards.start();  // a start that failed may not have come so far, and only running shards can end
    parts_.supervisor.interrupt();
  }

  // 2. Every answer closes its connection from now on, new push connections get 503, and nobody is accepted.
  void let_nobody_in() {
    parts_.server.begin_drain();
    parts_.gateway.begin_drain();
    parts_.shards.on_each([](ShardThread& shard) { shard.server().stop_accepting(); });
  }

  // 3. Connections without a request end; the others are told to go, spread over a time, so that they do not
  // all come back in one moment.
  void tell_everyone() {
    parts_.shards.on_each([this](ShardThread& shard) {
      shard.server().close_idle();
      shard.shard().close_all(CloseReason::draining, parts_.settings.spread);
    });
  }

  // 4. A handshake that was under way when the others were told may have become a connection since, so
  // whoever is there after that time is told once more.
  void wait_for_everyone() {
    const SteadyTime end = begin_ + parts_.settings.requests;
    const SteadyTime told = parts_.clock.steady() + parts_.settings.spread + std::chrono::seconds(1);
    if (wait_until(std::min(told, end), [this] { return is_quiet(); })) return;
    parts_.shards.on_each([](ShardThread& shard) {
      shard.shard().close_all(CloseReason::draining, std::chrono::milliseconds(0));
    });
    if (wait_until(end, [this] { return is_quiet(); })) return;
    log::warn("drain.cut_off",
              {{"requests", parts_.server.connections()}, {"connections", parts_.shards.members()}});
  }

  // 7. Whoever is still there is cut off; then each shard's loop runs out of work and returns by itself.
  bool end_shards() {
    const SteadyTime end = begin_ + parts_.settings.total;
    parts_.shards.first().run([this] {
      parts_.admin_shard.stop_accepting();
      parts_.admin_shard.abort_all();
    });
    parts_.shards.on_each([](ShardThread& shard) { shard.server().abort_all(); });
    bool clean = wait_until(end, [this] { return is_quiet() && parts_.admin_server.connections() == 0; });
    parts_.shards.on_each([](ShardThread& shard) { shard.shard().stop(); });
    for (const std::unique_ptr<ShardThread>& shard : parts_.shards) shard->finish();
    for (const std::unique_ptr<ShardThread>& shard : parts_.shards) {
      const bool ended = wait_until(end, [&] { return shard->ended(); });
      if (!ended) log::error("drain.shard_cut_off");
      clean = clean && ended;
      shard->join(!ended);
    }
    return clean;
  }

  bool is_quiet() {
    return parts_.server.connections() == 0 && parts_.shards.members() == 0 && parts_.gateway.sockets() == 0;
  }

  // Asks until the condition holds or the deadline has passed.
  template <class F>
  bool wait_until(SteadyTime deadline, F condition) {
    while (!condition()) {
      if (parts_.clock.steady() >= deadline) return false;
      std::this_thread::sleep_for(look_interval);
    }
    return true;
  }

  const DrainParts& parts_;
  const SteadyTime begin_;
  const bool served_ =
      parts_.board.phase() == Phase::serving;  // else a start that failed says why, in one line
};

}  // namespace

bool drain(const DrainParts& parts) { return Drain(parts).run(); }

}  // namespace corohub::server
