// /api/v1/namespaces/{namespace}/flags: flags without their definitions.
#include "flags/answers.hpp"
#include "flags/bodies.hpp"
#include "flags/change_unit.hpp"
#include "flags/lists.hpp"
#include "flags/manager.hpp"
#include "flags/preconditions.hpp"
#include "users/query_reader.hpp"

#include <algorithm>
#include <utility>

namespace corohub::flags {
namespace {

using http::Context;
using http::fail;
using http::Method;
using http::Response;

Response flag_answer(FlagServices& services, const Context& context,
                     const storage::Committed<Changed>& changed, std::string_view key, int status = 200) {
  const Namespace& name_space = *changed.value.name_space;
  const FlagIdentity& flag = *find_identity(name_space, key);
  return at(services, context,
            entity_answer(to_json(name_space, flag), flag.version, changed.value.warnings, status),
            changed.seq);
}

// The flag as it is, if it has the version that was asked for.
Result<const FlagIdentity*> held_identity(const NamespaceEdit& of, std::string_view key,
                                          const IfMatch& match) {
  const FlagIdentity* before = find_identity(of.before(), key);
  if (before == nullptr) return no_flag();
  if (const Result<> held = match.check(before->version, [&] { return to_json(of.before(), *before); });
      !held)
    return held.error();
  return before;
}

// ---- the list ----

struct FlagQuery {
  Page page;
  std::string environment;  // empty: the default one; `state` is asked of this one
  std::optional<State> state;
  std::optional<std::string> tag;
  std::optional<std::string> platform;
  std::optional<std::string> parent;
};

Result<FlagQuery> read_flag_query(const http::Request& request) {
  const Result<Page> page = read_page(request);
  if (!page) return page.error();
  users::QueryReader reader(request);
  FlagQuery query;
  query.page = *page;
  query.environment = reader.text("environment", 64).value_or("");
  if (const auto state = reader.one_of("state", {"DISABLED", "ENABLED"}))
    query.state = static_cast<State>(*state);
  query.tag = reader.text("tag", tag_max * 4);
  query.platform = reader.text("platform", 64);
  query.parent = reader.text("parent", flag_key_bytes_max);
  if (const Result<> read = reader.result(); !read) return read.error();
  return query;
}

bool matches(const Flag& flag, const FlagQuery& query) {
  const FlagIdentity& identity = *flag.identity;
  return (!query.state || flag.definition->state == *query.state) &&
         (!query.tag || std::ranges::find(identity.tags, *query.tag) != identity.tags.end()) &&
         (!query.platform || identity.platform == query.platform) &&
         (!query.parent || identity.parent == query.parent);
}

Task<Response> get_flags(FlagServices& services, Context& context) {
  const Result<Manager> manager = co_await read_manager(services, context, Right::read);
  if (!manager) co_return fail(manager.error(), context);
  const Result<FlagQuery> query = read_flag_query(context.request);
  if (!query) co_return fail(query.error(), context);
  Result<NamespaceRef> name_space = namespace_of(services, context);
  if (!name_space) co_return fail(name_space.error(), context);
  const Seq seq = services.parts.applied_seq(context.shard);
  // Thousands of flags take too long for a turn of the shard.
  auto look = [query = *query, name_space = std::move(*name_space)](storage::Snapshot&) -> Result<Response> {
    const EnvironmentRef* environment = name_space->environment(query.environment);
    if (environment == nullptr) return no_environment();
    std::vector<const Flag*> found;
    for (const Flag& flag : (*environment)->flags())
      if (matches(flag, query)) found.push_back(&flag);
    json::array list;
    for (std::size_t i = query.page.begin(found.size()); i < query.page.end(found.size()); ++i)
      list.push_back(to_json(*name_space, *found[i]->identity));
    return data_answer(list, page_meta(query.page, found.size()));
  };
  Result<Response> answer = co_await services.parts.list_readers.read(std::move(look));
  if (!answer) co_return fail(answer.error(), context);
  co_return at(services, context, std::move(*answer), seq);
}

// ---- one ----

Task<Response> get_flag(FlagServices& services, Context& context) {
  const Result<Manager> manager = co_await read_manager(services, context, Right::read);
  if (!manager) co_return fail(manager.error(), context);
  const Result<NamespaceRef> name_space = namespace_of(services, context);
  if (!name_space) co_return fail(name_space.error(), context);
  const FlagIdentity* flag = find_identity(**name_space, context.param("flag"));
  if (flag == nullptr) co_return fail(no_flag(), context);
  const std::string tag = version_tag(flag->version);
  if (is_known(context.request, tag) && shows_what_it_was(**name_space, *flag))
    co_return at(services, context, not_modified(tag));
  co_return at(services, context, entity_answer(to_json(**name_space, *flag), flag->version));
}

Task<Response> post_flag(FlagServices& services, Context& context) {
  Result<Change> change = co_await begin_change(services, context, Matching::optional);
  if (!change) co_return fail(change.error(), context);
  auto read = [reading = change->reading](const json::object& body) mutable -> Result<Prepared<NewFlag>> {
    Result<NewFlag> made = read_new_flag(body, reading);
    if (!made) return made.error();
    return Prepared<NewFlag>{std::move(*made), reading};
  };
  Result<Prepared<NewFlag>> body = co_await read_body(services, context.request, std::move(read));
  if (!body) co_return fail(body.error(), context);
  const std::string key = body->value.identity.key;
  auto edit = [made = std::move(body->value),
               dangling = dangling_of(body->reading)](NamespaceEdit& of) -> Result<> {
    if (find_identity(of.before(), made.identity.key) != nullptr)
      return Error(ErrorCode::key_taken, "There is such a flag.");
    const EnvironmentRef* environment = of.before().environment(made.environment);
    if (environment == nullptr)
      return Error(ErrorCode::validation_failed)
          .at("/environment", "unknown_value", "There is no such environment.");
    of.put_identity(made.identity);
    of.put_definition((*environment)->key, made.identity.key, made.definition, {}, dangling);
    return {};
  };
  ChangeOutcome changed = co_await change_namespace(services, context, *change, std::move(edit));
  if (!changed) co_return fail(changed.error(), context);
  add_warnings(changed->value, body->reading);
  co_return flag_answer(services, context, *changed, key, 201)
      .with("Location", "/api/v1/namespaces/" + change->name_space + "/flags/" + key);
}

Task<Response> patch_flag(FlagServices& services, Context& context) {
  Result<Change> change = co_await begin_change(services, context);
  if (!change) co_return fail(change.error(), context);
  Result<json::object> patch = co_await read_body(services, context.request, keep_body);
  if (!patch) co_return fail(patch.error(), context);
  const std::string key(context.param("flag"));
  auto edit = [key, patch = std::move(*patch), match = change->match](NamespaceEdit& of) -> Result<> {
    const Result<const FlagIdentity*> before = held_identity(of, key, match);
    if (!before) return before.error();
    Result<FlagIdentity> flag = patch_shown_identity(of.before(), **before, patch);
    if (!flag) return flag.error();
    of.put_identity(std::move(*flag));
    return {};
  };
  const ChangeOutcome changed = co_await change_namespace(services, context, *change, std::move(edit));
  if (!changed) co_return fail(changed.error(), context);
  co_return flag_answer(services, context, *changed, key);
}

Task<Response> delete_flag_route(FlagServices& services, Context& context) {
  return remove(
      services, context,
      [key = std::string(context.param("flag"))](NamespaceEdit& of, const IfMatch& match) -> Result<> {
        if (const auto before = held_identity(of, key, match); !before) return before.error();
        of.remove_flag(key);
        return {};
      });
}

}  // namespace

void add_flag_routes(Routes& routes) {
  routes.add(Method::get, "/api/v1/namespaces/{namespace}/flags", get_flags, definition_body_bytes_max);
  routes.add(Method::post, "/api/v1/namespaces/{namespace}/flags", post_flag, definition_body_bytes_max);
  routes.add(Method::get, "/api/v1/namespaces/{namespace}/flags/{flag}", get_flag);
  routes.add(Method::patch, "/api/v1/namespaces/{namespace}/flags/{flag}", patch_flag);
  routes.add(Method::del, "/api/v1/namespaces/{namespace}/flags/{flag}", delete_flag_route);
}

}  // namespace corohub::flags
