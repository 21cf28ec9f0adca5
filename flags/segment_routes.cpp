// …/environments/{environment}/segments: rules with a name, which the rules of flags use.
#include "core/key_name.hpp"
#include "flags/answers.hpp"
#include "flags/bodies.hpp"
#include "flags/body_members.hpp"
#include "flags/change_unit.hpp"
#include "flags/lists.hpp"
#include "flags/manager.hpp"

#include <optional>
#include <utility>

namespace corohub::flags {
namespace {

using http::Context;
using http::fail;
using http::Method;
using http::Response;

struct SegmentBody {
  std::string key;
  std::optional<std::string> name;
  SegmentRule rule;
  json::object repeated;  // what it says that only the server sets
};

Result<SegmentBody> read_members(http::Fields& fields, const json::object& body, SegmentBody segment) {
  segment.name = fields.text("name", {.min = 1, .max = entity_name_max, .trim = true});
  fields.require("rule");
  std::vector<FieldError> complaints;
  if (const json::value* rule = body.if_contains("rule")) {
    Reading reading{.at = "/rule"};
    Result<SegmentRule> parsed = parse_segment(*rule, reading);
    if (parsed)
      segment.rule = std::move(*parsed);
    else
      complaints = Error(parsed.error()).fields;
  }
  const Result<> good = fields.result();
  if (good && complaints.empty()) return segment;
  Error error = good ? Error(ErrorCode::validation_failed) : good.error();
  error.fields.insert(error.fields.end(), complaints.begin(), complaints.end());
  return error;
}

Result<SegmentBody> read_new_segment(const json::object& body) {
  http::Fields fields(body);
  refuse_unknown(fields, body, {"key", "name", "rule"});
  SegmentBody segment;
  segment.key = fields.required_text("key", {.max = key_name_bytes_max});
  if (!segment.key.empty() && !is_key_name(segment.key))
    fields.refuse("key", "invalid_format",
                  "Must be letters, digits and '.', '_', '-', a letter or digit first.");
  return read_members(fields, body, std::move(segment));
}

Result<SegmentBody> read_segment(const json::object& body) {
  http::Fields fields(body);
  refuse_unknown(fields, body, {"name", "rule", "id", "key", "version", "created_at", "updated_at"});
  SegmentBody segment;
  segment.repeated = body;
  segment.repeated.erase("rule");
  return read_members(fields, body, std::move(segment));
}

Error no_segment() { return Error(ErrorCode::not_found, "There is no such segment."); }

// Where in the namespace.
struct Place {
  explicit Place(const Context& context)
      : environment(context.param("environment")), segment(context.param("segment")) {}

  Result<const Environment*> find_environment(const Namespace& name_space) const {
    const EnvironmentRef* found = environment.empty() ? nullptr : name_space.environment(environment);
    if (found == nullptr) return no_environment();
    return found->get();
  }
  Result<const Segment*> find(const Namespace& name_space) const {
    const Result<const Environment*> found = find_environment(name_space);
    if (!found) return found.error();
    const Segment* there = (*found)->segment(segment);
    if (there == nullptr) return no_segment();
    return there;
  }
  // The segment as it is, if it has the version that was asked for.
  Result<const Segment*> find(const Namespace& name_space, const IfMatch& match) const {
    const Result<const Segment*> there = find(name_space);
    if (!there) return there;
    if (const Result<> held = match.check((*there)->version, [&] { return to_json(**there); }); !held)
      return held.error();
    return there;
  }

  std::string environment;
  std::string segment;
};

Response segment_answer(FlagServices& services, const Context& context, const Place& place,
                        const storage::Committed<Changed>& changed, int status = 200) {
  const Segment& segment = **place.find(*changed.value.name_space);
  return at(services, context, entity_answer(to_json(segment), segment.version, {}, status), changed.seq);
}

Task<Response> get_segments(FlagServices& services, Context& context) {
  const Result<Manager> manager = co_await read_manager(services, context, Right::read);
  if (!manager) co_return fail(manager.error(), context);
  const Result<Page> page = read_page(context.request);
  if (!page) co_return fail(page.error(), context);
  const Result<EnvironmentRef> environment = place_of(services, context);
  if (!environment) co_return fail(environment.error(), context);
  auto write = [environment = *environment, page = *page](storage::Snapshot&) -> Result<Response> {
    const std::vector<SegmentRef>& all = environment->segments;
    json::array list;
    for (std::size_t i = page.begin(all.size()); i < page.end(all.size()); ++i)
      list.push_back(to_json(*all[i]));
    return data_answer(list, page_meta(page, all.size()));
  };
  Result<Response> list = co_await services.parts.list_readers.read(std::move(write));
  if (!list) co_return fail(list.error(), context);
  co_return at(services, context, std::move(*list));
}

Task<Response> get_segment(FlagServices& services, Context& context) {
  const Result<Manager> manager = co_await read_manager(services, context, Right::read);
  if (!manager) co_return fail(manager.error(), context);
  const Result<NamespaceRef> name_space = namespace_of(services, context);
  if (!name_space) co_return fail(name_space.error(), context);
  const Result<const Segment*> segment = Place(context).find(**name_space);
  if (!segment) co_return fail(segment.error(), context);
  const std::string tag = version_tag((*segment)->version);
  if (is_known(context.request, tag)) co_return at(services, context, not_modified(tag));
  co_return at(services, context, entity_answer(to_json(**segment), (*segment)->version));
}

Task<Response> post_segment(FlagServices& services, Context& context) {
  const Result<Change> change = co_await begin_change(services, context, Matching::optional);
  if (!change) co_return fail(change.error(), context);
  const Result<EnvironmentRef> environment = place_of(services, context);
  if (!environment) co_return fail(environment.error(), context);
  const Result<SegmentBody> body = co_await read_body(services, context.request, read_new_segment);
  if (!body) co_return fail(body.error(), context);
  Place place(context);
  place.segment = body->key;
  auto edit = [place, body = *body](NamespaceEdit& of) -> Result<> {
    const Result<const Environment*> there = place.find_environment(of.before());
    if (!there) return there.error();
    if ((*there)->segment(place.segment) != nullptr)
      return Error(ErrorCode::key_taken, "There is a segment with this key.");
    of.put_segment(place.environment, place.segment, body.name.value_or(place.segment), body.rule);
    return {};
  };
  const ChangeOutcome made = co_await change_namespace(services, context, *change, std::move(edit));
  if (!made) co_return fail(made.error(), context);
  co_return segment_answer(services, context, place, *made, 201)
      .with("Location", context.request.path + '/' + place.segment);
}

Task<Response> put_segment(FlagServices& services, Context& context) {
  const Result<Change> change = co_await begin_change(services, context);
  if (!change) co_return fail(change.error(), context);
  const Place place(context);
  const Result<SegmentBody> body = co_await read_body(services, context.request, read_segment);
  if (!body) co_return fail(body.error(), context);
  auto edit = [place, body = *body, match = change->match](NamespaceEdit& of) -> Result<> {
    const Result<const Segment*> there = place.find(of.before(), match);
    if (!there) return there.error();
    if (const Result<> repeats = check_repeated(body.repeated, server_members(**there)); !repeats)
      return repeats;
    of.put_segment(place.environment, place.segment, body.name.value_or((*there)->name), body.rule);
    return {};
  };
  const ChangeOutcome changed = co_await change_namespace(services, context, *change, std::move(edit));
  if (!changed) co_return fail(changed.error(), context);
  co_return segment_answer(services, context, place, *changed);
}

Task<Response> delete_segment(FlagServices& services, Context& context) {
  return remove(services, context,
                [place = Place(context)](NamespaceEdit& of, const IfMatch& match) -> Result<> {
                  if (const auto there = place.find(of.before(), match); !there) return there.error();
                  of.remove_segment(place.environment, place.segment);
                  return {};
                });
}

}  // namespace

void add_segment_routes(Routes& routes) {
  const std::string all = "/api/v1/namespaces/{namespace}/environments/{environment}/segments";
  const std::string one = all + "/{segment}";
  routes.add(Method::get, all, get_segments, definition_body_bytes_max);
  routes.add(Method::post, all, post_segment, definition_body_bytes_max);
  routes.add(Method::get, one, get_segment, definition_body_bytes_max);
  routes.add(Method::put, one, put_segment, definition_body_bytes_max);
  routes.add(Method::del, one, delete_segment, definition_body_bytes_max);
}

}  // namespace corohub::flags
