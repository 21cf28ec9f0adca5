#include "server/settings.hpp"

#include <limits>
#include <type_traits>

namespace corohub::server {
namespace {

using Kind = Setting::Kind;

constexpr std::int64_t day_s = 86'400;
constexpr std::int64_t million = 1'000'000;
constexpr std::int64_t gibibyte = std::int64_t{1} << 30;

template <class Field>
void assign(Field& field, std::int64_t number) {
  if constexpr (std::is_arithmetic_v<Field>)
    field = static_cast<Field>(number);
  else
    field = Field(number);  // a duration in its own unit
}

template <class Field>
std::int64_t number_of(const Field& field) {
  if constexpr (std::is_arithmetic_v<Field>)
    return static_cast<std::int64_t>(field);
  else
    return field.count();
}

// `access` returns a reference to the field of a Settings, const or not.
template <class Access>
Setting integer(std::string key, std::int64_t min, std::int64_t max, Access access, std::string about) {
  Setting row{std::move(key), Kind::integer, min, max, {}, std::move(about), false, {}, {}};
  row.write = [access](Settings& settings, const Value& value) {
    assign(access(settings), std::get<std::int64_t>(value));
  };
  row.read = [access](const Settings& settings) -> Value { return number_of(access(settings)); };
  return row;
}

// Tokens per period of a rate whose burst is a setting of its own.
template <class Access>
Setting tokens(std::string key, std::int64_t max, Access access, std::string about) {
  return integer(
      std::move(key), 1, max, [access](auto& settings) -> auto& { return access(settings).tokens; },
      std::move(about));
}

template <class Access>
Setting burst(std::string key, std::int64_t max, Access access, std::string about) {
  return integer(
      std::move(key), 1, max, [access](auto& settings) -> auto& { return access(settings).burst; },
      std::move(about));
}

// A rate whose whole allowance may be used at once.
template <class Access>
Setting allowance(std::string key, std::int64_t max, Access access, std::string about) {
  Setting row = tokens(std::move(key), max, access, std::move(about));
  row.write = [access](Settings& settings, const Value& value) {
    auth::Rate& rate = access(settings);
    rate.tokens = rate.burst = static_cast<double>(std::get<std::int64_t>(value));
  };
  return row;
}

template <class Access>
Setting boolean(std::string key, Access access, std::string about) {
  Setting row{std::move(key), Kind::boolean, 0, 0, {}, std::move(about), false, {}, {}};
  row.write = [access](Settings& settings, const Value& value) { access(settings) = std::get<bool>(value); };
  row.read = [access](const Settings& settings) -> Value { return access(settings); };
  return row;
}

template <class Access>
Setting text(std::string key, Access access, std::string about) {
  Setting row{std::move(key), Kind::text, 0, 0, {}, std::move(about), false, {}, {}};
  row.write = [access](Settings& settings, const Value& value) {
    access(settings) = std::get<std::string>(value);
  };
  row.read = [access](const Settings& settings) -> Value { return access(settings); };
  return row;
}

// A text that nobody is shown.
template <class Access>
Setting secret(std::string key, Access access, std::string about) {
  Setting row{std::move(key), Kind::text, 0, 0, {}, std::move(about), true, {}, {}};
  row.write = [access](Settings& settings, const Value& value) {
    access(settings) = Secret(std::get<std::string>(value));
  };
  row.read = [access](const Settings& settings) -> Value {
    return std::string(access(settings).empty() ? "" : "***");
  };
  return row;
}

template <class Access>
Setting list(std::string key, Access access, std::string about) {
  Setting row{std::move(key), Kind::list, 0, 0, {}, std::move(about), false, {}, {}};
  row.write = [access](Settings& settings, const Value& value) {
    access(settings) = std::get<std::vector<std::string>>(value);
  };
  row.read = [access](const Settings& settings) -> Value { return access(settings); };
  return row;
}

// A setting whose value is one of `words`; the field holds the word's index.
template <class Access>
Setting choice(std::string key, const std::vector<std::string>& words, Access access, std::string about) {
  Setting row{std::move(key), Kind::choice, 0, 0, words, std::move(about), false, {}, {}};
  row.write = [access, words](Settings& settings, const Value& value) {
    using Field = std::remove_reference_t<decltype(access(settings))>;
    for (std::size_t i = 0; i < words.size(); ++i)
      if (words[i] == std::get<std::string>(value)) access(settings) = static_cast<Field>(i);
  };
  row.read = [access, words](const Settings& settings) -> Value {
    return words.at(static_cast<std::size_t>(access(settings)));
  };
  return row;
}

// NOLINTNEXTLINE(bugprone-macro-parentheses): a path of members cannot stand in parentheses
#define FIELD(path) [](auto& settings) -> auto& { return settings.path; }

void add_server(std::vector<Setting>& rows) {
  rows.push_back(
      list("server.listen", FIELD(listen),
           "Addresses to serve on, as ADDRESS:PORT; `localhost` is 127.0.0.1 and, where IPv6 exists, "
           "[::1]; port 0 takes a free one."));
  rows.push_back(text("server.admin_listen", FIELD(admin_listen),
                      "Address of the admin listener (/metrics); empty for none."));
  rows.push_back(
      text("server.data_dir", FIELD(data_dir),
           "Directory of the database, the signing keys and the control socket; made on first start."));
  rows.push_back(boolean("server.proxy_protocol", FIELD(http.proxy_protocol),
                         "Whether connections of the peers in proxy.trusted_cidrs begin with a PROXY header "
                         "(version 1 or 2), as from HAProxy or a TCP load balancer."));
  rows.push_back(boolean("server.pages", FIELD(pages),
                         "Whether the API reference (/docs) and the test client (/websocket-test.html, "
                         "/test-websocket.js) are served."));
  rows.push_back(integer("server.shards", 0, 256, FIELD(shards),
                         "Event loop threads; 0 is half of the cores, at least one."));
  rows.push_back(integer("server.drain_spread_ms", 0, 60'000, FIELD(drain.spread),
                         "At the end, connections are told to go over this time."));
  rows.push_back(integer("server.drain_requests_s", 1, 600, FIELD(drain.requests),
                         "At the end, requests in flight have this long to finish."));
  rows.push_back(integer("server.drain_total_s", 2, 900, FIELD(drain.total),
                         "At the end, what has not finished by then is cut off."));
  rows.push_back(choice("log.level", {"trace", "debug", "info", "warn", "error"}, FIELD(log.level),
                        "Least important lines to log; read again on SIGHUP."));
  rows.push_back(choice("log.format", {"automatic", "text", "json"}, FIELD(log.format),
                        "Shape of log lines; automatic is text on a terminal and JSON elsewhere."));
}

void add_proxy(std::vector<Setting>& rows) {
  rows.push_back(list("proxy.trusted_cidrs", FIELD(http.trusted_proxies),
                      "Networks of the proxies in front: from these peers alone X-Forwarded-For or Forwarded "
                      "says who calls, for limits, audit, sessions and logs."));
}

void add_websocket(std::vector<Setting>& rows) {
  rows.push_back(integer("ws.ping_interval_s", 1, 3600, FIELD(gateway.ping_interval), "Time between pings."));
  rows.push_back(
      integer("ws.pong_timeout_s", 2, 7200, FIELD(gateway.pong_timeout),
              "A connection without a pong for this long is closed; more than ws.ping_interval_s."));
  rows.push_back(integer("ws.outbox_max_messages", 256, million, FIELD(gateway.outbox.messages_max),
                         "Messages that may wait for one connection; more closes it (1013 slow_consumer)."));
  rows.push_back(integer("ws.outbox_max_bytes", 65'536, gibibyte, FIELD(gateway.outbox.bytes_max),
                         "Bytes that may wait for one connection; more closes it (1013 slow_consumer)."));
  rows.push_back(integer("ws.max_message_bytes", 1024, 16 << 20, FIELD(gateway.max_message_bytes),
                         "Largest message a client may send (1009 message_too_big)."));
  rows.push_back(
      integer("ws.message_timeout_s", 1, 3600, FIELD(gateway.message_timeout),
              "A message must be complete this long after its first byte (1008 message_timeout)."));
  rows.push_back(
      integer("ws.write_timeout_s", 1, 3600, FIELD(gateway.write_timeout),
              "A connection that takes less than 1 KiB/s for this long is closed (1013 slow_consumer)."));
  rows.push_back(list("ws.allowed_origins", FIELD(gateway.allowed_origins),
                      "Further origins whose pages may connect, exactly as browsers send them; `*` is all."));
  rows.push_back(boolean("ws.query_token", FIELD(gateway.query_token),
                         "Whether /ws takes an access token from the address (?token=)."));
  rows.push_back(boolean("ws.compression", FIELD(gateway.compression),
                         "Whether events from 256 bytes on are compressed, once for all clients that offer "
                         "permessage-deflate."));
}

void add_stomp(std::vector<Setting>& rows) {
  rows.push_back(integer("stomp.max_message_bytes", 1024, gateway::large_message_bytes_max,
                         FIELD(gateway.stomp_message_bytes_max),
                         "Largest STOMP frame a client may send, headers and body."));
  rows.push_back(boolean(
      "stomp.fragments", FIELD(gateway.stomp_fragments),
      "Whether an event goes to STOMP clients as two fragments of one WebSocket message, of which all "
      "share the second; false makes one whole message per client, for clients that cannot read "
      "fragments."));
}

void add_sockjs(std::vector<Setting>& rows) {
  rows.push_back(
      text("sockjs.client_url", FIELD(gateway.sockjs_client_url),
           "Where iframe.html of SockJS finds sockjs-client, which this server does not bring "
           "along: it must be the release that the pages use. Only browsers without CORS need it."));
}

void add_socketio(std::vector<Setting>& rows) {
  rows.push_back(integer("socketio.ping_interval_ms", 100, 3'600'000, FIELD(gateway.socketio.ping_interval),
                         "Time from a client's pong to the next ping of Engine.IO."));
  rows.push_back(integer("socketio.ping_timeout_ms", 100, 3'600'000, FIELD(gateway.socketio.ping_timeout),
                         "Time a client has for its pong; then its session ends."));
  rows.push_back(integer("socketio.max_payload_bytes", 1024, gateway::large_message_bytes_max,
                         FIELD(gateway.socketio.payload_bytes_max),
                         "Largest POST of Engine.IO, and largest message on its WebSocket."));
}

void add_auth(std::vector<Setting>& rows) {
  rows.push_back(
      integer("auth.access_ttl_s", 5, day_s, FIELD(tokens.access_ttl), "Life of an access token."));
  rows.push_back(integer("auth.leeway_s", 0, 300, FIELD(tokens.leeway),
                         "Clock difference forgiven in `iat` and `nbf` of a token; `exp` is exact."));
  rows.push_back(text("auth.issuer", FIELD(tokens.issuer), "`iss` of access tokens."));
  rows.push_back(text("auth.audience", FIELD(tokens.audience), "`aud` of access tokens."));
  rows.push_back(integer("auth.refresh_idle_s", 60, 366 * day_s, FIELD(users.refresh_idle),
                         "A login that is not refreshed for this long has ended."));
  rows.push_back(integer("auth.refresh_absolute_s", 60, 366 * day_s, FIELD(users.refresh_absolute),
                         "A login ends after this time whatever happens."));
  rows.push_back(
      integer("auth.refresh_grace_s", 0, 60, FIELD(users.refresh_grace),
              "A refresh token used again within this time, its successor unused, gets a new successor."));
  rows.push_back(integer("auth.sessions_per_user", 1, 20, FIELD(users.logins_per_user),
                         "Logins per user; one more ends the oldest."));
  rows.push_back(integer("auth.reset_ttl_s", 60, 7 * day_s, FIELD(users.reset_ttl),
                         "Life of a one-time password reset link."));
  rows.push_back(integer("auth.setup_ttl_s", 60, day_s, FIELD(users.setup_ttl),
                         "Life of the one-time setup link for the first superadmin."));
  rows.push_back(integer("auth.cached_accounts", 100, 10 * million, FIELD(cached_accounts),
                         "Accounts kept in memory per shard."));
  rows.push_back(integer("auth.tickets_max", 100, 10 * million, FIELD(tickets_max),
                         "One-time connection tickets that may be open at once."));
  rows.push_back(integer("auth.argon2_memory_kib", 1024, 4 << 20, FIELD(password.memory_kib),
                         "Memory of one password hash (Argon2id)."));
  rows.push_back(integer("auth.argon2_passes", 1, 64, FIELD(password.passes),
                         "Passes of one password hash over its memory."));
  rows.push_back(integer("auth.argon2_threads", 0, 256, FIELD(password.threads),
                         "Threads that hash passwords; 0 is half of the cores, at least one."));
  rows.push_back(integer("auth.argon2_queue", 1, 10'000, FIELD(password.queue),
                         "Passwords that may wait to be hashed; more get 503 overloaded."));
  rows.push_back(integer("auth.argon2_wait_max_ms", 100, 60'000, FIELD(password.wait_max),
                         "A password that waited this long is refused with 503 overloaded."));
  rows.push_back(choice("registration.mode", {"closed", "open"}, FIELD(users.registration_open),
                        "Whether strangers may register: open or closed."));
}

void add_http(std::vector<Setting>& rows) {
  rows.push_back(integer("http.max_header_bytes", 1024, 1 << 20, FIELD(http.max_header_bytes),
                         "Largest header section of a request (431)."));
  rows.push_back(
      integer("http.max_headers", 16, 10'000, FIELD(http.max_headers), "Header fields of a request (431)."));
  rows.push_back(
      integer("http.max_uri_bytes", 256, 65'536, FIELD(http.max_uri_bytes), "Longest request target (414)."));
  rows.push_back(integer("http.max_body_bytes", 1024, 16 << 20, FIELD(http.max_body_bytes),
                         "Largest request body (413)."));
  rows.push_back(integer("http.header_timeout_s", 1, 600, FIELD(http.header_timeout),
                         "The header section must be complete after this time (408)."));
  rows.push_back(integer("http.body_timeout_s", 1, 3600, FIELD(http.body_timeout),
                         "The body must be complete after this time (408)."));
  rows.push_back(integer("http.idle_timeout_s", 1, 3600, FIELD(http.idle_timeout),
                         "A connection without a request for this long is closed."));
  rows.push_back(integer("http.write_timeout_s", 1, 3600, FIELD(http.write_timeout),
                         "A client that takes less than 1 KiB/s of its answer for this long is cut off."));
  rows.push_back(integer("http.requests_per_connection", 1, million, FIELD(http.requests_per_connection),
                         "Requests served on one connection before it is closed."));
  rows.push_back(integer("http.connections_max", 16, million, FIELD(http.connections_max),
                         "Open connections of the process; more get 503."));
  rows.push_back(
      integer("http.connections_per_address", 1, million, FIELD(http.connections_per_address),
              "Open connections of one address, or one IPv6 /64, that are no push connections; more "
              "get 429. Those of trusted proxies are not counted."));
  rows.push_back(integer("http.backlog", 16, 65'535, FIELD(http.backlog),
                         "Connections the kernel holds until they are accepted."));
  rows.push_back(
      list("http.cors_origins", FIELD(http.cors_origins),
           "Origins whose pages may call the REST API, exactly as browsers send them; `*` is all."));
}

void add_connection_limits(std::vector<Setting>& rows) {
  rows.push_back(integer("limits.sockets_per_user", 1, million, FIELD(roster.sockets_per_user),
                         "Push connections of one user (429 too_many_connections)."));
  rows.push_back(integer("limits.sockets_per_address", 1, million, FIELD(roster.sockets_per_address),
                         "Push connections from one address, or one IPv6 /64 (429 too_many_connections)."));
  rows.push_back(integer("limits.sockets_total", 1, million, FIELD(roster.sockets_total),
                         "Push connections of the process (503 overloaded)."));
  rows.push_back(integer("limits.topics", 1, 100 * million, FIELD(topics_max),
                         "Topics with subscribers at a time, in equal parts per shard; more are refused."));
  rows.push_back(list("limits.exempt_cidrs", FIELD(exempt_cidrs),
                      "Networks whose callers no rate and no connection count limits; for test rigs only."));
  rows.push_back(
      tokens("limits.connects_per_address_per_minute", million, FIELD(gateway.connects_per_address),
             "Connects (/ws, event stream) per user and minute, and per address without a good credential."));
  rows.push_back(burst("limits.connects_per_address_burst", million, FIELD(gateway.connects_per_address),
                       "Connects per user, or address without a good credential, at once."));
  rows.push_back(tokens("limits.connects_per_second", million, FIELD(gateway.connects_total),
                        "WebSocket connects of the process per second (503)."));
  rows.push_back(burst("limits.connects_burst", million, FIELD(gateway.connects_total),
                       "WebSocket connects of the process at once (503)."));
  rows.push_back(tokens("limits.ws_messages_per_second", million, FIELD(gateway.inbound_messages),
                        "Messages one connection may send per second (1008 rate_limited)."));
  rows.push_back(burst("limits.ws_messages_burst", million, FIELD(gateway.inbound_messages),
                       "Messages one connection may send at once."));
  rows.push_back(tokens("limits.ws_bytes_per_second", gibibyte, FIELD(gateway.inbound_bytes),
                        "Bytes one connection may send per second."));
  rows.push_back(burst("limits.ws_bytes_burst", gibibyte, FIELD(gateway.inbound_bytes),
                       "Bytes one connection may send at once."));
  rows.push_back(tokens("limits.ws_control_frames_per_second", million, FIELD(gateway.inbound_control),
                        "Pings and pongs one connection may send per second."));
  rows.push_back(burst("limits.ws_control_frames_burst", million, FIELD(gateway.inbound_control),
                       "Pings and pongs one connection may send at once."));
}

// One setting for events of topics and for events of one's own account: each of the two has a budget in the
// log, and a user gets this much of each.
Setting durable_bytes() {
  Setting row = allowance("limits.durable_bytes_per_user_per_hour", 64 * gibibyte,
                          FIELD(gateway.durable_bytes_per_user),
                          "Bytes a plain user may add to the event log in an hour, by publishing and, again "
                          "as much, by changing the own "
                          "account; each event counts 512 more than it has.");
  row.min = 1 << 20;
  row.write = [write = row.write](Settings& settings, const Value& value) {
    write(settings, value);
    settings.users.durable_bytes = settings.gateway.durable_bytes_per_user;
  };
  return row;
}

void add_request_limits(std::vector<Setting>& rows) {
  rows.push_back(allowance("limits.requests_per_10_seconds", million, FIELD(http.request_rate),
                           "Requests per user, or per address without a good credential, in 10 seconds."));
  rows.push_back(allowance("limits.login_failures_per_minute", million, FIELD(users.login_failures_minute),
                           "Failed logins per address and minute."));
  rows.push_back(allowance("limits.login_failures_per_hour", million, FIELD(users.login_failures_hour),
                           "Failed logins per address and hour."));
  rows.push_back(allowance("limits.registrations_per_5_seconds", million, FIELD(users.registrations_burst),
                           "Registrations per address in 5 seconds."));
  rows.push_back(allowance("limits.registrations_per_hour", million, FIELD(users.registrations_hour),
                           "Registrations per address and hour."));
  rows.push_back(allowance("limits.refreshes_per_minute", million, FIELD(users.refreshes),
                           "Token refreshes per login and minute."));
  rows.push_back(allowance("limits.tickets_per_minute", million, FIELD(users.tickets),
                           "Connection tickets per user and minute."));
  rows.push_back(allowance("limits.password_changes_per_15_minutes", million, FIELD(users.password_changes),
                           "Password changes per user in 15 minutes."));
  rows.push_back(allowance("limits.admin_writes_per_minute", million, FIELD(users.admin_writes),
                           "Role, status and delete requests per administrator and minute."));
  rows.push_back(tokens("limits.broadcasts_per_second", million, FIELD(gateway.broadcasts_per_admin),
                        "Broadcasts per administrator and second."));
  rows.push_back(burst("limits.broadcasts_burst", million, FIELD(gateway.broadcasts_per_admin),
                       "Broadcasts per administrator at once."));
  rows.push_back(allowance("limits.stats_per_minute", million, FIELD(gateway.stats_per_admin),
                           "Requests of /ws/stats per administrator and minute."));
  rows.push_back(tokens("limits.publishes_per_second", million, FIELD(gateway.publishes_per_user),
                        "Publishes over REST per user and second."));
  rows.push_back(burst("limits.publishes_burst", million, FIELD(gateway.publishes_per_user),
                       "Publishes over REST per user at once."));
  rows.push_back(durable_bytes());
  rows.push_back(tokens("limits.service_publishes_per_second", million, FIELD(gateway.publishes_per_key),
                        "Publishes per service key and second."));
  rows.push_back(burst("limits.service_publishes_burst", million, FIELD(gateway.publishes_per_key),
                       "Publishes per service key at once."));
  rows.push_back(allowance("limits.publish_failures_per_minute", million,
                           FIELD(gateway.publish_failures_per_address),
                           "Requests of /api/v1/publish with a bad credential per address and minute."));
}

void add_ofrep(std::vector<Setting>& rows) {
  rows.push_back(
      allowance("ofrep.requests_per_second", million, FIELD(gateway.ofrep.requests),
                "Requests for evaluations of flags per user, or per address of guests and clients, "
                "and second."));
  rows.push_back(allowance("ofrep.service_requests_per_second", million,
                           FIELD(gateway.ofrep.service_requests),
                           "Requests for evaluations of flags per service key and second."));
  rows.push_back(
      integer("ofrep.stream_token_ttl_s", 2, 7 * day_s, FIELD(gateway.ofrep.stream_token_ttl),
              "Life of the token that opens a stream of changed flags; a stream that is open lives "
              "on."));
  rows.push_back(
      integer("ofrep.refetches_per_second", 0, million, FIELD(gateway.ofrep.refetches_per_second),
              "Beyond 2,000 streams of an environment, so many per second are told to ask for their "
              "flags again; 0 tells all at once."));
}

void add_ingest(std::vector<Setting>& rows) {
  rows.push_back(boolean("redis.enabled", FIELD(ingest.enabled),
                         "Whether changes of flags that are made elsewhere are read from Redis."));
  rows.push_back(secret("redis.url", FIELD(ingest.url),
                        "Where Redis is: redis[s]://[user:password@]host:port. With a password it is refused "
                        "as a flag: give it in the file or the variable."));
  rows.push_back(
      text("redis.channel", FIELD(ingest.channel), "Channel on which they are published; empty for none."));
  rows.push_back(choice("ingest.access", {"public", "users", "clients"}, FIELD(ingest.access),
                        "Who may evaluate in a namespace that a message makes."));
  rows.push_back(
      text("ingest.stream", FIELD(ingest.stream),
           "Key of a Redis Stream that is read as well, without losing an entry; empty for none."));
}

void add_gateway(std::vector<Setting>& rows) {
  rows.push_back(choice("gateway.events_role", {"admin", "user"}, FIELD(users_hear_gateways),
                        "Who may follow `proxy_config_events`, beside keys with config:read: `admin`, or "
                        "`user` for every user."));
}

void add_inner(std::vector<Setting>& rows) {
  rows.push_back(integer("hub.inbox_entries", 256, million, FIELD(shard.inbox_entries),
                         "Events that may wait for one shard before commits are held back."));
  rows.push_back(integer("hub.inbox_bytes", 1 << 20, gibibyte, FIELD(shard.inbox_bytes),
                         "Bytes of events that may wait for one shard before commits are held back."));
  rows.push_back(integer("storage.queue_units", 16, million, FIELD(writer.queue_units),
                         "Changes that may wait for the database; more get 503 overloaded."));
  rows.push_back(integer("storage.queue_bytes", 1 << 20, gibibyte, FIELD(writer.queue_bytes),
                         "Bytes of changes that may wait for the database; more get 503 overloaded."));
  rows.push_back(
      integer("storage.batch_units", 1, 10'000, FIELD(writer.batch_units), "Changes in one commit."));
  rows.push_back(integer("storage.batch_bytes", 65'536, gibibyte, FIELD(writer.batch_bytes),
                         "Bytes of changes in one commit; a larger change has one of its own."));
  rows.push_back(integer("storage.batch_time_ms", 1, 1000, FIELD(writer.batch_time),
                         "Longest time changes are gathered for one commit."));
  rows.push_back(
      integer("storage.reader_threads", 1, 64, FIELD(reader_threads), "Threads that read the database."));
  rows.push_back(integer("storage.reader_queue", 16, million, FIELD(reader_queue),
                         "Reads that may wait; more get 503 overloaded."));
  rows.push_back(integer(
      "health.disk_free_min_bytes", 0, std::numeric_limits<std::int64_t>::max(), FIELD(disk_free_min_bytes),
      "With less space than this in the data directory, /health says the disk is degraded."));
  rows.push_back(
      boolean("diagnostics.echo", FIELD(gateway.echo),
              "Adds /ws/echo for callers on loopback, without a token: for WebSocket test suites."));
  rows.push_back(boolean("diagnostics.socketio_testkit", FIELD(gateway.socketio.testkit),
                         "Opens, for callers on loopback and without a token, what the test suites of "
                         "Engine.IO and Socket.IO need: /engine.io/ says everything back. Refused unless all "
                         "of server.listen is loopback."));
}

void add_events(std::vector<Setting>& rows) {
  rows.push_back(
      integer("events.max_bytes", 1024, gateway::large_message_bytes_max, FIELD(gateway.event_bytes_max),
              "Largest message that may be published, as it goes out (413 payload_too_large); "
              "`max_bytes` of a [[topic]] rule beats it. What carries a publish has a limit of its "
              "own: http.max_body_bytes, ws.max_message_bytes, stomp.max_message_bytes."));
  rows.push_back(integer("events.retention_age_s", 0, 3660 * day_s, FIELD(retention.age),
                         "Events older than this leave the log; 0 keeps them at any age."));
  rows.push_back(integer("events.retention_rows", 0, 1000 * million, FIELD(retention.rows),
                         "Events the log keeps, the newest ones; 0 is no limit."));
  rows.push_back(integer("events.retention_bytes", 0, 1024 * gibibyte, FIELD(retention.bytes),
                         "Bytes of events (type, topic, data and attributes) the log keeps; 0 is no limit."));
  rows.push_back(integer("audit.retention_age_s", 0, 3660 * day_s, FIELD(users.audit_retention),
                         "Rows of the audit trail older than this are deleted; 0 keeps all."));
}

#undef FIELD

std::vector<Setting> make_table() {
  std::vector<Setting> rows;
  add_server(rows);
  add_proxy(rows);
  add_websocket(rows);
  add_stomp(rows);
  add_sockjs(rows);
  add_socketio(rows);
  add_auth(rows);
  add_http(rows);
  add_connection_limits(rows);
  add_request_limits(rows);
  add_events(rows);
  add_ofrep(rows);
  add_ingest(rows);
  add_gateway(rows);
  add_inner(rows);
  return rows;
}

}  // namespace

std::span<const Setting> settings_table() {
  static const std::vector<Setting> table = make_table();
  return table;
}

}  // namespace corohub::server
