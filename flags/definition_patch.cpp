#include "flags/definition_patch.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace corohub::flags {
namespace {

// The member of the object; null: there is none.
void set_or_erase(json::object& target, std::string_view key, const json::value& value) {
  if (value.is_null())
    target.erase(key);
  else
    target[key] = value;
}

// Where a rule names the segment: the end of a JSON pointer. Rules are shallow. A member that is not the name
// of an operator of ours is told as it stands.
// As a JSON pointer (RFC 6901) has it: operators may have a slash in their names.
std::string pointer_token(std::string_view key) {
  std::string token;
  for (const char c : key) {
    if (c == '~')
      token += "~0";
    else if (c == '/')
      token += "~1";
    else
      token += c;
  }
  return token;
}

std::optional<std::string> place_of(const json::value& rule, const std::string& segment) {
  if (const json::array* list = rule.if_array()) {
    for (std::size_t i = 0; i < list->size(); ++i)
      if (const auto below = place_of((*list)[i], segment)) return "/" + std::to_string(i) + *below;
  } else if (const json::object* object = rule.if_object()) {
    for (const json::key_value_pair& member : *object) {
      if (member.key() == "$ref" && member.value() == json::value(segment)) return "/$ref";
      if (const auto below = place_of(member.value(), segment))
        return "/" + pointer_token(member.key()) + *below;
    }
  }
  return std::nullopt;
}

constexpr std::array<std::string_view, 5> definition_members = {"state", "variants", "defaultVariant",
                                                                "metadata", "targeting"};

bool is_one_of(std::span<const std::string_view> names, std::string_view name) {
  return std::ranges::find(names, name) != names.end();
}

bool leaves_the_rule(const json::object& patch) {
  const auto beside_the_rule = std::span(definition_members).first<4>();
  return std::ranges::all_of(
      patch, [&](const json::key_value_pair& member) { return is_one_of(beside_the_rule, member.key()); });
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

  if (leaves_the_rule(patch)) reading.strict = false;
  json::object document = base.document;
  json::object merged = patch;
  for (const std::string_view key : std::array{"variants", "targeting"}) {
    const json::value* whole = patch.if_contains(key);
    if (whole == nullptr) continue;
    set_or_erase(document, key, *whole);
    merged.erase(key);
  }
  merge_patch(document, merged);
  // What is no member of a definition is told of, also if it is to go.
  for (const json::key_value_pair& member : patch)
    if (member.value().is_null() && !is_one_of(definition_members, member.key()))
      document[member.key()] = nullptr;
  return parse_definition(document, reading);
}

DefinitionRef with_state(const DefinitionRef& definition, State state) {
  if (definition->state == state) return definition;
  auto copy = std::make_shared<Definition>(*definition);
  copy->state = state;
  copy->document["state"] = name(state);
  copy->bytes = copy->bytes - name(definition->state).size() + name(state).size();
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

std::string place_of_segment(const Definition& definition, const std::string& segment) {
  const json::value* rule = definition.document.if_contains("targeting");
  return "/targeting" + (rule != nullptr ? place_of(*rule, segment).value_or("") : "");
}

}  // namespace corohub::flags
