#include "server/settings.hpp"

#include <fstream>
#include <set>
#include <sstream>

#include <gmock/gmock.h>

namespace corohub::server {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

ConfigSources file(std::string text) {
  ConfigSources sources;
  sources.file_name = "corohub.toml";
  sources.file_text = std::move(text);
  return sources;
}

std::string refusal(const ConfigSources& sources) {
  try {
    load_settings(sources);
  } catch (const ConfigError& error) {
    return error.what();
  }
  return "";
}

TEST(Settings, has_these_defaults) {
  const Settings settings = load_settings({});
  EXPECT_THAT(settings.listen, ElementsAre("localhost:8080"));
  EXPECT_EQ(settings.admin_listen, "127.0.0.1:8081");
  EXPECT_EQ(settings.gateway.ping_interval.count(), 54);
  EXPECT_EQ(settings.gateway.pong_timeout.count(), 60);
  EXPECT_EQ(settings.gateway.outbox.messages_max, 1024U);
  EXPECT_EQ(settings.gateway.outbox.bytes_max, 1'048'576U);
  EXPECT_EQ(settings.gateway.max_message_bytes, 65'536U);
  EXPECT_EQ(settings.gateway.stomp_message_bytes_max, 65'536U);
  EXPECT_TRUE(settings.gateway.stomp_fragments);
  EXPECT_EQ(settings.gateway.event_bytes_max, 65'536U);
  EXPECT_EQ(settings.gateway.message_timeout.count(), 10);
  EXPECT_EQ(settings.gateway.write_timeout.count(), 10);
  EXPECT_EQ(settings.tokens.access_ttl.count(), 900);
  EXPECT_EQ(settings.http.max_body_bytes, 65'536U);
  EXPECT_EQ(settings.roster.sockets_per_user, 20U);
  EXPECT_TRUE(settings.gateway.allowed_origins.empty());
  EXPECT_TRUE(settings.http.cors_origins.empty());
  EXPECT_TRUE(settings.exempt_cidrs.empty());
  EXPECT_TRUE(settings.users.registration_open);
  EXPECT_FALSE(settings.gateway.compression);
  EXPECT_FALSE(settings.gateway.echo);
  EXPECT_EQ(settings.retention.age, std::chrono::hours(7 * 24));
  EXPECT_EQ(settings.retention.rows, 1'000'000);
  EXPECT_EQ(settings.retention.bytes, 1 << 30);
  EXPECT_EQ(settings.users.audit_retention.count(), 0);
  EXPECT_EQ(settings.topics_max, 100'000U);
}

TEST(Settings, has_these_keys_and_each_once) {
  std::set<std::string> keys;
  for (const Setting& setting : settings_table()) {
    EXPECT_TRUE(keys.insert(setting.key).second) << setting.key << " is there twice";
    EXPECT_EQ(std::ranges::count(setting.key, '.'), 1) << setting.key;
    EXPECT_TRUE(setting.about.ends_with('.')) << setting.key;
  }
  for (const char* key : {"server.listen",
                          "server.admin_listen",
                          "server.data_dir",
                          "log.level",
                          "ws.ping_interval_s",
                          "ws.pong_timeout_s",
                          "ws.outbox_max_messages",
                          "ws.outbox_max_bytes",
                          "ws.max_message_bytes",
                          "ws.message_timeout_s",
                          "ws.write_timeout_s",
                          "ws.allowed_origins",
                          "ws.compression",
                          "auth.access_ttl_s",
                          "http.max_body_bytes",
                          "http.cors_origins",
                          "limits.sockets_per_user",
                          "limits.exempt_cidrs",
                          "registration.mode",
                          "health.disk_free_min_bytes",
                          "diagnostics.echo",
                          "diagnostics.socketio_testkit",
                          "socketio.ping_interval_ms",
                          "socketio.ping_timeout_ms",
                          "socketio.max_payload_bytes",
                          "events.retention_age_s",
                          "events.retention_rows",
                          "events.retention_bytes",
                          "audit.retention_age_s",
                          "limits.topics",
                          "stomp.max_message_bytes",
                          "stomp.fragments",
                          "events.max_bytes",
                          "redis.enabled",
                          "redis.url",
                          "redis.channel",
                          "ingest.access",
                          "ingest.stream"})
    EXPECT_TRUE(keys.contains(key)) << key;
}

TEST(Settings, flags_beat_environment_beats_file_beats_defaults) {
  ConfigSources sources = file("[ws]\nping_interval_s = 10\npong_timeout_s = 600\n");
  EXPECT_EQ(load_settings(sources).gateway.ping_interval.count(), 10);
  sources.environment = {{"COROHUB_WS_PING_INTERVAL_S", "20"}, {"PATH", "/bin"}};
  EXPECT_EQ(load_settings(sources).gateway.ping_interval.count(), 20);
  sources.flags = {{"--ws-ping-interval-s", {"30"}}};
  EXPECT_EQ(load_settings(sources).gateway.ping_interval.count(), 30);
  EXPECT_EQ(load_settings(sources).gateway.pong_timeout.count(), 600);
}

TEST(Settings, a_list_comes_from_repeated_flags_or_a_comma_separated_variable) {
  ConfigSources sources;
  sources.environment = {{"COROHUB_LIMITS_EXEMPT_CIDRS", "127.0.0.0/8, ::1/128"}};
  EXPECT_THAT(load_settings(sources).exempt_cidrs, ElementsAre("127.0.0.0/8", "::1/128"));
  sources.environment = {{"COROHUB_LIMITS_EXEMPT_CIDRS", R"(["127.0.0.0/8"])"}};
  EXPECT_THAT(load_settings(sources).exempt_cidrs, ElementsAre("127.0.0.0/8"));
  sources.flags = {{"--listen", {"127.0.0.1:0", "[::1]:0"}}, {"--server-listen", {"0.0.0.0:8080"}}};
  EXPECT_THAT(load_settings(sources).listen, ElementsAre("127.0.0.1:0", "[::1]:0", "0.0.0.0:8080"));
}

TEST(Settings, unknown_names_are_refused_with_the_nearest_known_one) {
  EXPECT_THAT(refusal(file("[ws]\nping_intervall_s = 1\n")), HasSubstr("did you mean ws.ping_interval_s?"));
  EXPECT_THAT(refusal(file("[ws]\npingg = 1\n")), HasSubstr("did you mean ws.ping_interval_s?"));
  EXPECT_THAT(refusal(file("listen = \"127.0.0.1:1\"\n")), HasSubstr("unknown setting listen"));
  ConfigSources environment;
  environment.environment = {{"COROHUB_WS_PING_INTERVAL", "1"}};
  EXPECT_THAT(refusal(environment), HasSubstr("did you mean COROHUB_WS_PING_INTERVAL_S?"));
  environment.environment = {{"COROHUB_LISTEN", "127.0.0.1:1"}};
  EXPECT_THAT(refusal(environment), HasSubstr("did you mean COROHUB_SERVER_LISTEN?"));
  ConfigSources flags;
  flags.flags = {{"--lissten", {"127.0.0.1:1"}}};
  EXPECT_THAT(refusal(flags), HasSubstr("did you mean --listen?"));
}

TEST(Settings, values_of_the_wrong_kind_or_out_of_range_are_refused_in_one_line) {
  const std::vector<std::string> files{
      "[auth]\naccess_ttl_s = 4\n",
      "[auth]\naccess_ttl_s = 86401\n",
      "[ws]\noutbox_max_messages = 255\n",
      "[ws]\nping_interval_s = \"54\"\n",
      "[ws]\nping_interval_s = 60\n",
      "[ws]\npong_timeout_s = 54\n",
      "[ws]\nallowed_origins = [1]\n",
      "[ws]\nallowed_origins = [\"app.example.com\"]\n",
      "[ws]\nallowed_origins = [\"https://app.example.com/\"]\n",
      "[ws]\nallowed_origins = [\"https://App.example.com\"]\n",
      "[ws]\nallowed_origins = [\"https://app.example.com:443\"]\n",
      "[http]\ncors_origins = [\"http://app.example.com:80\"]\n",
      "[http]\ncors_origins = [\"http://app.example.com?x\"]\n",
      "[http]\ncors_origins = [\"http://me@app.example.com\"]\n",
      "[http]\ncors_origins = [\"http://:8080\"]\n",
      "[http]\ncors_origins = [\"http://[::1\"]\n",
      "[server]\nlisten = [\"8080\"]\n",
      "[server]\nlisten = []\n",
      "[server]\nlisten = [\"example.com:80\"]\n",
      "[limits]\nexempt_cidrs = [\"127.0.0.0/33\"]\n",
      "[registration]\nmode = \"maybe\"\n",
      "[diagnostics]\necho = 1\n",
      "[ws\n",
  };
  for (const std::string& text : files) {
    const std::string why = refusal(file(text));
    EXPECT_FALSE(why.empty()) << text;
    EXPECT_EQ(why.find('\n'), std::string::npos) << why;
  }
  ConfigSources flags;
  for (const char* number : {"", " 5", "5 ", "5s", "0x5", "99999999999999999999", "-5"}) {
    flags.flags = {{"--ws-ping-interval-s", {number}}};
    EXPECT_THAT(refusal(flags), HasSubstr("--ws-ping-interval-s must be an integer from")) << number;
  }
}

TEST(Settings, R23_an_outbox_holds_four_of_the_largest_event) {
  EXPECT_THAT(
      refusal(file("[events]\nmax_bytes = 1048576\n")),
      HasSubstr("ws.outbox_max_bytes (1048576) must be at least 4195328: four times the largest event "
                "(events.max_bytes is 1048576)"));
  EXPECT_THAT(refusal(file("[ws]\noutbox_max_bytes = 263167\n")), HasSubstr("at least 263168"));
  EXPECT_EQ(refusal(file("[ws]\noutbox_max_bytes = 263168\n")), "");
  const std::string rule = "[[topic]]\npattern = \"big/*\"\nmax_bytes = 3407872\n";
  EXPECT_THAT(refusal(file(rule)), HasSubstr("at least 13632512: four times the largest event (max_bytes of "
                                             "the [[topic]] big/* is 3407872)"));
  EXPECT_EQ(refusal(file("[ws]\noutbox_max_bytes = 13632512\n" + rule)), "");
  EXPECT_THAT(refusal(file("[limits]\ndurable_bytes_per_user_per_hour = 1048576\n"
                           "[ws]\noutbox_max_bytes = 13632512\n" +
                           rule)),
              HasSubstr("limits.durable_bytes_per_user_per_hour (1048576) is less than the largest event"));
}

TEST(Settings, the_test_kit_of_socketio_is_for_loopback_alone) {
  const std::string kit = "[diagnostics]\nsocketio_testkit = true\n";
  EXPECT_EQ(refusal(file(kit)), "");
  EXPECT_THAT(refusal(file("[server]\nlisten = [\"127.0.0.1:8080\", \"0.0.0.0:8081\"]\n" + kit)),
              HasSubstr("diagnostics.socketio_testkit"));
}

TEST(Settings, R23_what_could_never_work_is_refused) {
  EXPECT_THAT(refusal(file("[ws]\nmax_message_bytes = 4194304\noutbox_max_bytes = 16777216\n")),
              HasSubstr("ws.max_message_bytes (4194304) is more than limits.ws_bytes_burst (524288)"));
  EXPECT_EQ(refusal(file("[ws]\nmax_message_bytes = 4194304\noutbox_max_bytes = 16777216\n"
                         "[limits]\nws_bytes_burst = 4194304\n")),
            "");
  EXPECT_EQ(refusal(file("[ws]\nmax_message_bytes = 4194304\noutbox_max_bytes = 16777216\n"
                         "[limits]\nexempt_cidrs = [\"127.0.0.0/8\"]\n")),
            "");
  EXPECT_THAT(refusal(file("[stomp]\nmax_message_bytes = 3407872\n")),
              HasSubstr("stomp.max_message_bytes (3407872) is more than limits.ws_bytes_burst (524288)"));
  for (const char* twice :
       {"\"127.0.0.1:80\", \"127.0.0.1:80\"", "\"localhost:80\", \"[::1]:80\"",
        "\"0.0.0.0:80\", \"127.0.0.1:80\"", "\"127.0.0.1:8081\"", "\"[::]:80\", \"[::1]:80\""})
    EXPECT_THAT(refusal(file(std::string("[server]\nlisten = [") + twice + "]\n")),
                HasSubstr("is listened on already"))
        << twice;
  EXPECT_EQ(
      refusal(file("[server]\nlisten = [\"127.0.0.1:0\", \"127.0.0.1:0\", \"0.0.0.0:80\", \"[::]:80\"]\n")),
      "");
}

TEST(Settings, origins_as_browsers_send_them_are_taken) {
  EXPECT_EQ(
      refusal(file("[ws]\nallowed_origins = [\"https://app.example.com\", \"http://[::1]:3000\", \"null\", "
                   "\"https://a.example:80\", \"http://a.example:443\", \"*\"]\n")),
      "");
}

// What a Service named `corohub`, and one named `corohub-ws`, give to each container of their namespace.
TEST(Settings, variables_of_kubernetes_services_are_not_ours) {
  ConfigSources sources;
  sources.environment = {{"COROHUB_SERVICE_HOST", "10.96.0.17"},
                         {"COROHUB_SERVICE_PORT", "8080"},
                         {"COROHUB_SERVICE_PORT_HTTP_METRICS", "8081"},
                         {"COROHUB_PORT", "tcp://10.96.0.17:8080"},
                         {"COROHUB_PORT_8080_TCP", "tcp://10.96.0.17:8080"},
                         {"COROHUB_PORT_8080_TCP_PROTO", "tcp"},
                         {"COROHUB_PORT_8080_TCP_PORT", "8080"},
                         {"COROHUB_PORT_8080_TCP_ADDR", "10.96.0.17"},
                         {"COROHUB_PORT_53_UDP", "udp://[fd00::11]:53"},
                         {"COROHUB_WS_SERVICE_HOST", "fd00::11"},
                         {"COROHUB_WS_PORT", "tcp://[fd00::11]:8080"}};
  EXPECT_NO_THROW(load_settings(sources));
}

TEST(Settings, a_variable_that_only_looks_like_a_service_s_is_refused) {
  for (const auto& [name, value] :
       std::vector<std::pair<std::string, std::string>>{{"COROHUB_PORT", "8080"},
                                                        {"COROHUB_PORT", "tcp://10.96.0.17"},
                                                        {"COROHUB_PORT_8080", "tcp://10.96.0.17:8080"},
                                                        {"COROHUB_PORT_8080_TCP_NAME", "tcp"},
                                                        {"COROHUB_SERVICE_HOST", "corohub.example.com"},
                                                        {"COROHUB_SERVICE", "10.96.0.17"},
                                                        {"COROHUB_SERVER_LISTEN_PORT", "8080"}}) {
    ConfigSources sources;
    sources.environment = {{name, value}};
    EXPECT_THAT(refusal(sources), HasSubstr("unknown environment variable " + name)) << value;
  }
}

TEST(Settings, a_rate_s_allowance_is_its_burst_too) {
  const Settings settings = load_settings(file("[limits]\nlogin_failures_per_minute = 3\n"));
  EXPECT_EQ(settings.users.login_failures_minute.tokens, 3);
  EXPECT_EQ(settings.users.login_failures_minute.burst, 3);
  EXPECT_EQ(settings.users.login_failures_minute.per, std::chrono::minutes(1));
}

TEST(Settings, every_setting_can_be_written_and_read_back) {
  for (const Setting& setting : settings_table()) {
    Settings settings;
    const Value before = setting.read(settings);
    Value changed = before;
    if (setting.kind == Setting::Kind::integer)
      changed = std::get<std::int64_t>(before) == setting.max ? setting.min : setting.max;
    else if (setting.kind == Setting::Kind::boolean)
      changed = !std::get<bool>(before);
    else if (setting.kind == Setting::Kind::list)
      changed = std::vector<std::string>{"a", "b"};
    else if (setting.kind == Setting::Kind::choice)
      changed = setting.choices.front();
    else
      changed = std::string("other");
    setting.write(settings, changed);
    EXPECT_EQ(setting.read(settings), setting.secret ? Value(std::string("***")) : changed) << setting.key;
    if (setting.kind == Setting::Kind::integer) {
      EXPECT_GE(std::get<std::int64_t>(before), setting.min) << setting.key;
      EXPECT_LE(std::get<std::int64_t>(before), setting.max) << setting.key;
    }
  }
}

TEST(Settings, the_printed_defaults_are_a_file_that_changes_nothing) {
  const std::string text = to_toml(Settings(), true);
  EXPECT_EQ(to_toml(load_settings(file(text)), true), text);
}

TEST(Settings, a_shown_configuration_can_be_loaded_again) {
  const Settings settings =
      load_settings(file("[server]\ndata_dir = \"/tmp/a \\\"b\\\\\\u007f\\u202e\"\n[ws]\nallowed_origins = "
                         "[\"https://a.example\"]\n"));
  const Settings again = load_settings(file(to_toml(settings, false)));
  EXPECT_EQ(again.data_dir, "/tmp/a \"b\\\x7f\u202e");
  EXPECT_THAT(to_toml(settings, false), HasSubstr(R"(b\\\u007f\u202e")"));
  EXPECT_EQ(to_toml(again, false), to_toml(settings, false));
}

TEST(Settings, T73_the_secret_of_redis_is_shown_nowhere_and_taken_from_no_command_line) {
  const std::string url = "rediss://corohub:canary@redis.example.com:6380";
  const Settings settings = load_settings(file("[redis]\nenabled = true\nurl = \"" + url + "\"\n"));
  EXPECT_EQ(settings.ingest.url.reveal(), url);
  EXPECT_THAT(to_toml(settings, true), HasSubstr("url = \"***\""));
  EXPECT_THAT(to_toml(settings, true), testing::Not(HasSubstr("canary")));
  ConfigSources sources;
  sources.environment = {{"COROHUB_REDIS_URL", url}};
  EXPECT_EQ(load_settings(sources).ingest.url.reveal(), url);
  sources = {};
  sources.flags = {{"--redis-url", {url}}};
  EXPECT_THAT(refusal(sources), HasSubstr("use COROHUB_REDIS_URL"));
  sources.flags = {{"--redis-url", {"redis://localhost:6379"}}};
  EXPECT_EQ(refusal(sources), "");
}

TEST(Settings, R23_redis_needs_an_address_and_something_to_read_and_no_complaint_repeats_the_address) {
  EXPECT_EQ(refusal(file("[redis]\nenabled = true\n")), "redis.enabled needs redis.url");
  EXPECT_EQ(refusal(file("[redis]\nurl = \"http://corohub:canary@localhost\"\n")),
            "redis.url must be redis[s]://[user:password@]host:port");
  EXPECT_EQ(refusal(file("[redis]\nenabled = true\nurl = \"redis://localhost\"\nchannel = \"\"\n")),
            "redis.enabled needs redis.channel or ingest.stream");
  EXPECT_EQ(refusal(file("[redis]\nenabled = true\nurl = \"redis://localhost\"\nchannel = \"\"\n"
                         "[ingest]\nstream = \"updates\"\n")),
            "");
}

// Tests run in the root of the source tree.
TEST(Settings, the_manual_is_generated_from_the_table) {
  std::ifstream manual("docs/CONFIGURATION.md", std::ios::binary);
  std::ostringstream text;
  text << manual.rdbuf();
  EXPECT_TRUE(text.str() == to_markdown())
      << "write it again: build/dev/corohub config defaults --markdown > docs/CONFIGURATION.md";
}

}  // namespace
}  // namespace corohub::server
