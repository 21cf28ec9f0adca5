// What works on a data directory without any socket: storage, keys and accounts, composed. The application
// serves it; the command line uses it alone while no server runs. Members are in the order of their making.
#pragma once

#include "auth/key_ring.hpp"
#include "auth/password.hpp"
#include "auth/tickets.hpp"
#include "auth/token.hpp"
#include "eventlog/event_log.hpp"
#include "flags/flags.hpp"
#include "hub/hub.hpp"
#include "hub/topic_rules.hpp"
#include "server/settings.hpp"
#include "storage/reader_pool.hpp"
#include "storage/storage.hpp"
#include "storage/writer.hpp"
#include "users/users.hpp"

#include <cstddef>

namespace corohub::server {

// sysexits(3), as far as corohub uses it.
inline constexpr int exit_usage = 64;
inline constexpr int exit_data = 65;
inline constexpr int exit_software = 70;
inline constexpr int exit_io = 74;
inline constexpr int exit_busy = 75;
inline constexpr int exit_not_allowed = 77;
inline constexpr int exit_secrets = 78;

struct Services {
  // Locks and opens the data directory. Throws storage::StartError: 65, 74, 75, 77, or 78 for the signing
  // keys.
  Services(const Settings& settings, const Clock& clock, storage::Caller caller = storage::Caller::server);
  // The state of the log that the shards begin with. Call this before anything is written; throws StartError.
  hub::LogState read_recent(const hub::TailLimits& limits);
  // Reads the flags for so many shards. Call this before anything is written; throws StartError.
  void begin_flags(std::size_t shards);
  // Finishes the work that was accepted. Idempotent.
  void stop();

  storage::DataDirectory directory;
  storage::LogHead head;
  auth::KeyStore keys;
  const hub::TopicRules topic_rules;
  hub::Hub hub;
  eventlog::Publisher publisher;
  storage::Writer writer;
  storage::ReaderPool readers;
  storage::ReaderPool list_readers;
  auth::PasswordHasher hasher;
  auth::Tokens tokens;
  auth::TicketStore tickets;
  users::Users users;
  flags::Flags flags;
};

}  // namespace corohub::server
