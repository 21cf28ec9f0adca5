#include "server/command_line.hpp"

#include "support/temp_dir.hpp"

#include <fstream>

#include <gmock/gmock.h>

namespace corohub::server {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

Invocation parse(std::vector<const char*> words) {
  words.insert(words.begin(), "corohub");
  return parse_command_line(static_cast<int>(words.size()), words.data());
}

std::string refusal(std::vector<const char*> words) {
  try {
    const Invocation invocation = parse(std::move(words));
    if (invocation.command != Command::help) load_settings(invocation);
  } catch (const ConfigError& error) {
    return error.what();
  }
  return "";
}

TEST(CommandLine, serve_takes_a_flag_for_every_setting_and_the_short_ones) {
  const Invocation invocation =
      parse({"serve", "--listen", "127.0.0.1:0", "--listen=[::1]:0", "--data-dir", "here", "--log-level",
             "debug", "--admin-listen", "127.0.0.1:9", "--ws-ping-interval-s", "1", "--diagnostics-echo",
             "--limits-exempt-cidrs", "127.0.0.0/8"});
  const Settings settings = load_settings(invocation);
  EXPECT_EQ(invocation.command, Command::serve);
  EXPECT_THAT(settings.listen, ElementsAre("127.0.0.1:0", "[::1]:0"));
  EXPECT_EQ(settings.data_dir, "here");
  EXPECT_EQ(settings.log.level, log::Level::debug);
  EXPECT_EQ(settings.admin_listen, "127.0.0.1:9");
  EXPECT_EQ(settings.gateway.ping_interval.count(), 1);
  EXPECT_TRUE(settings.gateway.echo);
  EXPECT_THAT(settings.exempt_cidrs, ElementsAre("127.0.0.0/8"));
}

TEST(CommandLine, a_switch_takes_a_value_too_and_the_last_of_a_repeated_flag_counts) {
  const Settings settings =
      load_settings(parse({"serve", "--diagnostics-echo=false", "--ws-query-token", "false",
                           "--ws-ping-interval-s", "5", "--ws-ping-interval-s", "6"}));
  EXPECT_FALSE(settings.gateway.echo);
  EXPECT_FALSE(settings.gateway.query_token);
  EXPECT_EQ(settings.gateway.ping_interval.count(), 6);
}

TEST(CommandLine, mistakes_name_the_nearest_known_name) {
  EXPECT_THAT(refusal({"serve", "--lisen", "127.0.0.1:1"}), HasSubstr("did you mean --listen?"));
  EXPECT_THAT(refusal({"serve", "--ws-ping-intervall-s=1"}), HasSubstr("did you mean --ws-ping-interval-s?"));
  EXPECT_THAT(refusal({"sevre"}), HasSubstr("did you mean serve?"));
  EXPECT_THAT(refusal({"serve", "now"}), HasSubstr("unexpected argument \"now\""));
  EXPECT_THAT(refusal({}), HasSubstr("corohub --help"));
  EXPECT_NE(refusal({"serve", "--listen"}), "");
  EXPECT_NE(refusal({"user", "create", "--name", "Ann"}), "");
}

TEST(CommandLine, user_create_has_what_an_account_needs_but_no_password) {
  const Invocation invocation = parse({"user", "create", "--data-dir", "d", "--name", "Ann", "--email",
                                       "a@b.example", "--role", "admin", "--age", "30", "--password-stdin"});
  EXPECT_EQ(invocation.command, Command::user_create);
  EXPECT_EQ(invocation.user_name, "Ann");
  EXPECT_EQ(invocation.email, "a@b.example");
  EXPECT_EQ(invocation.role, "admin");
  EXPECT_EQ(invocation.age, 30);
  EXPECT_TRUE(invocation.password_stdin);
  EXPECT_EQ(load_settings(invocation).data_dir, "d");
  EXPECT_NE(refusal({"user", "create", "--name", "A", "--email", "a@b.example", "--password", "secret"}), "");
}

TEST(CommandLine, help_is_text_for_the_command_that_was_asked) {
  EXPECT_THAT(parse({"--help"}).help, HasSubstr("serve"));
  EXPECT_EQ(parse({"--version"}).command, Command::version);
  EXPECT_THAT(parse({"serve", "--help"}).help, HasSubstr("--ws-ping-interval-s"));
  const std::string create = parse({"user", "create", "--help"}).help;
  EXPECT_THAT(create,
              testing::AllOf(HasSubstr("--data-dir"), testing::Not(HasSubstr("--ws-ping-interval-s"))));
}

TEST(CommandLine, the_file_is_read_and_a_missing_one_is_refused) {
  const test::TempDir directory;
  const std::string path = (directory.path() / "corohub.toml").string();
  EXPECT_THAT(refusal({"serve", "--config", path.c_str()}), HasSubstr("cannot read the configuration file"));
  std::ofstream(path) << "[auth]\naccess_ttl_s = 77\n";
  EXPECT_EQ(load_settings(parse({"config", "show", "--config", path.c_str()})).tokens.access_ttl.count(), 77);
}

TEST(CommandLine, the_client_commands_take_what_they_say_and_nothing_of_the_server_s) {
  const ClientArguments listen =
      parse({"listen", "--server", "localhost:1", "--since", "e:1", "--topic", "rooms/a", "--topic",
             "rooms/b", "--types", "user.*", "--token-stdin"})
          .client;
  EXPECT_EQ(listen.server, "localhost:1");
  EXPECT_EQ(listen.since, "e:1");
  EXPECT_THAT(listen.topics, ElementsAre("rooms/a", "rooms/b"));
  EXPECT_EQ(listen.types, "user.*");
  EXPECT_TRUE(listen.token_stdin);

  const Invocation login = parse({"login", "--email", "a@example.com", "--password-stdin", "--print-token"});
  EXPECT_EQ(login.command, Command::login);
  EXPECT_EQ(login.client.server, "http://localhost:8080");
  EXPECT_TRUE(login.password_stdin);
  EXPECT_TRUE(login.client.print_token);

  const ClientArguments broadcast = parse({"broadcast", "hello", "--to-user", "7"}).client;
  EXPECT_EQ(broadcast.message, "hello");
  EXPECT_EQ(broadcast.priority, "normal");
  EXPECT_EQ(broadcast.to_user, 7);
  EXPECT_FALSE(broadcast.to_role);

  const ClientArguments publish =
      parse({"publish", "rooms/a", "{}", "--type", "note", "--idempotency-key", "k", "--text"}).client;
  EXPECT_EQ(publish.topic, "rooms/a");
  EXPECT_EQ(publish.data, "{}");
  EXPECT_EQ(publish.type, "note");
  EXPECT_EQ(publish.idempotency_key, "k");
  EXPECT_TRUE(publish.text);

  EXPECT_THAT(refusal({"listen", "--topik", "a"}), HasSubstr("did you mean --topic?"));
  EXPECT_THAT(refusal({"listen", "--data-dir", "a"}), HasSubstr("unknown flag --data-dir"));
  EXPECT_NE(refusal({"broadcast", "hello", "--to-user", "7", "--to-role", "admin"}), "");
  EXPECT_NE(refusal({"login"}), "");
}

TEST(CommandLine, the_commands_of_flags_know_their_place_and_what_they_may_be_told) {
  const Invocation import = parse({"flags", "import", "-", "--server", "localhost:1", "--namespace", "bep",
                                   "--mode", "replace", "--dry-run", "--lenient", "--comment", "why"});
  EXPECT_EQ(import.command, Command::flags_import);
  EXPECT_EQ(import.client.server, "localhost:1");
  EXPECT_EQ(import.flags.file, "-");
  EXPECT_EQ(import.flags.name_space, "bep");
  EXPECT_EQ(import.flags.environment, "default");
  EXPECT_EQ(import.flags.mode, "replace");
  EXPECT_TRUE(import.flags.dry_run);
  EXPECT_TRUE(import.flags.lenient);
  EXPECT_EQ(import.flags.comment, "why");

  const Invocation exported =
      parse({"flags", "export", "--environment", "staging", "--plain", "--token-stdin"});
  EXPECT_EQ(exported.command, Command::flags_export);
  EXPECT_EQ(exported.flags.environment, "staging");
  EXPECT_TRUE(exported.flags.plain);
  EXPECT_TRUE(exported.client.token_stdin);

  const Invocation eval = parse({"flags", "eval", "new-feature", "--context", "{}", "--user-id", "7"});
  EXPECT_EQ(eval.command, Command::flags_eval);
  EXPECT_EQ(eval.flags.key, "new-feature");
  EXPECT_EQ(eval.flags.context, "{}");
  EXPECT_EQ(eval.flags.as_user, 7);

  EXPECT_NE(refusal({"flags"}), "");
  EXPECT_NE(refusal({"flags", "import"}), "");
  EXPECT_NE(refusal({"flags", "eval", "a", "--client", "b", "--user-id", "7"}), "");
  EXPECT_THAT(refusal({"flags", "export", "--plane"}), HasSubstr("did you mean --plain?"));
  EXPECT_THAT(parse({"flags", "import", "--help"}).help, HasSubstr("--dry-run"));
}

TEST(CommandLine, serving_for_a_moment_is_one_way_or_the_other) {
  EXPECT_TRUE(parse({"serve", "--ephemeral", "--exit-with-stdin"}).exit_with_stdin);
  EXPECT_TRUE(parse({"serve", "--demo"}).demo);
  EXPECT_NE(refusal({"serve", "--demo", "--ephemeral"}), "");
}

}  // namespace
}  // namespace corohub::server
