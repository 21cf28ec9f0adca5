// What the sessions of one shard work with. Made once for each shard; it outlives its sessions. Used on the
// shard's thread, but for what says otherwise.
#pragma once

#include "auth/authenticator.hpp"
#include "auth/password_login.hpp"
#include "core/metrics.hpp"
#include "flags/client_key_cache.hpp"
#include "flags/directory.hpp"
#include "gateway/session/flag_watching.hpp"
#include "gateway/session/presence_desk.hpp"
#include "gateway/session/publishing.hpp"
#include "gateway/session/reception.hpp"
#include "gateway/session/topic_rights.hpp"
#include "hub/shard.hpp"
#include "storage/reader_pool.hpp"
#include "users/service_key_cache.hpp"

#include <array>
#include <chrono>
#include <cstddef>
#include <string>

namespace corohub::gateway {

// References into the registry, looked up once, when the server starts.
struct SessionMetrics {
  SessionMetrics();

  std::array<metrics::Gauge*, role_count> connections{};
  metrics::Gauge& guests;
  std::array<metrics::Counter*, close_reason_count> closes{};
  metrics::Counter& resumed;
  metrics::Counter& gaps;
  metrics::Counter& messages;
};

// The same for all sessions of a gateway.
struct SessionSettings {
  std::chrono::seconds ping_interval{54};
  hub::OutboxLimits outbox;
  std::string epoch;
  const hub::TopicRules& rules;
  SessionMetrics metrics;
  std::size_t event_bytes_max = 65'536;  // of a whole published message
};

struct Desk {
  hub::Shard& shard;
  auth::Authenticator& authenticator;
  storage::ReaderPool& readers;
  const SessionSettings& settings;
  Publishing& publishing;
  PresenceDesk& presence;
  Reception& reception;
  flags::Directory& flags;                   // as this shard knows the flags
  users::ServiceKeyCache& service_keys;      // as this shard knows them
  flags::ClientKeyCache& client_keys;        // as this shard knows them
  const TopicRights& topics;                 // who may read them
  FlagWatching& flag_watching;               // who watches their values
  auth::PasswordLogin* passwords = nullptr;  // null: a password proves nothing here
};

}  // namespace corohub::gateway
