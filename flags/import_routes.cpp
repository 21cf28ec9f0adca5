// Whole environments: GET …/export, POST …/import and POST …/copy.
#include "core/key_name.hpp"
#include "flags/answers.hpp"
#include "flags/bodies.hpp"
#include "flags/change_unit.hpp"
#include "flags/import.hpp"
#include "flags/manager.hpp"
#include "flags/preconditions.hpp"
#include "flags/services.hpp"
#include "users/query_reader.hpp"

#include <utility>

namespace corohub::flags {
namespace {

using http::Context;
using http::fail;
using http::Method;
using http::Response;

constexpr std::size_t copy_bytes_max = 512 << 10;  // 2,000 of the longest keys

struct ImportRequest {
  std::string name_space;
  ImportOrder order;
  Reading reading;
  bool dry_run = false;
};

Result<ImportRequest> read_import_request(const Context& context) {
  ImportRequest request;
  users::QueryReader query(context.request);
  request.name_space = context.param("namespace");
  request.order.environment = context.param("environment");
  if (query.one_of("mode", {"merge", "replace"}) == std::size_t{1}) request.order.mode = ImportMode::replace;
  request.dry_run = query.toggle("dry_run", false);
  if (const Result<> good = query.result(); !good) return good.error();
  return request;
}

// Judges the edit as a whole and, unless this is a dry run, writes it.
Result<ImportReport> settle(NamespaceEdit& edit, const ImportOrder& order, const FlagdDocument& document,
                            const Author& author, bool dry_run) {
  if (const Result<> put = put_document(edit, order, document); !put) return put.error();
  if (dry_run) {
    if (const Result<> judged = edit.judge(); !judged) return judged.error();
  } else if (const Result<NamespaceRef> finished = edit.finish(author); !finished) {
    return finished.error();
  }
  return report_of(edit, order, document);
}

// On the writer's thread: the right, and all of it or nothing.
class ImportUnit {
 public:
  ImportUnit(FlagServices& services, ImportRequest request, FlagdDocument document, Author author)
      : services_(services),
        request_(std::move(request)),
        document_(std::move(document)),
        author_(std::move(author)) {}

  Result<ImportReport> operator()(storage::UnitOfWork& work) {
    if (const Result<> right = check_right(work, author_, Right::write, request_.name_space); !right)
      return right.error();
    Result<NamespaceEdit> edit =
        NamespaceEdit::open(work, services_.copies, services_.directories, request_.name_space);
    if (!edit) return edit.error();
    return settle(*edit, request_.order, document_, author_, request_.dry_run);
  }

 private:
  FlagServices& services_;
  ImportRequest request_;
  FlagdDocument document_;
  Author author_;
};

struct CopyRequest {
  std::string from_namespace;
  std::string from_environment;
  std::string to_namespace;
  ImportOrder order;  // `environment`: where to
  CopyOrder copy;
  bool dry_run = false;
};

Result<std::vector<std::string>> read_keys(const json::value& value) {
  const auto wrong = [](std::string at, std::string_view code, std::string message) {
    return Error(ErrorCode::validation_failed, "The body has invalid members.")
        .at(std::move(at), std::string(code), std::move(message));
  };
  const json::array* list = value.if_array();
  if (list == nullptr) return wrong("/keys", "invalid_type", "Must be a list.");
  if (list->size() > flags_max) return wrong("/keys", "out_of_range", "Must have at most 2,000 entries.");
  std::vector<std::string> keys;
  for (std::size_t i = 0; i < list->size(); ++i) {
    if (!(*list)[i].is_string())
      return wrong("/keys/" + std::to_string(i), "invalid_type", "Must be a text.");
    keys.emplace_back((*list)[i].get_string());
  }
  return keys;
}

Result<CopyRequest> read_copy(const json::object& body) {
  CopyRequest request;
  http::Fields fields(body);
  refuse_unknown(fields, body, {"to", "keys", "states", "dry_run"});
  fields.require("to");
  if (const json::object* to = fields.object("to")) {
    http::Fields target(*to, "/to");
    refuse_unknown(target, *to, {"namespace", "environment"});
    request.to_namespace = target.text("namespace", {.max = key_name_bytes_max}).value_or("");
    request.order.environment = target.required_text("environment", {.min = 1, .max = key_name_bytes_max});
    fields.merge(std::move(target));
  }
  request.copy.disable = fields.one_of("states", {"keep", "disable"}) == std::string_view("disable");
  request.dry_run = fields.boolean("dry_run").value_or(false);
  if (const Result<> good = fields.result(); !good) return good.error();
  if (const json::value* keys = body.if_contains("keys")) {
    Result<std::vector<std::string>> read = read_keys(*keys);
    if (!read) return read.error();
    request.copy.keys = std::move(*read);
  }
  return request;
}

class CopyUnit {
 public:
  CopyUnit(FlagServices& services, CopyRequest request, Author author)
      : services_(services), request_(std::move(request)), author_(std::move(author)) {}

  Result<ImportReport> operator()(storage::UnitOfWork& work) {
    for (const std::string* name_space : {&request_.from_namespace, &request_.to_namespace})
      if (const Result<> right = check_right(work, author_, Right::write, *name_space); !right)
        return right.error();
    const NamespaceRef from = services_.copies.find(work, request_.from_namespace);
    if (!from) return no_namespace();
    const EnvironmentRef* source = from->environment(request_.from_environment);
    if (source == nullptr) return no_environment();
    const Result<FlagdDocument> document = document_of(**source, request_.copy);
    if (!document) return document.error();
    Result<NamespaceEdit> edit =
        NamespaceEdit::open(work, services_.copies, services_.directories, request_.to_namespace);
    if (!edit) return no_target("/to/namespace", "There is no such namespace.");
    if (edit->before().environment(request_.order.environment) == nullptr)
      return no_target("/to/environment", "There is no such environment.");
    Result<ImportReport> report = settle(*edit, request_.order, *document, author_, request_.dry_run);
    if (!report) return in_the_body(report.error());
    return report;
  }

 private:
  // A copied flag has no members in the body: its key is the place, or all of them.
  static Error in_the_body(Error error) {
    for (FieldError& one : error.fields) {
      const std::size_t end = one.field.find('/', std::string_view("/keys/").size());
      const bool numbered = one.field.size() > 6 && one.field[6] >= '0' && one.field[6] <= '9';
      one.field = numbered ? one.field.substr(0, end) : "/keys";
    }
    return error;
  }
  static Error no_target(std::string at, std::string message) {
    return Error(ErrorCode::validation_failed, "The body has invalid members.")
        .at(std::move(at), "unknown_value", std::move(message));
  }

  FlagServices& services_;
  CopyRequest request_;
  Author author_;
};

Task<Response> get_export(FlagServices& services, Context& context) {
  const Result<Manager> manager = co_await read_manager(services, context, Right::read);
  if (!manager) co_return fail(manager.error(), context);
  users::QueryReader query(context.request);
  const ExportStyle style = query.toggle("plain", false) ? ExportStyle::plain : ExportStyle::complete;
  if (const Result<> good = query.result(); !good) co_return fail(good.error(), context);
  Result<NamespaceRef> name_space = namespace_of(services, context);
  if (!name_space) co_return fail(name_space.error(), context);
  Result<EnvironmentRef> environment = environment_of(**name_space, context);
  if (!environment) co_return fail(environment.error(), context);
  const Seq seq = services.parts.applied_seq(context.shard);
  std::string tag = "\"r" + std::to_string((*environment)->revision) + '"';
  const bool stands = style == ExportStyle::plain || exports_what_it_was(**environment);
  if (stands && is_known(context.request, tag))
    co_return at(services, context, not_modified(std::move(tag)), seq);
  auto write = [name_space = std::move(*name_space), environment = std::move(*environment),
                style](storage::Snapshot&) -> Result<std::string> {
    return write_flagd_document(*name_space, *environment, style);
  };
  Result<std::string> text = co_await services.parts.list_readers.read(std::move(write));
  if (!text) co_return fail(text.error(), context);
  Response response;
  response.body = std::move(*text);
  co_return at(services, context, std::move(response).with("ETag", std::move(tag)), seq);
}

Task<Response> post_import(FlagServices& services, Context& context) {
  Result<ImportRequest> request = read_import_request(context);
  Result<Change> change = co_await begin_change(services, context, Matching::optional, Source::import);
  // What is wrong with the query is told to whoever may ask, whether the namespace is there or not.
  if (!request && (change || change.error().code == ErrorCode::not_found))
    co_return fail(request.error(), context);
  if (!change) co_return fail(change.error(), context);
  request->reading = change->reading;
  request->order.dangling = dangling_of(change->reading);
  if (const Result<EnvironmentRef> there = place_of(services, context); !there)
    co_return fail(there.error(), context);
  if (const Result<> good = context.request.check_json(); !good) co_return fail(good.error(), context);

  // Both live as long as this coroutine.
  auto read = [&context, &request](storage::Snapshot&) {
    return read_flagd_document(context.request.body, request->reading);
  };
  Result<FlagdDocument> document = co_await services.parts.list_readers.read(std::move(read));
  if (!document) co_return fail(document.error(), context);

  const std::vector<FieldError> warnings = std::move(request->reading.warnings);
  ImportUnit unit(services, std::move(*request), std::move(*document), std::move(change->author));
  Result<storage::Committed<ImportReport>> done =
      co_await services.parts.writer.commit(std::move(unit), 2 * context.request.body.size());
  if (!done) co_return fail(done.error(), context);
  ImportReport& report = done->value;
  report.warnings.insert(report.warnings.begin(), warnings.begin(), warnings.end());
  co_return at(services, context, data_answer(to_json(report)), done->seq);
}

Task<Response> post_copy(FlagServices& services, Context& context) {
  Result<Change> change = co_await begin_change(services, context, Matching::optional, Source::copy);
  if (!change) co_return fail(change.error(), context);
  const Result<EnvironmentRef> environment = place_of(services, context);
  if (!environment) co_return fail(environment.error(), context);
  Result<CopyRequest> request = co_await read_body(services, context.request, read_copy);
  if (!request) co_return fail(request.error(), context);
  request->from_namespace = change->name_space;
  request->from_environment = (*environment)->key;
  request->order.dangling = dangling_of(change->reading);
  if (request->to_namespace.empty()) request->to_namespace = change->name_space;
  CopyUnit unit(services, std::move(*request), std::move(change->author));
  const Result<storage::Committed<ImportReport>> done =
      co_await services.parts.writer.commit(std::move(unit), context.request.body.size());
  if (!done) co_return fail(done.error(), context);
  co_return at(services, context, data_answer(to_json(done->value)), done->seq);
}

}  // namespace

void add_import_routes(Routes& routes) {
  const std::string environment = "/api/v1/namespaces/{namespace}/environments/{environment}";
  routes.add(Method::get, environment + "/export", get_export);
  routes.add(Method::post, environment + "/import", post_import, document_bytes_max);
  routes.add(Method::post, environment + "/copy", post_copy, copy_bytes_max);
}

}  // namespace corohub::flags
