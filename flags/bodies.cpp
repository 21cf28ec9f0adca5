#include "flags/bodies.hpp"

#include "core/encoding.hpp"
#include "core/json_text.hpp"
#include "flags/answers.hpp"
#include "flags/body_members.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace corohub::flags {
namespace {

using http::Fields;

// ---- namespaces ----

std::optional<std::string> read_application(Fields& fields, std::string_view member) {
  std::optional<std::string> text = fields.text(member, {.min = 1, .max = application_bytes_max});
  const auto is_good = [](char c) { return c >= 0x20 && c <= 0x7e && c != '#'; };
  if (text && !std::ranges::all_of(*text, is_good))
    fields.refuse(member, "invalid_format", "Must be printable ASCII without '#'.");
  return text;
}

Result<NamespaceProperties> read_namespace_properties(Fields& fields, NamespaceProperties properties) {
  properties.name = read_name(fields, properties.key);
  properties.tenant_id = read_application(fields, "tenant_id").value_or("default");
  properties.app_id = read_application(fields, "app_id").value_or(properties.key);
  if (const auto access = fields.one_of("access", {"public", "users", "clients"}))
    properties.access = *parse_namespace_access(*access);
  if (const Result<> read = fields.result(); !read) return read.error();
  return properties;
}

// ---- environments ----

json::object read_metadata(Fields& fields) {
  const json::object* metadata = fields.object("metadata");
  if (metadata == nullptr) return {};
  if (json_text(*metadata).size() > metadata_bytes_max)
    fields.refuse("metadata", "out_of_range", "Must have at most 8 KiB.");
  Fields members(*metadata, "/metadata");
  std::size_t refused = 0;
  for (const json::key_value_pair& member : *metadata)
    if ((member.value().is_null() || member.value().is_structured()) && refused++ < complaints_max)
      members.refuse(member.key(), "invalid_type", "Must be a text, a number or a boolean.");
  fields.merge(std::move(members));
  return *metadata;
}

Result<EnvironmentParts> read_environment_members(Fields& fields, EnvironmentParts parts) {
  parts.name = read_name(fields, parts.key);
  parts.is_default = fields.boolean("is_default").value_or(false);
  parts.metadata = read_metadata(fields);
  if (const Result<> read = fields.result(); !read) return read.error();
  return parts;
}

// ---- flags ----

std::vector<std::string> read_tags(Fields& fields, const json::object& object) {
  const json::value* tags = object.if_contains("tags");
  std::vector<std::string> read;
  if (tags == nullptr) return read;
  if (!tags->is_array()) {
    fields.refuse("tags", "invalid_type", "Must be a list.");
    return read;
  }
  if (tags->get_array().size() > tags_max) {
    fields.refuse("tags", "out_of_range", "There may be 20 at most.");
    return read;
  }
  for (const json::value& tag : tags->get_array()) {
    const std::size_t length = tag.is_string() ? code_points(tag.get_string()) : 0;
    if (length < 1 || length > tag_max) {
      fields.refuse("tags", tag.is_string() ? "out_of_range" : "invalid_type",
                    "Each must be a text of 1 to 50 characters.");
      return read;
    }
    std::string text(tag.get_string());
    if (std::ranges::find(read, text) == read.end()) read.push_back(std::move(text));
  }
  return read;
}

void read_identity_members(Fields& fields, const json::object& object, FlagIdentity& flag) {
  flag.name = read_name(fields, flag.key);
  flag.description = fields.text("description", {.max = description_max, .controls = true}).value_or("");
  flag.tags = read_tags(fields, object);
  flag.parent = read_reference(fields, "parent", flag_key_bytes_max, flag_key_characters);
  flag.platform = read_reference(fields, "platform", key_name_bytes_max, {});
  flag.package_gated = fields.boolean("package_gated").value_or(false);
  flag.client_visible = fields.boolean("client_visible").value_or(true);
  flag.off_variant = std::nullopt;
  if (!fields.is_null("off_variant"))
    flag.off_variant = fields.text("off_variant", {.min = 1, .max = 256, .controls = true});
}

constexpr std::array<std::string_view, 2> shown_beside = {"environments", "sub_features"};

// `beside`: what is shown with the identity, and follows from other things.
Result<FlagIdentity> patch_identity_beside(const FlagIdentity& base, const json::object& beside,
                                           const json::object& patch, std::string at) {
  const Words known = {"name",     "description",   "tags",        "type",          "parent",
                       "platform", "package_gated", "off_variant", "client_visible"};
  json::object server_sets = server_members(base);
  for (const std::string_view key : shown_beside) {
    const json::value* shown = beside.if_contains(key);
    server_sets[key] = shown != nullptr ? *shown : json::value();
  }
  return patched(to_json(base), patch, known, server_sets, std::move(at),
                 [&](Fields& fields, const json::object& document) -> Result<FlagIdentity> {
                   FlagIdentity flag;
                   flag.key = base.key;
                   flag.type = base.type;
                   read_identity_members(fields, document, flag);
                   const json::value* type = patch.if_contains("type");
                   if (type != nullptr && *type != json::value(name(base.type)))
                     fields.refuse("type", "type_fixed", "The type of a flag is fixed.");
                   if (const Result<> read = fields.result(); !read) return read.error();
                   return flag;
                 });
}

void refuse_others(Fields& fields, const json::object& object, const json::object& server_sets) {
  for (const json::key_value_pair& shown : server_sets)
    if (const json::value* sent = object.if_contains(shown.key()); sent != nullptr && *sent != shown.value())
      fields.forbid({shown.key()});
}

}  // namespace

Result<> check_repeated(const json::object& sent, const json::object& server_sets) {
  Fields fields(sent);
  refuse_others(fields, sent, server_sets);
  return fields.result();
}

void refuse_unknown(Fields& fields, const json::object& object, Words known,
                    const json::object& server_sets) {
  refuse_others(fields, object, server_sets);
  std::size_t refused = 0;
  for (const json::key_value_pair& member : object) {
    const std::string_view key = member.key();
    if (is_foreign_member(key) || server_sets.contains(key)) continue;
    if (std::ranges::find(known, key) != known.end()) continue;
    if (refused++ == complaints_max) return;
    fields.refuse(key, "unknown_member", "There is no such member.");
  }
}

Result<NamespaceProperties> read_new_namespace(const json::object& body) {
  Fields fields(body);
  refuse_unknown(fields, body, {"key", "name", "tenant_id", "app_id", "access"});
  NamespaceProperties properties;
  properties.key = read_key(fields);
  return read_namespace_properties(fields, std::move(properties));
}

Result<NamespaceProperties> patch_namespace(const Namespace& base, const json::object& patch) {
  const Words known = {"name", "tenant_id", "app_id", "access"};
  return patched(to_json(base), patch, known, server_members(base), {},
                 [&](Fields& fields, const json::object&) {
                   NamespaceProperties properties;
                   properties.key = base.key;
                   return read_namespace_properties(fields, std::move(properties));
                 });
}

Result<NewEnvironment> read_new_environment(const json::object& body) {
  Fields fields(body);
  refuse_unknown(fields, body, {"key", "name", "copy_from", "metadata", "is_default"});
  NewEnvironment made;
  made.parts.key = read_key(fields);
  made.copy_from = read_reference(fields, "copy_from", key_name_bytes_max, {}).value_or("");
  Result<EnvironmentParts> parts = read_environment_members(fields, std::move(made.parts));
  if (!parts) return parts.error();
  made.parts = std::move(*parts);
  return made;
}

Result<EnvironmentParts> patch_environment(const EnvironmentParts& base, const json::object& patch) {
  const Words known = {"name", "is_default", "metadata"};
  json::object server_sets = server_members(base);
  server_sets["revision"] = base.revision;
  return patched(to_json(base), patch, known, server_sets, {}, [&](Fields& fields, const json::object&) {
    EnvironmentParts parts;
    parts.key = base.key;
    return read_environment_members(fields, std::move(parts));
  });
}

Result<FlagIdentity> patch_identity(const FlagIdentity& base, const json::object& patch, std::string at) {
  return patch_identity_beside(base, {}, patch, std::move(at));
}

Result<FlagIdentity> patch_shown_identity(const Namespace& name_space, const FlagIdentity& base,
                                          const json::object& patch) {
  const bool repeats =
      std::ranges::any_of(shown_beside, [&](std::string_view key) { return patch.contains(key); });
  return patch_identity_beside(base, repeats ? to_json(name_space, base) : json::object(), patch, {});
}

Result<NewFlag> read_new_flag(const json::object& body, Reading& reading) {
  const Words in_definition = {"state", "variants", "defaultVariant", "targeting", "metadata"};
  json::object document;
  json::object identity;
  for (const json::key_value_pair& member : body) {
    const bool defines =
        std::ranges::find(in_definition, std::string_view(member.key())) != in_definition.end();
    (defines ? document : identity)[member.key()] = member.value();
  }
  if (!document.contains("state")) document["state"] = name(State::disabled);

  Fields fields(identity);
  refuse_unknown(fields, identity,
                 {"key", "name", "description", "tags", "type", "parent", "platform", "package_gated",
                  "off_variant", "client_visible", "environment"});
  NewFlag made;
  made.identity.key = read_key(fields, flag_key_bytes_max, flag_key_characters);
  made.environment = read_reference(fields, "environment", key_name_bytes_max, {}).value_or("");
  read_identity_members(fields, identity, made.identity);
  Result<DefinitionRef> definition = parse_definition(document, reading);
  if (definition) {
    const json::value* type = identity.if_contains("type");
    if (type != nullptr && *type != json::value(name((*definition)->type)))
      fields.refuse("type", "type_fixed", "It follows from the variants.");
  }
  Result<> read = fields.result();
  if (!read || !definition) {
    Error error(ErrorCode::validation_failed);
    if (!read) error = read.error();
    if (!definition) {
      const Error others = definition.error();
      error.fields.insert(error.fields.end(), others.fields.begin(), others.fields.end());
    }
    return error;
  }
  made.definition = std::move(*definition);
  made.identity.type = made.definition->type;
  if (!body.contains("off_variant"))
    if (const Variant* off = default_off_variant(*made.definition)) made.identity.off_variant = off->name;
  return made;
}

Result<DefinitionRef> read_definition(json::object body, Reading& reading) {
  for (const std::string_view shown : shown_with_definition) body.erase(shown);
  return parse_definition(body, reading);
}

}  // namespace corohub::flags
