#include "flags/client_bodies.hpp"

#include "core/json_text.hpp"
#include "core/rfc3339.hpp"
#include "flags/body_members.hpp"

#include <algorithm>
#include <utility>

namespace corohub::flags {
namespace {

using http::Fields;

constexpr Words known = {"name",        "user_id",    "package", "platform",
                         "environment", "attributes", "status",  "overrides"};

bool has_too_many_levels(const json::value& value, std::size_t levels) noexcept {
  if (!value.is_structured()) return false;
  if (levels == attribute_levels_max) return true;
  const auto is_deep = [levels](const json::value& one) { return has_too_many_levels(one, levels + 1); };
  if (value.is_array()) return std::ranges::any_of(value.get_array(), is_deep);
  return std::ranges::any_of(value.get_object(), [&](const auto& member) { return is_deep(member.value()); });
}

std::string read_attributes(Fields& fields, const json::object& document) {
  if (fields.is_null("attributes") || fields.object("attributes") == nullptr) return "{}";
  const json::value& attributes = document.at("attributes");
  if (has_too_many_levels(attributes, 0))
    fields.refuse("attributes", "too_complex", "May be nested 8 levels deep.");
  std::string text = json_text(attributes);
  if (text.size() > client_bytes_max)
    fields.refuse("attributes", "out_of_range", "Attributes and overrides must have at most 4 KiB together.");
  return text;
}

OverrideBody read_said(Fields& fields, std::string flag) {
  OverrideBody said;
  said.flag = std::move(flag);
  fields.require("grant");
  said.granted = fields.boolean("grant").value_or(false);
  if (!fields.is_null("reason"))
    said.reason = fields.text("reason", {.max = reason_max, .controls = true}).value_or("");
  if (fields.is_null("expires_at")) return said;
  if (const std::optional<std::string> time = fields.text("expires_at", {.min = 1, .max = 64})) {
    said.expires_at = parse_rfc3339(*time);
    if (!said.expires_at)
      fields.refuse("expires_at", "invalid_format",
                    "Must be a time as RFC 3339 writes it: 2026-01-06T10:30:00Z.");
  }
  return said;
}

constexpr Words of_an_override = {"grant", "reason", "expires_at"};

std::vector<OverrideBody> read_overrides(Fields& fields) {
  std::vector<OverrideBody> all;
  const json::object* overrides = fields.is_null("overrides") ? nullptr : fields.object("overrides");
  if (overrides == nullptr) return all;
  if (overrides->size() > overrides_max) {
    fields.refuse("overrides", "out_of_range", "There may be 100 at most.");
    return all;
  }
  Fields by_flag(*overrides, "/overrides");
  for (const json::key_value_pair& member : *overrides) {
    const json::object* one = by_flag.object(member.key());
    if (one == nullptr) continue;
    if (!is_key_name(member.key(), flag_key_bytes_max, flag_key_characters)) {
      by_flag.refuse(member.key(), "unknown_flag", "There is no such flag.");
      continue;
    }
    Fields said(*one, "/overrides/" + std::string(member.key()));
    refuse_unknown(said, *one, of_an_override);
    all.push_back(read_said(said, std::string(member.key())));
    by_flag.merge(std::move(said));
  }
  fields.merge(std::move(by_flag));
  return all;
}

// The client as far as has_room() looks at it.
ShownClient sketch_of(const ClientBody& body) {
  ShownClient sketch;
  sketch.client.attributes = body.attributes;
  for (const OverrideBody& one : body.overrides) {
    sketch.client.overrides.push_back({0, one.granted, one.reason, one.expires_at});
    sketch.flags.push_back(one.flag);
  }
  return sketch;
}

Result<ClientBody> read_members(Fields& fields, const json::object& document, ClientBody client) {
  if (fields.is_null("name"))
    client.name = client.key;
  else
    client.name = read_name(fields, client.key);
  if (!fields.is_null("user_id")) client.user_id = fields.integer("user_id", 1, std::int64_t{1} << 53);
  client.package = read_reference(fields, "package", key_name_bytes_max, {});
  client.platform = read_reference(fields, "platform", key_name_bytes_max, {});
  client.environment = read_reference(fields, "environment", key_name_bytes_max, {});
  client.attributes = read_attributes(fields, document);
  if (!fields.is_null("status"))
    if (const auto status = fields.one_of("status", {"active", "disabled"}))
      client.status = parse_client_status(*status).value();
  client.overrides = read_overrides(fields);
  if (fields.ok() && !has_room(sketch_of(client)))
    fields.refuse("overrides", "out_of_range", "Attributes and overrides must have at most 4 KiB together.");
  if (const Result<> read = fields.result(); !read) return read.error();
  return client;
}

}  // namespace

Result<ClientBody> read_new_client(const json::object& body) {
  Fields fields(body);
  refuse_unknown(
      fields, body,
      {"key", "name", "user_id", "package", "platform", "environment", "attributes", "status", "overrides"});
  ClientBody client;
  client.key = read_key(fields, client_key_name_bytes_max, client_key_name_characters);
  return read_members(fields, body, std::move(client));
}

Result<ClientBody> read_client(const ShownClient& base, const json::object& body) {
  Fields fields(body);
  refuse_unknown(fields, body, known, server_members(base.client));
  ClientBody client;
  client.key = base.client.key;
  return read_members(fields, body, std::move(client));
}

Result<ClientBody> patch_client(const ShownClient& base, const json::object& patch) {
  return patched(to_json(base), patch, known, server_members(base.client), {},
                 [&](Fields& fields, const json::object& document) {
                   ClientBody client;
                   client.key = base.client.key;
                   return read_members(fields, document, std::move(client));
                 });
}

Result<OverrideBody> read_override(std::string flag, const json::object& body) {
  Fields fields(body);
  refuse_unknown(fields, body, of_an_override);
  OverrideBody said = read_said(fields, std::move(flag));
  if (const Result<> read = fields.result(); !read) return read.error();
  return said;
}

bool has_room(const ShownClient& client) {
  const std::size_t overrides =
      client.client.overrides.empty() ? 0 : json_text(overrides_json(client)).size();
  return client.client.attributes.size() + overrides <= client_bytes_max;
}

Result<std::string> read_client_key_name(const json::object& body) {
  Fields fields(body);
  fields.forbid({"id", "key", "created_at"});
  refuse_unknown(fields, body, {"name", "id", "key", "created_at"});
  std::string name = fields.text("name", {.max = entity_name_max, .trim = true}).value_or("");
  if (const Result<> read = fields.result(); !read) return read.error();
  return name;
}

}  // namespace corohub::flags
