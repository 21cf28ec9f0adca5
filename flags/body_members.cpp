#include "flags/body_members.hpp"

namespace corohub::flags {

using http::Fields;

std::string read_key(Fields& fields, std::size_t bytes_max, std::string_view more) {
  std::string key = fields.required_text("key", {.min = 1, .max = bytes_max});
  if (!key.empty() && !is_key_name(key, bytes_max, more))
    fields.refuse("key", "invalid_format",
                  "Must be letters, digits and '.', '_', '-', a letter or digit first.");
  return key;
}

std::string read_name(Fields& fields, const std::string& key) {
  return fields.text("name", {.min = 1, .max = entity_name_max, .trim = true}).value_or(key);
}

// The key of another entity, or null.
std::optional<std::string> read_reference(Fields& fields, std::string_view member, std::size_t bytes_max,
                                          std::string_view more) {
  if (fields.is_null(member)) return std::nullopt;
  std::optional<std::string> key = fields.text(member, {.max = bytes_max});
  if (key && !is_key_name(*key, bytes_max, more)) fields.refuse(member, "invalid_format", "Must be a key.");
  return key;
}

json::object server_members(const Entity& entity) {
  return {{"id", entity.id},
          {"key", entity.key},
          {"version", entity.version},
          {"created_at", rfc3339(entity.created_at)},
          {"updated_at", rfc3339(entity.updated_at)}};
}

}  // namespace corohub::flags
