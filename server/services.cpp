#include "server/services.hpp"

#include "server/run_task.hpp"

#include <utility>

namespace corohub::server {
namespace {

// How many lists administrators may wait for at the same time; the next one is told to come back.
constexpr std::size_t list_reads_waiting_max = 64;

auth::KeyStore open_keys(const std::filesystem::path& file, const Clock& clock) try {
  return auth::KeyStore(file, clock);
} catch (const std::exception& error) {
  throw storage::StartError(exit_secrets, error.what());
}

}  // namespace

Services::Services(const Settings& settings, const Clock& clock, storage::Caller caller)
    : directory(settings.data_dir, caller),
      head(storage::prepare_database(directory)),
      keys(open_keys(directory.path() / "keys.json", clock)),
      topic_rules(settings.topics,
                  settings.users_hear_gateways ? hub::Audience::everyone_bits : hub::Audience::admin_bits),
      hub(settings.roster, clock),
      publisher(hub, clock),
      writer(directory.database(), publisher, clock, settings.writer,
             [this](Seq seq) { directory.remember(head.epoch, seq); }),
      readers(directory.database(), settings.reader_threads, settings.reader_queue),
      list_readers(directory.database(), 1, list_reads_waiting_max, storage::Pace::patient),
      hasher(settings.password),
      tokens(keys, settings.tokens, clock),
      tickets(clock, settings.tickets_max),
      users({writer, readers, list_readers, hasher, tokens, tickets, clock, head.epoch,
             [this](std::size_t shard) { return hub.shards()[shard]->head(); },
             [this](storage::UnitOfWork& work, UserId user, const users::Caller& caller) {
               flags.user_leaves(work, user, caller);
             }},
            settings.users),
      flags({writer, readers, list_readers, clock, head.epoch,
             [this](std::size_t shard) { return hub.shards()[shard]->head(); }},
            {.gateways = topic_rules.gateways()}) {
  writer.set_committed_seq(head.seq);
}

hub::LogState Services::read_recent(const hub::TailLimits& limits) {
  auto read = [this, limits](storage::Snapshot& snapshot) {
    return Result<hub::LogState>(eventlog::read_recent(snapshot, head.epoch, limits, topic_rules));
  };
  asio::io_context context{1};
  Result<hub::LogState> log = run_here(context, readers.read(std::move(read)));
  if (!log) throw storage::StartError(exit_io, "cannot read the event log: " + log.error().detail);
  return std::move(*log);
}

void Services::begin_flags(std::size_t shards) {
  asio::io_context context{1};
  const Result<> begun = run_here(context, flags.begin(shards));
  if (!begun) throw storage::StartError(exit_io, "cannot read the flags; the log says why");
}

void Services::stop() {
  writer.stop();
  readers.stop();
  list_readers.stop();
  hasher.stop();
}

}  // namespace corohub::server
