// Every setting of the server in one table (settings_table.cpp), from which follow the configuration file,
// the COROHUB_* variables, the flags, `corohub config defaults` and docs/CONFIGURATION.md. Flags beat the
// environment, the environment beats the file, the file beats the defaults. The defaults themselves are the
// initialisers of the rooms' own settings. Plain values; nothing here is shared between threads while it
// changes.
#pragma once

#include "auth/password.hpp"
#include "auth/token.hpp"
#include "core/log.hpp"
#include "core/secret.hpp"
#include "eventlog/retention.hpp"
#include "gateway/gateway.hpp"
#include "http/server.hpp"
#include "hub/roster.hpp"
#include "hub/shard.hpp"
#include "hub/topic_rules.hpp"
#include "ingest/ingest.hpp"
#include "server/housekeeping.hpp"
#include "storage/writer.hpp"
#include "users/users.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace corohub::server {

// How long each step of a clean end may take.
struct DrainSettings {
  std::chrono::milliseconds spread{4000};  // over which the connections are told to go
  std::chrono::seconds requests{10};       // for requests in flight, and for connections to leave
  std::chrono::seconds total{14};          // then the end is forced
};

struct Settings {
  std::vector<std::string> listen{"localhost:8080"};
  std::string admin_listen = "127.0.0.1:8081";  // empty: no admin listener
  std::string data_dir = "./data";
  bool pages = true;       // /docs and the test client
  std::size_t shards = 0;  // 0: half of the cores
  DrainSettings drain;
  log::Options log;
  http::HttpSettings http;
  gateway::GatewaySettings gateway;
  users::UsersSettings users;
  auth::PasswordSettings password;
  auth::TokenSettings tokens;
  std::size_t cached_accounts = 50'000;  // per shard
  std::size_t tickets_max = 100'000;
  hub::RosterLimits roster;
  hub::ShardLimits shard;
  std::size_t topics_max = 100'000;  // of the process, in equal parts per shard
  std::vector<hub::TopicRule> topics = hub::TopicRules::defaults();
  bool users_hear_gateways = false;  // every user may follow what gateways of APIs are told
  eventlog::RetentionSettings retention;
  HousekeepingSettings housekeeping;  // no row in the table: nobody needs to change it but tests
  storage::WriterLimits writer;
  std::size_t reader_threads = 2;
  std::size_t reader_queue = 4096;
  std::vector<std::string> exempt_cidrs;
  ingest::Settings ingest;
  std::uint64_t disk_free_min_bytes = 100 << 20;
};

// A configuration that cannot be used; what() is one plain line. The process exits with 64.
struct ConfigError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

using Value = std::variant<std::int64_t, bool, std::string, std::vector<std::string>>;

// One row of the table.
struct Setting {
  enum class Kind : std::uint8_t { integer, boolean, text, choice, list };

  std::string key;  // "ws.ping_interval_s": the file's table and name
  Kind kind = Kind::integer;
  std::int64_t min = 0;  // integers
  std::int64_t max = 0;
  std::vector<std::string> choices;
  std::string about;    // one sentence
  bool secret = false;  // is shown as "***", and not to be given as a flag, which every process may read
  std::function<void(Settings&, const Value&)> write;
  std::function<Value(const Settings&)> read;

  std::string flag() const;      // "--ws-ping-interval-s"
  std::string variable() const;  // "COROHUB_WS_PING_INTERVAL_S"
};

std::span<const Setting> settings_table();

// ---- where values come from ----
struct FlagValue {
  std::string flag;  // as typed: "--listen"
  std::vector<std::string> values;
};

struct ConfigSources {
  std::optional<std::string> file_name;                          // for messages; the text is `file_text`
  std::string file_text;                                         // TOML
  std::vector<std::pair<std::string, std::string>> environment;  // only COROHUB_* are looked at
  std::vector<FlagValue> flags;
};

// The effective settings, checked. Throws ConfigError for an unknown name (and names the nearest known one),
// a value of the wrong kind or out of range, or values that contradict each other.
Settings load_settings(const ConfigSources& sources);

// What no single row can see: throws ConfigError. load_settings has called it.
void check_settings(const Settings& settings);

// Short flags that mean a setting: "--listen" is "--server-listen". `--config` and COROHUB_CONFIG name the
// file.
std::span<const std::pair<std::string_view, std::string_view>> flag_aliases();

// The known name nearest to a mistyped one by edit distance.
std::string nearest(std::string_view name, const std::vector<std::string>& known);

// ": did you mean --listen?" for an unknown flag.
std::string unknown_flag(std::string_view flag);

// ---- as text ----
std::string to_toml(const Settings& settings, bool with_comments);  // the whole configuration as a file
std::string to_markdown();                                          // docs/CONFIGURATION.md

}  // namespace corohub::server
