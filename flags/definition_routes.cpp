// /api/v1/namespaces/{namespace}/environments/{environment}/flags/{flag}: a flag's definition, and its
// switch.
#include "flags/answers.hpp"
#include "flags/bodies.hpp"
#include "flags/change_unit.hpp"
#include "flags/definition_patch.hpp"
#include "flags/manager.hpp"
#include "flags/preconditions.hpp"

#include <utility>

namespace corohub::flags {
namespace {

using http::Context;
using http::fail;
using http::Method;
using http::Response;

// Where in the namespace.
struct Place {
  explicit Place(const Context& context)
      : environment(context.param("environment")), flag(context.param("flag")) {}

  Result<const Flag*> find(const Namespace& name_space) const {
    const EnvironmentRef* found = environment.empty() ? nullptr : name_space.environment(environment);
    if (found == nullptr) return no_environment();
    const Flag* there = (*found)->find(flag);
    if (there == nullptr) return no_flag();
    return there;
  }

  std::string environment;
  std::string flag;
};

Response definition_answer(FlagServices& services, const Context& context, const Place& place,
                           const storage::Committed<Changed>& changed) {
  const Flag& flag = **place.find(*changed.value.name_space);
  return at(services, context, entity_answer(to_json(flag), flag.version, changed.value.warnings),
            changed.seq);
}

Task<Response> get_definition(FlagServices& services, Context& context) {
  const Result<Manager> manager = co_await read_manager(services, context, Right::read);
  if (!manager) co_return fail(manager.error(), context);
  const Result<NamespaceRef> name_space = namespace_of(services, context);
  if (!name_space) co_return fail(name_space.error(), context);
  const Result<const Flag*> flag = Place(context).find(**name_space);
  if (!flag) co_return fail(flag.error(), context);
  const std::string tag = version_tag((*flag)->version);
  if (is_known(context.request, tag) && shows_what_it_was(**name_space, **flag))
    co_return at(services, context, not_modified(tag));
  co_return at(services, context, entity_answer(to_json(**flag), (*flag)->version));
}

// What a body means for the definition that is there.
using MakeDefinition = Result<DefinitionRef> (*)(const json::object& body, const Definition& base, Reading&);

json::object server_members(const Flag& flag) {
  return {{"key", flag.key()}, {"version", flag.version}, {"enabled", flag.enabled}};
}

Result<DefinitionRef> replace(const json::object& body, const Definition&, Reading& reading) {
  return read_definition(body, reading);
}

Result<DefinitionRef> patch(const json::object& body, const Definition& base, Reading& reading) {
  return patch_definition(base, body, reading);
}

// On the writer's thread: the draft if the definition is still the one it was made from. It rarely is not,
// when this shard had not heard of a change yet; then the draft is made again.
class DefinitionEdit {
 public:
  DefinitionEdit(Place place, IfMatch match, MakeDefinition make)
      : place_(std::move(place)), match_(std::move(match)), make_(make) {}

  // On a reader's thread.
  Result<> draft(const json::object& body, DefinitionRef base, const Reading& reading) {
    body_ = body;
    for (const std::string_view key : shown_with_definition) {
      const json::value* const sent = body.if_contains(key);
      if (sent == nullptr) continue;
      repeated_[key] = *sent;
      body_.erase(key);
    }
    base_ = std::move(base);
    strictness_ = reading;
    return draft_from(base_);
  }

  Result<> operator()(NamespaceEdit& of) {
    const Result<const Flag*> before = place_.find(of.before());
    if (!before) return before.error();
    const Flag& flag = **before;
    if (const Result<> held = match_.check(flag.version, [&] { return to_json(flag); }); !held) return held;
    if (make_ != replace)
      if (const Result<> repeats = check_repeated(repeated_, server_members(flag)); !repeats) return repeats;
    if (flag.definition != base_ || definition_ == nullptr)
      if (const Result<> drafted = draft_from(flag.definition); !drafted) return drafted;
    of.put_definition(place_.environment, place_.flag, definition_, {}, dangling_of(reading_));
    return {};
  }

  const Reading& reading() const noexcept { return reading_; }

 private:
  Result<> draft_from(const DefinitionRef& base) {
    reading_ = strictness_;
    Result<DefinitionRef> made = make_(body_, *base, reading_);
    if (!made) return made.error();
    definition_ = std::move(*made);
    return {};
  }

  Place place_;
  IfMatch match_;
  MakeDefinition make_;
  json::object body_;
  json::object repeated_;  // what the body says that only the server sets
  DefinitionRef base_;
  Reading strictness_;
  Reading reading_;
  DefinitionRef definition_;
};

Task<Response> write_definition(FlagServices& services, Context& context, MakeDefinition make) {
  Result<Change> change = co_await begin_change(services, context);
  if (!change) co_return fail(change.error(), context);
  const Place place(context);
  const Result<NamespaceRef> name_space = namespace_of(services, context);
  if (!name_space) co_return fail(name_space.error(), context);
  const Result<const Flag*> flag = place.find(**name_space);
  if (!flag) co_return fail(flag.error(), context);

  auto edit = std::make_shared<DefinitionEdit>(place, change->match, make);
  auto read = [edit, base = (*flag)->definition, reading = change->reading](const json::object& body) {
    return edit->draft(body, base, reading);
  };
  const std::size_t base_bytes = make == patch ? (*flag)->definition->bytes : 0;
  const Result<> drafted = co_await read_body(services, context.request, std::move(read), base_bytes);
  // Whoever has not seen what the draft was made from hears of that first: the unit judges If-Match, and
  // drafts again.
  const bool is_judged = !drafted && drafted.error().code == ErrorCode::validation_failed &&
                         !change->match.holds((*flag)->version);
  if (!drafted && !is_judged) co_return fail(drafted.error(), context);
  auto run = [edit](NamespaceEdit& of) { return (*edit)(of); };
  ChangeOutcome changed = co_await change_namespace(services, context, *change, std::move(run));
  if (!changed) co_return fail(changed.error(), context);
  add_warnings(changed->value, edit->reading());
  co_return definition_answer(services, context, place, *changed);
}

Task<Response> put_definition(FlagServices& services, Context& context) {
  return write_definition(services, context, replace);
}

Task<Response> patch_definition_route(FlagServices& services, Context& context) {
  return write_definition(services, context, patch);
}

Task<Response> switch_flag(FlagServices& services, Context& context, State state) {
  Result<Change> change = co_await begin_change(services, context, Matching::optional);
  if (!change) co_return fail(change.error(), context);
  const Place place(context);
  auto edit = [place, match = change->match, state](NamespaceEdit& of) -> Result<> {
    const Result<const Flag*> before = place.find(of.before());
    if (!before) return before.error();
    const Flag& flag = **before;
    if (const Result<> held = match.check(flag.version, [&] { return to_json(flag); }); !held) return held;
    const Dangling dangling = state == State::enabled ? Dangling::warned : Dangling::ignored;
    of.put_definition(place.environment, place.flag, with_state(flag.definition, state), {}, dangling);
    return {};
  };
  const ChangeOutcome changed = co_await change_namespace(services, context, *change, std::move(edit));
  if (!changed) co_return fail(changed.error(), context);
  co_return definition_answer(services, context, place, *changed);
}

Task<Response> enable(FlagServices& services, Context& context) {
  return switch_flag(services, context, State::enabled);
}

Task<Response> disable(FlagServices& services, Context& context) {
  return switch_flag(services, context, State::disabled);
}

}  // namespace

void add_definition_routes(Routes& routes) {
  const std::string one = "/api/v1/namespaces/{namespace}/environments/{environment}/flags/{flag}";
  routes.add(Method::get, one, get_definition, definition_body_bytes_max);
  routes.add(Method::put, one, put_definition, definition_body_bytes_max);
  routes.add(Method::patch, one, patch_definition_route, definition_body_bytes_max);
  routes.add(Method::post, one + "/enable", enable);
  routes.add(Method::post, one + "/disable", disable);
}

}  // namespace corohub::flags
