// `corohub login`, `listen`, `broadcast`, `publish` and `flags …`: a client of any server, this machine's or
// another's.
#include "client/credentials.hpp"
#include "client/http_client.hpp"
#include "client/listener.hpp"
#include "client/login.hpp"
#include "core/json.hpp"
#include "core/json_text.hpp"
#include "core/key_name.hpp"
#include "core/printable.hpp"
#include "flags/bodies.hpp"
#include "flags/flagd_document.hpp"
#include "server/commands.hpp"
#include "server/output.hpp"
#include "server/password_input.hpp"
#include "server/services.hpp"

#include <cstdlib>
#include <fstream>
#include <iostream>
#include <stdexcept>

#include <boost/json/serialize.hpp>
#include <fmt/format.h>

namespace corohub::server {
namespace {

using client::Attempt;
using client::Failure;

// sysexits(3), as far as only these commands use it.
constexpr int exit_unavailable = 69;
constexpr int exit_protocol = 76;
constexpr int exit_no_permission = 77;
constexpr int exit_interrupted = 130;

int exit_code_of(const Failure& failure) {
  switch (failure.kind) {
    case Failure::Kind::usage:
      return exit_usage;
    case Failure::Kind::unreachable:
      return exit_unavailable;
    case Failure::Kind::protocol:
      return exit_protocol;
    case Failure::Kind::refused:
      break;
    case Failure::Kind::interrupted:
      return exit_interrupted;
  }
  // Status 0 means that the server ended the stream for good.
  const bool not_allowed = failure.status == 0 || failure.status == 401 || failure.status == 403;
  return not_allowed ? exit_no_permission : EXIT_FAILURE;
}

int fail(const Failure& failure) {
  if (failure.kind != Failure::Kind::interrupted) complain(failure.what);
  return exit_code_of(failure);
}

client::ServerUrl server_of(const ClientArguments& given) {
  const Attempt<client::ServerUrl> server = client::parse_server_url(given.server);
  if (!server) throw ConfigError("--server: " + server.error().what);
  if (!server->loopback()) complain("what is sent to " + server->text() + " can be read on the way");
  return *server;
}

client::TokenSource token_source(const ClientArguments& given, const client::ServerUrl& server) {
  if (given.token_stdin) return client::TokenSource(read_secret_from_stdin("token"));
  const char* variable = std::getenv("COROHUB_TOKEN");  // NOLINT(concurrency-mt-unsafe): one thread here
  if (variable != nullptr && *variable != '\0') return client::TokenSource(Secret(variable));
  client::CredentialFile file(client::CredentialFile::default_path());
  std::optional<client::StoredLogin> login = file.find(server.text());
  if (!login)
    throw ConfigError(fmt::format(
        "there is no login for {}: use `corohub login --server {} --email EMAIL`, or give a token in "
        "COROHUB_TOKEN or with --token-stdin",
        server.text(), server.text()));
  return {std::move(file), std::move(*login)};
}

int run_login(client::HttpClient& client, const Invocation& invocation) {
  const Secret password = read_known_password(invocation.password_stdin);
  const Attempt<client::LoggedIn> done = client::log_in(client, invocation.email, password);
  if (!done) return fail(done.error());
  const std::string server = client.server().text();
  client::CredentialFile file(client::CredentialFile::default_path());
  {
    const client::CredentialFile::Lock lock(file);
    file.save(server, done->login);
  }
  const std::string who = fmt::format("logged in to {} as {} <{}>, {}, user {}", server, done->name,
                                      done->login.email, done->role, done->login.user_id);
  if (invocation.client.print_token) {
    complain(who);
    print(printable(done->login.access_token.reveal()) + '\n');
  } else {
    print(printable(who) + '\n');
  }
  return EXIT_SUCCESS;
}

// A reader of standard output that has gone ends the listener as a signal would.
Failure run_to_the_end(client::Listener& listener) {
  try {
    return listener.run();
  } catch (const OutputError& error) {
    if (!error.reader_gone()) throw;
    return {Failure::Kind::interrupted, "the reader has gone"};
  }
}

int run_listen(client::HttpClient& client, const ClientArguments& given) {
  client::TokenSource source = token_source(given, client.server());
  const auto show = [](std::string_view message) { print(printable_json(message) + '\n'); };
  client::Listener listener(client, source, {given.since, given.topics, given.types}, show, complain);
  const Failure end = run_to_the_end(listener);
  if (end.kind == Failure::Kind::interrupted) return EXIT_SUCCESS;
  if (end.status == 404)
    return fail({end.kind, "there is no event stream at " + client.server().text() + "; is it a corohub?",
                 end.status});
  return fail(end);
}

int print_answer(const Attempt<std::string>& answer) {
  if (!answer) return fail(answer.error());
  print(printable_json(*answer) + '\n');
  return EXIT_SUCCESS;
}

int run_broadcast(client::HttpClient& client, const ClientArguments& given) {
  json::object body{{"message", given.message}, {"priority", given.priority}};
  if (given.to_user) body["to"] = {{"user_id", *given.to_user}};
  if (given.to_role) body["to"] = {{"role", *given.to_role}};
  client::TokenSource source = token_source(given, client.server());
  return print_answer(client::ask_as(client, source, {"POST", "/ws/broadcast", json::serialize(body)}));
}

// JSON is sent as it stands, so that its numbers stay what they are; any other text becomes a JSON string.
std::string data_of(const ClientArguments& given) {
  if (!given.text && parse_json(given.data)) return given.data;
  return json::serialize(json::string(given.data));
}

int run_publish(client::HttpClient& client, const ClientArguments& given) {
  // Checked before the request, because the topic becomes part of the path.
  if (!hub::is_topic(given.topic)) throw ConfigError(fmt::format("\"{}\" is no topic", given.topic));
  client::Request request{
      "POST", "/api/v1/topics/" + given.topic + "/events",
      fmt::format(R"({{"type":{},"data":{}}})", json::serialize(json::string(given.type)), data_of(given))};
  if (!given.idempotency_key.empty()) request.headers.emplace_back("Idempotency-Key", given.idempotency_key);
  client::TokenSource source = token_source(given, client.server());
  return print_answer(client::ask_as(client, source, request));
}

std::string path_of(const FlagArguments& given) {
  // Checked before the request, because both become part of the path.
  for (const std::string& key : {given.name_space, given.environment})
    if (!is_key_name(key))
      throw ConfigError(fmt::format("\"{}\" is no key of a namespace or an environment", key));
  return fmt::format("/api/v1/namespaces/{}/environments/{}", given.name_space, given.environment);
}

// Reads one byte more than there may be, so that a larger document is told from one that just fits.
std::string read_document(const std::string& file) {
  std::string text(flags::document_bytes_max + 1, '\0');
  std::ifstream stream;
  if (file != "-") stream.open(file, std::ios::binary);
  std::istream& input = file == "-" ? std::cin : stream;
  if (!input.read(text.data(), static_cast<std::streamsize>(text.size())) && !input.eof())
    throw ConfigError(fmt::format("cannot read {}", file));
  text.resize(static_cast<std::size_t>(input.gcount()));
  if (text.empty()) throw ConfigError(fmt::format("{} is empty", file));
  if (text.size() > flags::document_bytes_max)
    throw ConfigError(fmt::format("{}: a document has at most 4 MiB", file));
  return text;
}

int run_flags_import(client::HttpClient& client, const Invocation& invocation) {
  const FlagArguments& given = invocation.flags;
  if (given.file == "-" && invocation.client.token_stdin)
    throw ConfigError("the document and the token cannot both come from standard input");
  if (given.mode != "merge" && given.mode != "replace") throw ConfigError("--mode is merge or replace");
  std::string target = path_of(given) + "/import?mode=" + given.mode;
  if (given.dry_run) target += "&dry_run=true";
  if (given.lenient) target += "&strict=false";
  if (!given.comment.empty()) target += "&comment=" + client::percent_encoded(given.comment);
  client::Request request{"POST", std::move(target), read_document(given.file)};
  client::TokenSource source = token_source(invocation.client, client.server());
  return print_answer(client::ask_as(client, source, request));
}

int run_flags_export(client::HttpClient& client, const Invocation& invocation) {
  client::Request request{"GET", path_of(invocation.flags) + "/export"};
  if (invocation.flags.plain) request.target += "?plain=true";
  client::TokenSource source = token_source(invocation.client, client.server());
  return print_answer(client::ask_as(client, source, request));
}

int run_flags_eval(client::HttpClient& client, const Invocation& invocation) {
  const FlagArguments& given = invocation.flags;
  if (!is_key_name(given.key, flags::flag_key_bytes_max, flags::flag_key_characters))
    throw ConfigError(fmt::format("\"{}\" is no key of a flag", given.key));
  json::object body;
  if (given.as_user) body["user_id"] = *given.as_user;
  if (!given.as_client.empty()) body["client"] = given.as_client;
  if (!given.context.empty()) {
    Result<json::value> context = parse_json(given.context);
    if (!context || !context->is_object()) throw ConfigError("--context must be a JSON object");
    body["context"] = std::move(*context);
  }
  client::Request request{"POST", path_of(given) + "/flags/" + given.key + "/evaluate", json_text(body)};
  client::TokenSource source = token_source(invocation.client, client.server());
  return print_answer(client::ask_as(client, source, request));
}

int run_command(client::HttpClient& client, const Invocation& invocation) {
  switch (invocation.command) {
    case Command::login:
      return run_login(client, invocation);
    case Command::listen:
      return run_listen(client, invocation.client);
    case Command::broadcast:
      return run_broadcast(client, invocation.client);
    case Command::flags_import:
      return run_flags_import(client, invocation);
    case Command::flags_export:
      return run_flags_export(client, invocation);
    case Command::flags_eval:
      return run_flags_eval(client, invocation);
    default:
      return run_publish(client, invocation.client);
  }
}

}  // namespace

int run_client(const Invocation& invocation) {
  const client::ServerUrl server = server_of(invocation.client);
  client::Interrupt interrupt;
  if (invocation.command == Command::listen) interrupt.take_signals();
  client::HttpClient client(server, interrupt);
  try {
    return run_command(client, invocation);
  } catch (const client::CredentialError& error) {
    throw storage::StartError(exit_secrets, error.what());
  }
}

}  // namespace corohub::server
