#include "flags/gateway_route.hpp"

#include "core/json_text.hpp"
#include "flags/bodies.hpp"
#include "flags/body_members.hpp"
#include "flags/json_equality.hpp"
#include "http/fields.hpp"

#include <algorithm>
#include <tuple>
#include <utility>

namespace corohub::flags {
namespace {

constexpr Words known = {"name", "path", "service_name", "enabled", "config"};

auto members_of(const GatewayRoute& route) {
  return std::tie(route.name, route.path, route.service_name, route.enabled);
}

// '#' separates the parts of the keys of caches.
bool is_path(std::string_view text) {
  return text.starts_with('/') &&
         std::ranges::none_of(text, [](char c) { return c == '#' || c == ' ' || c == '\\'; });
}

std::string read_path(http::Fields& fields) {
  std::string path = fields.required_text("path", {.min = 1, .max = gateway_path_max});
  if (!path.empty() && !is_path(path))
    fields.refuse("path", "invalid_format", "Must begin with '/', without '#', '\\' and blanks.");
  return path;
}

std::string read_config(http::Fields& fields) {
  const json::object* config = fields.object("config");
  std::string text = config == nullptr ? "{}" : json_text(*config);
  if (text.size() > gateway_config_bytes_max)
    fields.refuse("config", "out_of_range", "Must have at most 32 KiB.");
  return text;
}

Result<GatewayRoute> read_members(http::Fields& fields, GatewayRoute route) {
  route.path = read_path(fields);
  route.name = fields.text("name", {.min = 1, .max = gateway_path_max, .trim = true}).value_or(route.path);
  route.service_name = fields.text("service_name", {.max = gateway_service_max}).value_or("");
  route.enabled = fields.boolean("enabled").value_or(true);
  route.config = read_config(fields);
  if (const Result<> read = fields.result(); !read) return read.error();
  return route;
}

json::object server_members(const GatewayRoute& route) {
  return {{"id", route.id},
          {"version", route.version},
          {"created_at", rfc3339(route.created_at)},
          {"updated_at", rfc3339(route.updated_at)}};
}

json::value parse_config(const std::string& text) {
  return parse_json(text, {.depth = 128, .members = text.size()}).value();
}

}  // namespace

bool says_the_same(const GatewayRoute& one, const GatewayRoute& other) {
  return members_of(one) == members_of(other) && are_equal_as_json(one.config, other.config);
}

json::object to_json(const GatewayRoute& route) {
  json::object object;
  object["id"] = route.id;
  object["name"] = route.name;
  object["path"] = route.path;
  object["service_name"] = route.service_name;
  object["enabled"] = route.enabled;
  object["config"] = parse_config(route.config);
  object["version"] = route.version;
  object["created_at"] = rfc3339(route.created_at);
  object["updated_at"] = rfc3339(route.updated_at);
  return object;
}

Result<GatewayRoute> read_new_gateway_route(const json::object& body) {
  http::Fields fields(body);
  refuse_unknown(fields, body, known);
  return read_members(fields, {});
}

Result<GatewayRoute> read_gateway_route(const GatewayRoute& base, const json::object& body) {
  http::Fields fields(body);
  refuse_unknown(fields, body, known, server_members(base));
  return read_members(fields, base);
}

Result<GatewayRoute> patch_gateway_route(const GatewayRoute& base, const json::object& patch) {
  return patched(to_json(base), patch, known, server_members(base), {},
                 [&](http::Fields& fields, const json::object&) { return read_members(fields, base); });
}

}  // namespace corohub::flags
