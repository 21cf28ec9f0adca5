// /api/v1/namespaces/{namespace}/platforms: what flags run on, with a switch for all of them together.
#include "flags/keyed_routes.hpp"
#include "flags/package_bodies.hpp"

#include <utility>

namespace corohub::flags {
namespace {

struct Platforms {
  using Type = Platform;
  static constexpr const char* parameter = "platform";
  static constexpr JsonLimits json_limits = document_limits;

  static const std::vector<PlatformRef>& all(const Namespace& name_space) { return name_space.platforms; }
  static bool is_large(const Platform&) { return false; }
  static json::object show(const Namespace&, const Platform& platform) { return to_json(platform); }
  static Result<Platform> read_new(const Namespace&, const json::object& body) {
    return read_new_platform(body);
  }
  static Result<Platform> read(const Namespace&, const Platform& before, const json::object& body) {
    return read_platform(before, body);
  }
  static Result<Platform> patch(const Namespace&, const Platform& before, const json::object& patch) {
    return patch_platform(before, patch);
  }
  static void put(NamespaceEdit& of, Platform platform) { of.put_platform(std::move(platform)); }
  static void remove(NamespaceEdit& of, std::string_view key) { of.remove_platform(key); }
  static Error missing() { return no_platform(); }
  static Error taken() { return Error(ErrorCode::key_taken, "There is a platform with this key."); }
};

Task<http::Response> switch_platform(FlagServices& services, http::Context& context, bool enabled) {
  const Result<Change> change = co_await begin_change(services, context, Matching::optional);
  if (!change) co_return http::fail(change.error(), context);
  auto edit = [enabled](const Namespace&, const Platform& before) -> Result<Platform> {
    Platform after = before;
    after.enabled = enabled;
    return after;
  };
  co_return co_await change_one<Platforms>(services, context, *change, std::move(edit));
}

Task<http::Response> enable_platform(FlagServices& services, http::Context& context) {
  return switch_platform(services, context, true);
}

Task<http::Response> disable_platform(FlagServices& services, http::Context& context) {
  return switch_platform(services, context, false);
}

}  // namespace

void add_platform_routes(Routes& routes) {
  const std::string all = "/api/v1/namespaces/{namespace}/platforms";
  add_keyed_routes<Platforms>(routes, all);
  routes.add(http::Method::post, all + "/{platform}/enable", enable_platform);
  routes.add(http::Method::post, all + "/{platform}/disable", disable_platform);
}

}  // namespace corohub::flags
