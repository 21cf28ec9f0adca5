#include "server/command_line.hpp"

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <sstream>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <unistd.h>

namespace corohub::server {
namespace {

constexpr std::size_t config_bytes_max = 1 << 20;

struct Parser {
  CLI::App app{"corohub: accounts, tokens and a live event hub in one server.", "corohub"};
  Invocation result;
  std::string user_config;
  std::vector<std::pair<CLI::App*, Command>> commands;

  Parser();
  CLI::App* add(CLI::App& parent, const char* name, const char* about, Command command);
  void add_settings(CLI::App& command, bool shown) const;
  void add_email(CLI::App& command) {
    command.add_option("--email", result.email, "Email address")->required();
  }
  void add_role(CLI::App& command, bool required) {
    command.add_option("--role", result.role, "user, admin or superadmin")->required(required);
  }
  void add_password(CLI::App& command) {
    command.add_flag("--password-stdin", result.password_stdin,
                     "Read the password from standard input (else it is asked for on the terminal)");
  }
  void add_user_commands();
  void add_config_commands();
  void add_serve_command();
  void add_client_commands();
  void add_flag_commands();
  CLI::App* add_client(CLI::App& parent, const char* name, const char* about, Command command);
  const std::pair<CLI::App*, Command>* chosen() const;
};

Parser::Parser() {
  app.require_subcommand(0, 1);
  app.allow_extras();
  app.set_version_flag("--version", COROHUB_VERSION);
  add_serve_command();
  add_user_commands();

  CLI::App* keys = app.add_subcommand("keys", "Signing keys of access tokens.");
  keys->require_subcommand(1);
  add_settings(
      *add(*keys, "rotate", "Sign with a new key; the old one verifies until its tokens have expired.",
           Command::keys_rotate),
      false);

  CLI::App* backup =
      add(app, "backup", "Copy the database into FILE, also while a server runs.", Command::backup);
  backup->add_option("FILE", result.backup_file, "The copy; must not exist")->required();
  add_settings(*backup, false);

  CLI::App* restore =
      add(app, "restore", "Put FILE, a backup, in place of the database of a server that has ended.",
          Command::restore);
  restore->add_option("FILE", result.backup_file, "What `corohub backup` made")->required();
  add_settings(*restore, false);

  CLI::App* epoch = app.add_subcommand("epoch", "Positions in the event log.");
  epoch->require_subcommand(1);
  add_settings(*add(*epoch, "new", "Void all positions, after a machine was rolled back as a whole.",
                    Command::epoch_new),
               false);

  add_client_commands();
  add_flag_commands();
  add_config_commands();
  add_settings(*add(app, "doctor", "Check configuration, data directory, ports and limits.", Command::doctor),
               false);
  add(app, "version", "Print the version.", Command::version);
}

CLI::App* Parser::add(CLI::App& parent, const char* name, const char* about, Command command) {
  CLI::App* added = parent.add_subcommand(name, about);
  added->allow_extras();
  commands.emplace_back(added, command);
  return added;
}

void Parser::add_serve_command() {
  CLI::App* serve = add(app, "serve", "Serve until SIGTERM.", Command::serve);
  CLI::Option* ephemeral = serve->add_flag(
      "--ephemeral", result.ephemeral,
      "For test suites: temporary data, a free port of 127.0.0.1, one line of JSON with the address and an "
      "administrator's token on standard output");
  serve
      ->add_flag("--demo", result.demo,
                 "Make three users and print their tokens and what to paste; on loopback only")
      ->excludes(ephemeral);
  serve->add_flag("--exit-with-stdin", result.exit_with_stdin, "End when standard input does");
  add_settings(*serve, true);
}

CLI::App* Parser::add_client(CLI::App& parent, const char* name, const char* about, Command command) {
  CLI::App* added = add(parent, name, about, command);
  added->add_option("--server", result.client.server, "http://HOST:PORT")->capture_default_str();
  if (command != Command::login)
    added->add_flag("--token-stdin", result.client.token_stdin,
                    "Read the token from standard input (else COROHUB_TOKEN, else the stored login)");
  return added;
}

void Parser::add_client_commands() {
  ClientArguments& given = result.client;
  CLI::App* login = add_client(app, "login", "Log in to a server, for the commands below.", Command::login);
  add_email(*login);
  add_password(*login);
  login->add_flag("--print-token", given.print_token, "Print the access token, and nothing else");

  CLI::App* listen =
      add_client(app, "listen", "Print events, one JSON message per line, and miss none.", Command::listen);
  listen->add_option("--since", given.since, "Begin after this position, EPOCH:SEQ or SEQ");
  listen->add_option("--topic", given.topics, "A topic, too; may be repeated")
      ->expected(1)
      ->allow_extra_args(false)
      ->take_all();
  listen->add_option("--types", given.types, "Only these types: user.*,system.alert");

  CLI::App* broadcast = add_client(app, "broadcast", "Send an alert (administrators).", Command::broadcast);
  broadcast->add_option("MESSAGE", given.message, "What to say")->required();
  broadcast->add_option("--priority", given.priority, "low, normal, high or critical")->capture_default_str();
  CLI::Option* to_user = broadcast->add_option("--to-user", given.to_user, "Only to the user with this id");
  broadcast->add_option("--to-role", given.to_role, "Only to this role")->excludes(to_user);

  CLI::App* publish = add_client(app, "publish", "Publish an event in a topic.", Command::publish);
  publish->add_option("TOPIC", given.topic, "rooms/one")->required();
  publish->add_option("DATA", given.data, "JSON; what is none is sent as a text")->required();
  publish->add_flag("--text", given.text, "DATA is a text, even if it is JSON");
  publish->add_option("--type", given.type, "Type of the event")->capture_default_str();
  publish->add_option("--idempotency-key", given.idempotency_key,
                      "What is published twice under one key within 5 minutes happens once");
}

void Parser::add_flag_commands() {
  FlagArguments& given = result.flags;
  CLI::App* flags =
      app.add_subcommand("flags", "Feature flags of a running server (administrators, and keys).");
  flags->require_subcommand(1);
  const auto add_one = [&](const char* word, const char* about, Command command) {
    CLI::App* added = add_client(*flags, word, about, command);
    added->add_option("--namespace", given.name_space, "Key of the namespace")->capture_default_str();
    added->add_option("--environment", given.environment, "Key of the environment")->capture_default_str();
    return added;
  };
  CLI::App* import =
      add_one("import", "Take over a flagd document, all of it or nothing.", Command::flags_import);
  import->add_option("FILE", given.file, "The document; - is standard input")->required();
  import->add_option("--mode", given.mode, "merge, or replace, which deletes what the document does not name")
      ->capture_default_str();
  import->add_flag("--dry-run", given.dry_run, "Tell what would change, and change nothing");
  import->add_flag("--lenient", given.lenient, "Take with warnings what flagd runs all the same");
  import->add_option("--comment", given.comment, "For the audit trail");

  CLI::App* exported = add_one("export", "Print the environment as a flagd document.", Command::flags_export);
  exported->add_flag("--plain", given.plain, "Only what flagd knows, without the identity of the flags");

  CLI::App* eval = add_one("eval", "Tell what a flag is, and why; nothing changes.", Command::flags_eval);
  eval->add_option("KEY", given.key, "Key of the flag")->required();
  eval->add_option("--context", given.context, "The context, a JSON object");
  CLI::Option* client = eval->add_option("--client", given.as_client, "As the client with this key sees it");
  eval->add_option("--user-id", given.as_user, "As the user with this id sees it")->excludes(client);
}

void Parser::add_user_commands() {
  CLI::App* user = app.add_subcommand("user", "Accounts, also while a server runs.");
  user->require_subcommand(1);
  CLI::App* create = add(*user, "create", "Make an account.", Command::user_create);
  create->add_option("--name", result.user_name, "Name")->required();
  add_email(*create);
  add_role(*create, false);
  create->add_option("--age", result.age, "Age");
  add_password(*create);
  add_settings(*create, false);
  add_settings(*add(*user, "list", "List all accounts.", Command::user_list), false);
  CLI::App* set_role = add(*user, "set-role", "Give an account another role.", Command::user_set_role);
  add_email(*set_role);
  add_role(*set_role, true);
  add_settings(*set_role, false);
  CLI::App* set_password = add(*user, "set-password", "Set a password and end all logins of its user.",
                               Command::user_set_password);
  add_email(*set_password);
  add_password(*set_password);
  add_settings(*set_password, false);
  const auto add_one = [&](const char* word, const char* about, Command command) {
    CLI::App* added = add(*user, word, about, command);
    add_email(*added);
    add_settings(*added, false);
    return added;
  };
  add_one("disable", "End all logins of an account and let it log in no more.", Command::user_disable);
  add_one("enable", "Let a disabled account log in again.", Command::user_enable);
  add_one("delete", "Delete an account.", Command::user_delete);
  add_one("reset-link", "Print a one-time link by which its holder sets the password.",
          Command::user_reset_link);
  add_one("sessions", "List the logins of an account.", Command::user_sessions)
      ->add_flag("--end", result.end_logins, "End them all");
}

void Parser::add_config_commands() {
  CLI::App* config = app.add_subcommand("config", "The configuration.");
  config->require_subcommand(1);
  add_settings(*add(*config, "check", "Tell whether it can be used.", Command::config_check), false);
  add_settings(*add(*config, "show", "Print the one in effect.", Command::config_show), false);
  CLI::App* defaults =
      add(*config, "defaults", "Print a commented file with every default.", Command::config_defaults);
  defaults->add_flag("--markdown", result.markdown, "As docs/CONFIGURATION.md");
}

// One flag per setting; they are collected by collect_flags(). The help of `serve` shows them all, that of
// other commands the one that they need on most machines.
void Parser::add_settings(CLI::App& command, bool shown) const {
  command.add_option("--config", "TOML file (also COROHUB_CONFIG)");
  const auto add_flag = [&](const std::string& flag, const Setting& setting, const std::string& about) {
    CLI::Option* option = command.add_option(flag, about);
    option->type_name(setting.kind == Setting::Kind::list ? "TEXT ..." : "");
    if (setting.kind == Setting::Kind::list)
      option->take_all()->expected(1)->allow_extra_args(false);
    else
      option->take_last()->expected(setting.kind == Setting::Kind::boolean ? 0 : 1, 1);
    if (!shown && flag != "--data-dir") option->group("");
  };
  for (const auto& [alias, key] : flag_aliases())
    for (const Setting& setting : settings_table())
      if (setting.key == key && setting.flag() != alias)
        add_flag(std::string(alias), setting, shown ? "Short for " + setting.flag() : setting.about);
  for (const Setting& setting : settings_table()) add_flag(setting.flag(), setting, setting.about);
}

const std::pair<CLI::App*, Command>* Parser::chosen() const {
  const auto found = std::ranges::find_if(commands, [](const auto& entry) { return entry.first->parsed(); });
  return found == commands.end() ? nullptr : &*found;
}

void collect_flags(const CLI::App& command, Invocation& invocation) {
  for (const CLI::Option* option : command.get_options()) {
    if (option->count() == 0 || option->get_lnames().empty()) continue;
    const std::string flag = "--" + option->get_lnames().front();
    if (flag == "--config") {
      invocation.config_file = option->results().back();
      continue;
    }
    const bool is_setting =
        std::ranges::any_of(settings_table(),
                            [&](const Setting& setting) { return setting.flag() == flag; }) ||
        std::ranges::any_of(flag_aliases(), [&](const auto& alias) { return alias.first == flag; });
    if (!is_setting) continue;
    std::vector<std::string> values = option->results();
    // A switch may stand without a value.
    if (values.empty() || (values.size() == 1 && values.front().empty() && option->get_expected_min() == 0))
      values = {"true"};
    invocation.sources.flags.push_back({flag, std::move(values)});
  }
}

std::string unknown_flag(const CLI::App& command, std::string_view flag) {
  flag = flag.substr(0, flag.find('='));
  std::vector<std::string> known;
  for (const CLI::Option* option : command.get_options())
    for (const std::string& name : option->get_lnames()) known.push_back("--" + name);
  return fmt::format("unknown flag {} (did you mean {}?)", flag, nearest(flag, known));
}

void refuse_extras(const CLI::App& command) {
  const std::vector<std::string> extras = command.remaining();
  if (extras.empty()) return;
  const std::string& first = extras.front();
  if (first.starts_with('-')) throw ConfigError(unknown_flag(command, first));
  throw ConfigError(fmt::format("unexpected argument \"{}\"", first));
}

void refuse_unknown_command(const CLI::App& app) {
  const std::vector<std::string> extras = app.remaining();
  if (extras.empty()) return;
  std::vector<std::string> known;
  for (const CLI::App* command : app.get_subcommands([](const CLI::App*) { return true; }))
    known.push_back(command->get_name());
  throw ConfigError(
      fmt::format("unknown command {} (did you mean {}?)", extras.front(), nearest(extras.front(), known)));
}

std::vector<std::pair<std::string, std::string>> read_environment() {
  std::vector<std::pair<std::string, std::string>> variables;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view text(*entry);
    const std::size_t equals = text.find('=');
    if (!text.starts_with("COROHUB_") || equals == std::string_view::npos) continue;
    variables.emplace_back(text.substr(0, equals), text.substr(equals + 1));
  }
  return variables;
}

}  // namespace

Invocation parse_command_line(int argc, const char* const* argv) {
  Parser parser;
  try {
    parser.app.parse(argc, argv);
  } catch (const CLI::CallForHelp& help) {
    std::ostringstream text;
    parser.app.exit(help, text, text);
    parser.result.help = text.str();
    return parser.result;
  } catch (const CLI::CallForVersion&) {
    parser.result.command = Command::version;
    return parser.result;
  } catch (const CLI::ParseError& error) {
    throw ConfigError(error.what());
  }
  const auto* chosen = parser.chosen();
  if (chosen == nullptr) {
    refuse_unknown_command(parser.app);
    throw ConfigError("what should corohub do? `corohub serve` serves, `corohub --help` lists the commands");
  }
  refuse_extras(*chosen->first);
  Invocation result = std::move(parser.result);
  result.command = chosen->second;
  if (const char* file = std::getenv("COROHUB_CONFIG")) result.config_file = file;
  collect_flags(*chosen->first, result);
  result.sources.environment = read_environment();
  return result;
}

Settings load_settings(const Invocation& invocation) {
  ConfigSources sources = invocation.sources;
  if (!invocation.config_file.empty()) {
    sources.file_name = invocation.config_file;
    std::ifstream file(invocation.config_file, std::ios::binary);
    std::string text(config_bytes_max + 1, '\0');
    if (!file.read(text.data(), static_cast<std::streamsize>(text.size())) && !file.eof())
      throw ConfigError(fmt::format("cannot read the configuration file {}", invocation.config_file));
    text.resize(static_cast<std::size_t>(file.gcount()));
    if (text.size() > config_bytes_max)
      throw ConfigError(fmt::format("{}: a configuration file has at most 1 MiB", invocation.config_file));
    sources.file_text = std::move(text);
  }
  return load_settings(sources);
}

}  // namespace corohub::server
