#include "flags/definition_patch.hpp"

#include <array>

namespace corohub::flags {
namespace {

// The member of the object; null: there is none.
void set_or_erase(json::object& target, std::string_view key, const json::value& value) {
  if (value.is_null())
    target.erase(key);
  else
    target[key] = value;
}

}  // namespace

void merge_patch(json::object& target, const json::object& patch) {
  for (const json::key_value_pair& member : patch) {
    if (!member.value().is_object()) {
      set_or_erase(target, member.key(), member.value());
      continue;
    }
    json::value& place = target[member.key()];
    if (!place.is_object()) place = json::object();
    merge_patch(place.get_object(), member.value().get_object());
  }
}

Result<DefinitionRef> patch_definition(const Definition& base, const json::object& patch, Reading& reading) {
  Error refusal(ErrorCode::field_not_allowed, "Only the server sets these.");
  for (const std::string_view key : std::array{"key", "version", "enabled"})
    if (patch.contains(key))
      refusal.fields.push_back(
          {reading.at + "/" + std::string(key), "field_not_allowed", "Only the server sets it."});
  if (!refusal.fields.empty()) return refusal;

  json::object document = base.document;
  json::object merged = patch;
  for (const std::string_view key : std::array{"variants", "targeting"}) {
    const json::value* whole = patch.if_contains(key);
    if (whole == nullptr) continue;
    set_or_erase(document, key, *whole);
    merged.erase(key);
  }
  merge_patch(document, merged);
  return parse_definition(document, reading);
}

DefinitionRef with_state(const DefinitionRef& definition, State state) {
  if (definition->state == state) return definition;
  auto copy = std::make_shared<Definition>(*definition);
  copy->state = state;
  copy->document["state"] = name(state);
  return copy;
}

const Variant* default_off_variant(const Definition& definition) noexcept {
  if (definition.type != ValueType::boolean) return nullptr;
  const Variant* only = nullptr;
  for (const Variant& variant : definition.variants) {
    if (!variant.value.is_bool() || variant.value.get_bool()) continue;
    if (only != nullptr) return nullptr;
    only = &variant;
  }
  return only;
}

}  // namespace corohub::flags
