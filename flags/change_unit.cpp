#include "flags/change_unit.hpp"

#include "flags/answers.hpp"
#include "flags/manager.hpp"
#include "users/query_reader.hpp"

#include <algorithm>
#include <utility>

namespace corohub::flags {

namespace {

// What the query of every change may say.
Result<> read_change_query(const http::Request& request, Change& change) {
  Result<std::string> comment = read_comment(request);
  if (!comment) return comment.error();
  change.author.comment = std::move(*comment);
  users::QueryReader reader(request);
  change.reading.strict = reader.toggle("strict", true);
  return reader.result();
}

}  // namespace

Task<Result<Change>> begin_change(FlagServices& services, http::Context& context, Matching matching,
                                  Source source) {
  const Result<Manager> manager = co_await read_manager(services, context, Right::write);
  if (!manager) co_return manager.error();
  Change change;
  change.author = manager->author(source, {});
  if (const Result<> read = read_change_query(context.request, change); !read) co_return read.error();
  const Result<NamespaceRef> name_space = namespace_of(services, context);
  if (!name_space) co_return name_space.error();
  change.name_space = (*name_space)->key;
  if (matching == Matching::optional) {
    change.match = IfMatch::read_optional(context.request);
    co_return change;
  }
  Result<IfMatch> match = IfMatch::read(context.request);
  if (!match) co_return match.error();
  change.match = std::move(*match);
  co_return change;
}

void add_warnings(Changed& changed, const Reading& reading) {
  changed.warnings.insert(changed.warnings.begin(), reading.warnings.begin(), reading.warnings.end());
}

Result<json::object> parse_document(const std::string& text, JsonLimits limits) {
  Result<json::value> value = parse_json(text, limits);
  if (!value) return value.error();
  if (!value->is_object()) return Error(ErrorCode::invalid_json, "The body must be a JSON object.");
  return std::move(value->get_object());
}

std::size_t weight_of_removal(const Namespace& name_space, std::string_view flag) noexcept {
  std::size_t definitions = 0;
  for (const EnvironmentRef& environment : name_space.environments)
    if (const Flag* there = environment->find(flag)) definitions += there->definition->bytes;
  return definition_bytes_max + std::min(definitions, bytes_of_gone_flag_max);
}

Task<http::Response> remove(FlagServices& services, http::Context& context, Removal removal) {
  const Result<Change> change = co_await begin_change(services, context);
  if (!change) co_return http::fail(change.error(), context);
  const Result<NamespaceRef> name_space = namespace_of(services, context);
  if (!name_space) co_return http::fail(name_space.error(), context);
  const std::size_t weight = weight_of_removal(**name_space, context.param("flag"));
  auto edit = [removal = std::move(removal), match = change->match](NamespaceEdit& of) {
    return removal(of, match);
  };
  const ChangeOutcome gone = co_await change_namespace(services, *change, std::move(edit), weight);
  if (!gone) co_return http::fail(gone.error(), context);
  co_return at(services, context, http::no_content(), gone->seq);
}

}  // namespace corohub::flags
