// POST …/flags/{flag}/evaluate: what a flag would be for somebody, and why. Nothing changes.
#include "core/json_text.hpp"
#include "flags/answers.hpp"
#include "flags/bodies.hpp"
#include "flags/change_unit.hpp"
#include "flags/definition_patch.hpp"
#include "flags/dry_run.hpp"
#include "flags/manager.hpp"
#include "users/query_reader.hpp"
#include "users/user_repository.hpp"

#include <optional>
#include <utility>

namespace corohub::flags {
namespace {

using http::Context;
using http::fail;
using http::Method;
using http::Response;

struct EvaluateRequest {
  json::object context;
  std::optional<UserId> user_id;
  std::optional<std::string> client;  // key
  Viewer viewer;
  DefinitionRef definition;  // null: the flag's own
  std::vector<FieldError> warnings;
};

Error invalid(std::string at, std::string_view code, std::string message) {
  return Error(ErrorCode::validation_failed, "The body has invalid members.")
      .at(std::move(at), std::string(code), std::move(message));
}

Result<DefinitionRef> read_unsaved(const json::object& document, const Environment& environment,
                                   const Flag& flag, Reading& reading) {
  Result<DefinitionRef> definition = read_definition(document, reading);
  if (!definition) return definition;
  if ((*definition)->type != flag.identity->type)
    return invalid("/definition/variants", "type_fixed", "The flag's values are of another type.");
  for (const std::string& segment : (*definition)->segments()) {
    if (environment.segment(segment) != nullptr) continue;
    FieldError dangling{"/definition" + place_of_segment(**definition, segment), "unknown_segment",
                        "There is no segment " + segment + "."};
    if (reading.strict) return invalid(dangling.field, dangling.code, dangling.message);
    reading.warnings.push_back(std::move(dangling));
  }
  return definition;
}

Result<EvaluateRequest> parse_request(const std::string& text, const Environment& environment,
                                      const Flag& flag, Reading reading) {
  EvaluateRequest request;
  if (text.empty()) return request;
  const Result<json::object> body = parse_document(text);
  if (!body) return body.error();
  http::Fields fields(*body);
  refuse_unknown(fields, *body, {"context", "client", "user_id", "definition"});
  if (!fields.is_null("context"))
    if (const json::object* context = fields.object("context")) request.context = *context;
  if (!fields.is_null("user_id")) request.user_id = fields.integer("user_id", 1, std::int64_t{1} << 53);
  if (!fields.is_null("client")) request.client = fields.text("client", {.min = 1, .max = 128});
  if (request.client && request.user_id)
    fields.refuse("user_id", "invalid_value", "Name a client or a user, not both.");
  const json::object* definition = fields.is_null("definition") ? nullptr : fields.object("definition");
  if (const Result<> good = fields.result(); !good) return good.error();
  if (definition == nullptr) return request;
  reading.at = "/definition";
  Result<DefinitionRef> read = read_unsaved(*definition, environment, flag, reading);
  if (!read) return read.error();
  request.definition = std::move(*read);
  request.warnings = std::move(reading.warnings);
  return request;
}

// A service key sees all; a user is as the user's account is now. Which client it is, is for the shard to
// say.
Result<Viewer> viewer_of(storage::Snapshot& snapshot, const EvaluateRequest& request) {
  Viewer viewer;
  if (request.client) {
    viewer.kind = Viewer::Kind::client;
    return viewer;
  }
  if (!request.user_id) {
    viewer.kind = Viewer::Kind::service;
    static const std::string every_namespace = "flags:evaluate";
    viewer.scopes = {&every_namespace, 1};
    return viewer;
  }
  const std::optional<users::UserRow> user = users::find_user(snapshot, *request.user_id);
  if (!user || user->account.status != UserStatus::active)
    return invalid("/user_id", "unknown_value", "There is no such user, or he is disabled.");
  viewer.kind = Viewer::Kind::user;
  viewer.user_id = *request.user_id;
  viewer.role = user->account.role;
  return viewer;
}

std::string answer_text(const std::string& data, const std::vector<FieldError>& warnings) {
  std::string text = R"({"success":true,"data":)" + data;
  if (!warnings.empty()) {
    text += R"(,"meta":{"warnings":)";
    append_json_text(text, to_json(warnings));
    text += '}';
  }
  return text + '}';
}

// What is asked, and for whom. On a reader's thread, for a body may be long.
Result<EvaluateRequest> prepare(storage::Snapshot& snapshot, const std::string& body,
                                const Environment& environment, const Flag& flag, const Reading& reading) {
  Result<EvaluateRequest> request = parse_request(body, environment, flag, reading);
  if (!request) return request;
  Result<Viewer> viewer = viewer_of(snapshot, *request);
  if (!viewer) return viewer.error();
  request->viewer = *viewer;
  return request;
}

// The client that is named, or whose user is; null: the user is none.
Result<ClientRef> client_of(const ClientIndex& clients, const Namespace& name_space,
                            EvaluateRequest& request) {
  const Client* found = nullptr;
  if (request.client) {
    found = clients.find(name_space.id, *request.client);
    if (found == nullptr) return invalid("/client", "unknown_value", "There is no such client.");
    request.viewer.client_id = found->id;
  } else if (request.user_id) {
    found = clients.of_user(name_space.id, *request.user_id);
  }
  return found != nullptr ? *clients.find(found->id) : nullptr;
}

// On a reader's thread, for a rule may take long.
Result<std::string> evaluate(EvaluateRequest& request, const Client* client, const Namespace& name_space,
                             const Environment& environment, const Flag& flag, UnixMs now) {
  Result<flags::Context> context = flags::Context::read(std::move(request.context));
  if (!context) return invalid("/context", "invalid_value", Error(context.error()).detail);
  const Standing who(request.viewer, name_space, client, now);
  context->set_caller(who, environment.key);
  const DryRun run{environment, &flag, flag.key(), request.definition.get(), who, *context, now / 1000};
  return answer_text(explain(run), request.warnings);
}

Task<Response> post_evaluate(FlagServices& services, Context& context) {
  const Result<Manager> manager = co_await read_manager(services, context, Right::write);
  if (!manager) co_return fail(manager.error(), context);
  users::QueryReader query(context.request);
  Reading reading;
  reading.strict = query.toggle("strict", true);
  if (const Result<> good = query.result(); !good) co_return fail(good.error(), context);
  const Result<NamespaceRef> name_space = namespace_of(services, context);
  if (!name_space) co_return fail(name_space.error(), context);
  const Result<EnvironmentRef> environment = environment_of(**name_space, context);
  if (!environment) co_return fail(environment.error(), context);
  const Flag* flag = (*environment)->find(context.param("flag"));
  if (flag == nullptr) co_return fail(no_flag(), context);
  if (!context.request.body.empty())
    if (const Result<> good = context.request.check_json(); !good) co_return fail(good.error(), context);
  // The references live as long as this coroutine.
  auto read = [&context, &environment, flag, &reading](storage::Snapshot& snapshot) {
    return prepare(snapshot, context.request.body, **environment, *flag, reading);
  };
  Result<EvaluateRequest> request = co_await services.parts.readers.read(std::move(read));
  if (!request) co_return fail(request.error(), context);
  const Result<ClientRef> client =
      client_of(services.directories.of(context.shard).clients(), **name_space, *request);
  if (!client) co_return fail(client.error(), context);
  auto run = [&request, &client, &name_space, &environment, flag,
              now = services.parts.clock.unix_ms()](storage::Snapshot&) {
    return evaluate(*request, client->get(), **name_space, **environment, *flag, now);
  };
  Result<std::string> text = co_await services.parts.readers.read(std::move(run));
  if (!text) co_return fail(text.error(), context);
  Response response;
  response.body = std::move(*text);
  co_return at(services, context, std::move(response));
}

}  // namespace

void add_evaluate_route(Routes& routes) {
  routes.add(Method::post, "/api/v1/namespaces/{namespace}/environments/{environment}/flags/{flag}/evaluate",
             post_evaluate, definition_body_bytes_max);
}

}  // namespace corohub::flags
