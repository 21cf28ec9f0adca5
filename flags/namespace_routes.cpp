// /api/v1/namespaces and …/environments.
#include "flags/answers.hpp"
#include "flags/bodies.hpp"
#include "flags/change_unit.hpp"
#include "flags/lists.hpp"
#include "flags/manager.hpp"
#include "flags/preconditions.hpp"

#include <utility>

namespace corohub::flags {
namespace {

using http::Context;
using http::fail;
using http::Method;
using http::Response;

Response namespace_answer(FlagServices& services, const Context& context,
                          const storage::Committed<Changed>& changed, int status = 200) {
  const Namespace& name_space = *changed.value.name_space;
  return at(services, context, entity_answer(to_json(name_space), name_space.version, {}, status),
            changed.seq);
}

// ---- namespaces ----

Result<> check_version(const Namespace& before, const IfMatch& match) {
  return match.check(before.version, [&] { return to_json(before); });
}

Task<Response> get_namespaces(FlagServices& services, Context& context) {
  const Result<Manager> manager = co_await read_manager_somewhere(services, context, Right::read);
  if (!manager) co_return fail(manager.error(), context);
  const Result<Page> page = read_page(context.request);
  if (!page) co_return fail(page.error(), context);
  std::vector<json::object> shown;
  for (const NamespaceRef& one : services.directories.of(context.shard).all())
    if (manager->may(Right::read, one->key)) shown.push_back(to_json(*one));
  co_return at(services, context, page_answer(*page, std::move(shown)));
}

Task<Response> get_namespace(FlagServices& services, Context& context) {
  const Result<Manager> manager = co_await read_manager(services, context, Right::read);
  if (!manager) co_return fail(manager.error(), context);
  const Result<NamespaceRef> name_space = namespace_of(services, context);
  if (!name_space) co_return fail(name_space.error(), context);
  const std::int64_t version = (*name_space)->version;
  if (is_known(context.request, version_tag(version)))
    co_return at(services, context, not_modified(version_tag(version)));
  co_return at(services, context, entity_answer(to_json(**name_space), version));
}

Task<Response> post_namespace(FlagServices& services, Context& context) {
  const Result<Manager> manager = co_await read_manager_somewhere(services, context, Right::write);
  if (!manager) co_return fail(manager.error(), context);
  Result<std::string> comment = read_comment(context.request);
  if (!comment) co_return fail(comment.error(), context);
  const Result<NamespaceProperties> properties =
      co_await read_body(services, context.request, read_new_namespace);
  if (!properties) co_return fail(properties.error(), context);
  auto unit = [&services, properties = *properties,
               author = manager->author(Source::api, std::move(*comment))](
                  storage::UnitOfWork& work) -> Result<Changed> {
    if (const Result<> right = check_right(work, author, Right::write, properties.key); !right)
      return right.error();
    NamespaceEdit edit = NamespaceEdit::make(work, services.copies, services.directories, properties);
    Result<NamespaceRef> made = edit.finish(author);
    if (!made) return made.error();
    return Changed{std::move(*made), {}};
  };
  const ChangeOutcome made =
      co_await services.parts.writer.commit(std::move(unit), weight_of(context.request));
  if (!made) co_return fail(made.error(), context);
  co_return namespace_answer(services, context, *made, 201)
      .with("Location", "/api/v1/namespaces/" + made->value.name_space->key);
}

Task<Response> patch_namespace_route(FlagServices& services, Context& context) {
  Result<Change> change = co_await begin_change(services, context);
  if (!change) co_return fail(change.error(), context);
  Result<json::object> patch = co_await read_body(services, context.request, keep_body);
  if (!patch) co_return fail(patch.error(), context);
  auto edit = [patch = std::move(*patch), match = change->match](NamespaceEdit& of) -> Result<> {
    if (const Result<> held = check_version(of.before(), match); !held) return held;
    Result<NamespaceProperties> properties = patch_namespace(of.before(), patch);
    if (!properties) return properties.error();
    of.put_namespace(std::move(*properties));
    return {};
  };
  const ChangeOutcome changed = co_await change_namespace(services, context, *change, std::move(edit));
  if (!changed) co_return fail(changed.error(), context);
  co_return namespace_answer(services, context, *changed);
}

Task<Response> delete_namespace_route(FlagServices& services, Context& context) {
  return remove(services, context, [](NamespaceEdit& of, const IfMatch& match) -> Result<> {
    if (const Result<> held = check_version(of.before(), match); !held) return held;
    of.remove_namespace();
    return {};
  });
}

// ---- environments ----

json::object shown(const EnvironmentRef& environment) {
  return to_json(static_cast<const EnvironmentParts&>(*environment));
}

Response environment_answer(FlagServices& services, const Context& context,
                            const storage::Committed<Changed>& changed, std::string_view key,
                            int status = 200) {
  const EnvironmentRef& environment = *changed.value.name_space->environment(key);
  return at(services, context, entity_answer(shown(environment), environment->version, {}, status),
            changed.seq);
}

// The environment as it is, if it has the version that was asked for.
Result<EnvironmentRef> held_environment(const NamespaceEdit& of, std::string_view key, const IfMatch& match) {
  const EnvironmentRef* before = of.before().environment(key);
  if (before == nullptr) return no_environment();
  if (const Result<> held = match.check((*before)->version, [&] { return shown(*before); }); !held)
    return held.error();
  return *before;
}

Task<Response> get_environments(FlagServices& services, Context& context) {
  const Result<Manager> manager = co_await read_manager(services, context, Right::read);
  if (!manager) co_return fail(manager.error(), context);
  const Result<NamespaceRef> name_space = namespace_of(services, context);
  if (!name_space) co_return fail(name_space.error(), context);
  json::array list;
  for (const EnvironmentRef& one : (*name_space)->environments) list.push_back(shown(one));
  co_return at(services, context, data_answer(list));
}

Task<Response> get_environment(FlagServices& services, Context& context) {
  const Result<Manager> manager = co_await read_manager(services, context, Right::read);
  if (!manager) co_return fail(manager.error(), context);
  const Result<NamespaceRef> name_space = namespace_of(services, context);
  if (!name_space) co_return fail(name_space.error(), context);
  const Result<EnvironmentRef> environment = environment_of(**name_space, context);
  if (!environment) co_return fail(environment.error(), context);
  const std::string tag = version_tag((*environment)->version);
  if (is_known(context.request, tag)) co_return at(services, context, not_modified(tag));
  co_return at(services, context, entity_answer(shown(*environment), (*environment)->version));
}

Task<Response> post_environment(FlagServices& services, Context& context) {
  Result<Change> change = co_await begin_change(services, context, Matching::optional);
  if (!change) co_return fail(change.error(), context);
  const Result<NewEnvironment> body = co_await read_body(services, context.request, read_new_environment);
  if (!body) co_return fail(body.error(), context);
  auto edit = [made = *body](NamespaceEdit& of) -> Result<> {
    if (of.before().environment(made.parts.key) != nullptr)
      return Error(ErrorCode::key_taken, "There is such an environment.");
    of.put_environment(made.parts, made.copy_from);
    return {};
  };
  const ChangeOutcome changed = co_await change_namespace(services, context, *change, std::move(edit));
  if (!changed) co_return fail(changed.error(), context);
  const std::string& key = body->parts.key;
  co_return environment_answer(services, context, *changed, key, 201)
      .with("Location", "/api/v1/namespaces/" + change->name_space + "/environments/" + key);
}

Task<Response> patch_environment_route(FlagServices& services, Context& context) {
  Result<Change> change = co_await begin_change(services, context);
  if (!change) co_return fail(change.error(), context);
  Result<json::object> patch = co_await read_body(services, context.request, keep_body);
  if (!patch) co_return fail(patch.error(), context);
  const std::string key(context.param("environment"));
  auto edit = [key, patch = std::move(*patch), match = change->match](NamespaceEdit& of) -> Result<> {
    const Result<EnvironmentRef> before = held_environment(of, key, match);
    if (!before) return before.error();
    Result<EnvironmentParts> parts = patch_environment(**before, patch);
    if (!parts) return parts.error();
    of.put_environment(std::move(*parts));
    return {};
  };
  const ChangeOutcome changed = co_await change_namespace(services, context, *change, std::move(edit));
  if (!changed) co_return fail(changed.error(), context);
  co_return environment_answer(services, context, *changed, key);
}

Task<Response> delete_environment_route(FlagServices& services, Context& context) {
  const std::string_view key = context.param("environment");
  return remove(services, context,
                [key = std::string(key)](NamespaceEdit& of, const IfMatch& match) -> Result<> {
                  if (const auto before = held_environment(of, key, match); !before) return before.error();
                  of.remove_environment(key);
                  return {};
                });
}

}  // namespace

void add_namespace_routes(Routes& routes) {
  routes.add(Method::get, "/api/v1/namespaces", get_namespaces);
  routes.add(Method::post, "/api/v1/namespaces", post_namespace);
  routes.add(Method::get, "/api/v1/namespaces/{namespace}", get_namespace);
  routes.add(Method::patch, "/api/v1/namespaces/{namespace}", patch_namespace_route);
  routes.add(Method::del, "/api/v1/namespaces/{namespace}", delete_namespace_route);
  routes.add(Method::get, "/api/v1/namespaces/{namespace}/environments", get_environments);
  routes.add(Method::post, "/api/v1/namespaces/{namespace}/environments", post_environment);
  routes.add(Method::get, "/api/v1/namespaces/{namespace}/environments/{environment}", get_environment);
  routes.add(Method::patch, "/api/v1/namespaces/{namespace}/environments/{environment}",
             patch_environment_route);
  routes.add(Method::del, "/api/v1/namespaces/{namespace}/environments/{environment}",
             delete_environment_route);
}

}  // namespace corohub::flags
