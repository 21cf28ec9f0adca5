// /api/v1/namespaces/{namespace}/packages: which flags somebody has together, within which limits.
#include "flags/keyed_routes.hpp"
#include "flags/package_bodies.hpp"

#include <utility>

namespace corohub::flags {
namespace {

using http::Context;
using http::Response;

constexpr std::size_t package_body_bytes_max = 512 << 10;

struct Packages {
  using Type = Package;
  static constexpr const char* parameter = "package";
  // Room for 2,000 flags with 20 limits each, which are 44,000 members; the body's size is the bound.
  static constexpr JsonLimits json_limits = {.depth = 128, .members = 50'000};

  static const std::vector<PackageRef>& all(const Namespace& name_space) { return name_space.packages; }
  // More flags than a turn of the shard has time to write with their limits.
  static bool is_large(const Package& package) { return package.features.size() > 64; }
  static json::object show(const Namespace& name_space, const Package& package) {
    return to_json(name_space, package);
  }
  static Result<Package> read_new(const Namespace& name_space, const json::object& body) {
    return read_new_package(name_space, body);
  }
  static Result<Package> read(const Namespace& name_space, const Package& before, const json::object& body) {
    return read_package(name_space, before, body);
  }
  static Result<Package> patch(const Namespace& name_space, const Package& before,
                               const json::object& patch) {
    return patch_package(name_space, before, patch);
  }
  static void put(NamespaceEdit& of, Package package) { of.put_package(std::move(package)); }
  static void remove(NamespaceEdit& of, std::string_view key) { of.remove_package(key); }
  static Error missing() { return no_package(); }
  static Error taken() { return Error(ErrorCode::key_taken, "There is a package with this key."); }
};

// Without a body the feature has no limits.
Task<Result<json::object>> read_sent_limits(FlagServices& services, const http::Request& request) {
  if (request.body.empty()) co_return json::object();
  co_return co_await read_body(services, request, read_limits);
}

Task<Response> put_feature(FlagServices& services, Context& context) {
  const Result<Change> change = co_await begin_change(services, context, Matching::optional);
  if (!change) co_return http::fail(change.error(), context);
  Result<json::object> limits = co_await read_sent_limits(services, context.request);
  if (!limits) co_return http::fail(limits.error(), context);
  auto edit = [flag = std::string(context.param("flag")), limits = std::move(*limits)](
                  const Namespace& name_space, const Package& before) -> Result<Package> {
    const FlagIdentity* there = find_identity(name_space, flag);
    if (there == nullptr) return no_flag();
    return with_feature(before, {there->id, limits});
  };
  co_return co_await change_one<Packages>(services, context, *change, std::move(edit));
}

Task<Response> delete_feature(FlagServices& services, Context& context) {
  const Result<Change> change = co_await begin_change(services, context, Matching::optional);
  if (!change) co_return http::fail(change.error(), context);
  auto edit = [flag = std::string(context.param("flag"))](const Namespace& name_space,
                                                          const Package& before) -> Result<Package> {
    const FlagIdentity* there = find_identity(name_space, flag);
    if (there == nullptr) return no_flag();
    Package after = before;
    if (std::erase_if(after.features, [&](const Feature& one) { return one.flag_id == there->id; }) == 0)
      return Error(ErrorCode::not_found, "The package has no such flag.");
    return after;
  };
  const ChangeOutcome changed = co_await put_changed<Packages>(services, context, *change, std::move(edit));
  if (!changed) co_return http::fail(changed.error(), context);
  const auto package = find_keyed<Packages>(*changed->value.name_space, context.param(Packages::parameter));
  co_return at(services, context, http::no_content().with("ETag", version_tag((*package)->version)),
               changed->seq);
}

}  // namespace

void add_package_routes(Routes& routes) {
  const std::string all = "/api/v1/namespaces/{namespace}/packages";
  add_keyed_routes<Packages>(routes, all, package_body_bytes_max);
  const std::string feature = all + "/{package}/features/{flag}";
  routes.add(http::Method::put, feature, put_feature);
  routes.add(http::Method::del, feature, delete_feature);
}

}  // namespace corohub::flags
