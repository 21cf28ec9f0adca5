// …/environments/{environment}/schedule: changes of definitions that are made later.
#include "core/json_text.hpp"
#include "core/rfc3339.hpp"
#include "flags/answers.hpp"
#include "flags/bodies.hpp"
#include "flags/change_unit.hpp"
#include "flags/definition_patch.hpp"
#include "flags/lists.hpp"
#include "flags/manager.hpp"
#include "flags/schedule_repository.hpp"
#include "users/query_reader.hpp"

#include <utility>

namespace corohub::flags {
namespace {

using http::Context;
using http::fail;
using http::Method;
using http::Response;

// What a change says is judged against the definition as it will be then; what is wrong with it whatever the
// definition is then is told at once.
Result<> judge_change(const Definition& definition, const json::object& change, bool strict) {
  Reading reading{.strict = strict, .at = "/change"};
  const Result<DefinitionRef> patched = patch_definition(definition, change, reading);
  if (patched && (*patched)->type == definition.type) return {};
  if (patched)
    return Error(ErrorCode::validation_failed)
        .at("/change/variants", "type_fixed", "The type of a flag is fixed.");
  Error error = patched.error();
  std::erase_if(error.fields, [](const FieldError& one) { return one.code == "unknown_variant"; });
  if (error.fields.empty()) return {};
  return error;
}

// When and what, as the body says it.
Result<ScheduledChange> read_scheduled(const json::object& body, const Environment& environment,
                                       bool strict) {
  http::Fields fields(body);
  refuse_unknown(fields, body, {"flag", "at", "change", "if_version"});
  ScheduledChange scheduled;
  scheduled.flag = fields.required_text("flag", {.min = 1, .max = flag_key_bytes_max});
  const Flag* flag = environment.find(scheduled.flag);
  if (!scheduled.flag.empty() && flag == nullptr)
    fields.refuse("flag", "unknown_flag", "There is no such flag.");
  const std::string time = fields.required_text("at", {.min = 1, .max = 64});
  if (!time.empty()) {
    if (const std::optional<UnixMs> at = parse_rfc3339(time))
      scheduled.at = *at;
    else
      fields.refuse("at", "invalid_format", "Must be a time as RFC 3339 writes it: 2026-01-06T10:30:00Z.");
  }
  if (!fields.is_null("if_version"))
    scheduled.if_version = fields.integer("if_version", 1, std::int64_t{1} << 53);
  fields.require("change");
  const json::object* change = fields.object("change");
  if (const Result<> good = fields.result(); !good) return good.error();
  if (const Result<> good = judge_change(*flag->definition, *change, strict); !good) return good.error();
  scheduled.flag_id = flag->identity->id;
  scheduled.strict = strict;
  scheduled.change = json_text(*change);
  if (scheduled.change.size() > scheduled_bytes_max)
    return Error(ErrorCode::validation_failed)
        .at("/change", "out_of_range", "Must be at most 48 KiB of JSON.");
  return scheduled;
}

Error no_scheduled() { return Error(ErrorCode::not_found, "There is no such scheduled change."); }

class ScheduleUnit {
 public:
  ScheduleUnit(FlagServices& services, Change change, std::string environment, ScheduledChange scheduled)
      : services_(services),
        change_(std::move(change)),
        environment_(std::move(environment)),
        scheduled_(std::move(scheduled)) {}

  Result<ScheduledChange> operator()(storage::UnitOfWork& work) {
    const Author& author = change_.author;
    if (const Result<> right = check_right(work, author, Right::write, change_.name_space); !right)
      return right.error();
    const NamespaceRef name_space = services_.copies.find(work, change_.name_space);
    const EnvironmentRef* environment = name_space ? name_space->environment(environment_) : nullptr;
    if (environment == nullptr) return no_environment();
    scheduled_.environment_id = (*environment)->id;
    scheduled_.author_user = author.caller.user_id;
    scheduled_.author_key = author.service_key;
    scheduled_.comment = author.comment;
    Result<ScheduledChange> added = add_scheduled(work, scheduled_);
    if (!added) return added;
    record_scheduled(work, author, {*added, name_space->key, environment_}, nullptr);
    services_.schedule.expect(added->at);
    return added;
  }

 private:
  FlagServices& services_;
  Change change_;
  std::string environment_;
  ScheduledChange scheduled_;
};

// One that was cancelled before stays so; one that has ended otherwise cannot be taken back.
Result<storage::Nothing> cancel(storage::UnitOfWork& work, const Change& change,
                                const Environment& environment, ScheduleId id) {
  if (const Result<> right = check_right(work, change.author, Right::write, change.name_space); !right)
    return right.error();
  const std::optional<ScheduledChange> there = find_scheduled(work, environment.id, id);
  if (!there) return no_scheduled();
  if (there->state == ScheduleState::pending) {
    const ScheduledChange gone = end_scheduled(work, *there, ScheduleState::cancelled);
    record_scheduled(work, change.author, {gone, change.name_space, environment.key}, &*there);
  } else if (there->state != ScheduleState::cancelled) {
    return Error(ErrorCode::in_use, "The change has been made, or has failed, already.");
  }
  return storage::Nothing{};
}

Task<Response> get_schedule(FlagServices& services, Context& context) {
  const Result<Manager> manager = co_await read_manager(services, context, Right::read);
  if (!manager) co_return fail(manager.error(), context);
  users::QueryReader query(context.request);
  std::optional<ScheduleState> state;
  if (const auto word = query.one_of("state", {"pending", "done", "failed", "cancelled"}))
    state = static_cast<ScheduleState>(*word);
  if (const Result<> good = query.result(); !good) co_return fail(good.error(), context);
  const Result<Page> page = read_page(context.request);
  if (!page) co_return fail(page.error(), context);
  const Result<EnvironmentRef> environment = place_of(services, context);
  if (!environment) co_return fail(environment.error(), context);
  auto read = [id = (*environment)->id, state,
               page = *page](storage::Snapshot& snapshot) -> Result<Response> {
    const std::size_t total = count_scheduled(snapshot, id, state);
    const std::size_t begin = page.begin(total);
    json::array list;
    for (const ScheduledChange& change : list_scheduled(snapshot, id, state, begin, page.end(total) - begin))
      list.push_back(to_json(change));
    return data_answer(list, page_meta(page, total));
  };
  Result<Response> list = co_await services.parts.list_readers.read(std::move(read));
  if (!list) co_return fail(list.error(), context);
  co_return at(services, context, std::move(*list));
}

Task<Response> post_schedule(FlagServices& services, Context& context) {
  Result<Change> change = co_await begin_change(services, context, Matching::optional, Source::schedule);
  if (!change) co_return fail(change.error(), context);
  const Result<EnvironmentRef> environment = place_of(services, context);
  if (!environment) co_return fail(environment.error(), context);
  auto read = [environment = *environment, strict = change->reading.strict](const json::object& body) {
    return read_scheduled(body, *environment, strict);
  };
  // It is applied to the definition of a flag that only the body names.
  Result<ScheduledChange> scheduled =
      co_await read_body(services, context.request, std::move(read), definition_bytes_max);
  if (!scheduled) co_return fail(scheduled.error(), context);
  ScheduleUnit unit(services, std::move(*change), (*environment)->key, std::move(*scheduled));
  const Result<storage::Committed<ScheduledChange>> added =
      co_await services.parts.writer.commit(std::move(unit), context.request.body.size());
  if (!added) co_return fail(added.error(), context);
  Response response = data_answer(to_json(added->value), {}, 201);
  co_return at(services, context, std::move(response))
      .with("Location", context.request.path + '/' + std::to_string(added->value.id));
}

Task<Response> delete_scheduled(FlagServices& services, Context& context) {
  Result<Change> change = co_await begin_change(services, context, Matching::optional);
  if (!change) co_return fail(change.error(), context);
  const Result<EnvironmentRef> environment = place_of(services, context);
  if (!environment) co_return fail(environment.error(), context);
  const Result<std::int64_t> id = context.id_param("id");
  if (!id) co_return fail(id.error(), context);
  auto unit = [change = std::move(*change), environment = *environment, id = *id](storage::UnitOfWork& work) {
    return cancel(work, change, *environment, id);
  };
  const auto cancelled = co_await services.parts.writer.commit(std::move(unit));
  if (!cancelled) co_return fail(cancelled.error(), context);
  co_return at(services, context, http::no_content());
}

}  // namespace

void add_schedule_routes(Routes& routes) {
  const std::string schedule = "/api/v1/namespaces/{namespace}/environments/{environment}/schedule";
  routes.add(Method::get, schedule, get_schedule, definition_body_bytes_max);
  routes.add(Method::post, schedule, post_schedule, definition_body_bytes_max);
  routes.add(Method::del, schedule + "/{id}", delete_scheduled);
}

}  // namespace corohub::flags
