#include "flags/flagd_document.hpp"

#include "core/json_text.hpp"
#include "core/key_name.hpp"
#include "flags/bodies.hpp"
#include "flags/change.hpp"

#include <algorithm>
#include <unordered_set>
#include <utility>

namespace corohub::flags {
namespace {

constexpr std::string_view schema = "https://flagd.dev/schema/v0/flags.json";
constexpr const char* key_rule = "Must begin with a letter or digit and have such and . _ - alone.";
constexpr std::string_view identity_member = "x-corohub";
// A rule that is too deep is to be told so, and where; what is far deeper is no JSON that we read.
constexpr std::size_t document_levels_max = 128;
constexpr std::size_t document_members_max = document_bytes_max / 4;  // the shortest is `"":1,`

std::string pointer(const std::string& at, std::string_view member) {
  std::string place = at + '/';
  for (const char c : member) {
    if (c == '~')
      place += "~0";
    else if (c == '/')
      place += "~1";
    else
      place += c;
  }
  return place;
}

void append_member(std::string& out, std::string_view key) {
  if (out.back() != '{') out += ',';
  append_json(out, key);
  out += ':';
}

json::value text_or_null(const std::optional<std::string>& text) {
  return text ? json::value(*text) : json::value();
}

// Of what is the same everywhere: neither ids nor versions nor times.
json::object identity_of(const FlagIdentity& flag) {
  json::object identity;
  identity["name"] = flag.name;
  identity["description"] = flag.description;
  json::array tags;
  for (const std::string& tag : flag.tags) tags.emplace_back(tag);
  identity["tags"] = std::move(tags);
  identity["type"] = name(flag.type);
  identity["parent"] = text_or_null(flag.parent);
  identity["platform"] = text_or_null(flag.platform);
  identity["package_gated"] = flag.package_gated;
  identity["off_variant"] = text_or_null(flag.off_variant);
  identity["client_visible"] = flag.client_visible;
  return identity;
}

void append_flag(std::string& out, const Flag& flag, ExportStyle style) {
  append_member(out, flag.key());
  append_json_text(out, flag.definition->document);
  if (style == ExportStyle::plain) return;
  out.pop_back();  // the brace
  append_member(out, identity_member);
  append_json_text(out, identity_of(*flag.identity));
  out += '}';
}

void append_metadata(std::string& out, const Namespace& name_space, const Environment& environment) {
  append_member(out, "metadata");
  out += '{';
  for (const auto& member : environment.metadata) {
    if (is_set_by_us(member.key())) continue;
    append_member(out, member.key());
    append_json_text(out, member.value());
  }
  append_member(out, "flagSetId");
  append_json(out, name_space.key + '/' + environment.key);
  append_member(out, "version");
  append_json(out, std::to_string(environment.revision));
  out += '}';
}

// Reads one document and collects what is wrong with it.
class DocumentReader {
 public:
  explicit DocumentReader(Reading& reading) : reading_(reading) {}

  Result<FlagdDocument> read(const json::object& document);

 private:
  void refuse(std::string at, std::string_view code, std::string message);
  // For what flagd does not mind: refused when strict.
  void mind(std::string at, std::string_view code, std::string message);
  bool full() const noexcept { return complaints_.size() >= document_complaints_max; }

  void read_top(const json::object& document);
  void read_flags(const json::value& flags);
  void read_flag_list(const json::array& flags, const std::string& at);
  void read_flag(std::string key, const json::value& flag, std::string at, bool of_list);
  void read_segments(const json::value& segments);
  void read_segment(std::string_view key, const json::value& rule);
  void read_metadata(const json::value& metadata);
  void sort();
  // The value, or nothing and complaints that begin with the place.
  template <class T, class Parse>
  std::optional<T> parsed(const std::string& at, Parse parse);

  Reading& reading_;
  FlagdDocument result_;
  std::vector<FieldError> complaints_;
  std::unordered_set<std::string> keys_;  // of flags
  bool too_many_ = false;
};

void DocumentReader::refuse(std::string at, std::string_view code, std::string message) {
  if (!full()) complaints_.push_back({std::move(at), std::string(code), std::move(message)});
}

void DocumentReader::mind(std::string at, std::string_view code, std::string message) {
  if (reading_.strict) return refuse(std::move(at), code, std::move(message));
  if (reading_.warnings.size() < document_complaints_max)
    reading_.warnings.push_back({std::move(at), std::string(code), std::move(message)});
}

template <class T, class Parse>
std::optional<T> DocumentReader::parsed(const std::string& at, Parse parse) {
  Reading part{.strict = reading_.strict, .at = at};
  Result<T> value = parse(part);
  for (FieldError& warning : part.warnings)
    if (reading_.warnings.size() < document_complaints_max) reading_.warnings.push_back(std::move(warning));
  if (value) return std::move(*value);
  for (FieldError& complaint : value.error().fields)
    refuse(std::move(complaint.field), complaint.code, std::move(complaint.message));
  return std::nullopt;
}

Result<FlagdDocument> DocumentReader::read(const json::object& document) {
  read_top(document);
  if (too_many_) return Error(ErrorCode::limit_reached, "The document has more than a namespace holds.");
  if (!complaints_.empty()) {
    Error error(ErrorCode::validation_failed, "The document has invalid values.");
    error.fields = std::move(complaints_);
    return error;
  }
  sort();
  return std::move(result_);
}

void DocumentReader::read_top(const json::object& document) {
  for (const auto& member : document) {
    const std::string_view key = member.key();
    if (key == "flags")
      read_flags(member.value());
    else if (key == "$evaluators")
      read_segments(member.value());
    else if (key == "metadata")
      read_metadata(member.value());
    else if (!is_foreign_member(key))
      mind(pointer(reading_.at, key), "unknown_member", "There is no such member.");
    if (full() || too_many_) return;
  }
  if (!document.contains("flags")) refuse(pointer(reading_.at, "flags"), "required", "Must be given.");
}

void DocumentReader::read_flags(const json::value& flags) {
  const std::string at = pointer(reading_.at, "flags");
  const json::array* list = flags.if_array();
  const json::object* map = flags.if_object();
  too_many_ = (list != nullptr && list->size() > flags_max) || (map != nullptr && map->size() > flags_max);
  if (too_many_) return;
  if (list != nullptr) return read_flag_list(*list, at);
  if (map == nullptr) return refuse(at, "invalid_type", "Must be an object or a list.");
  for (const auto& member : *map) {
    read_flag(std::string(member.key()), member.value(), pointer(at, member.key()), false);
    if (full()) return;
  }
}

void DocumentReader::read_flag_list(const json::array& flags, const std::string& at) {
  for (std::size_t i = 0; i < flags.size() && !full(); ++i) {
    std::string place = pointer(at, std::to_string(i));
    const json::object* flag = flags[i].if_object();
    const json::value* key = flag == nullptr ? nullptr : flag->if_contains("key");
    if (flag == nullptr)
      refuse(std::move(place), "invalid_type", "Must be an object.");
    else if (key == nullptr)
      refuse(pointer(place, "key"), "required", "Must be given.");
    else if (!key->is_string())
      refuse(pointer(place, "key"), "invalid_type", "Must be a text.");
    else
      read_flag(std::string(key->get_string()), flags[i], std::move(place), true);
  }
}

void DocumentReader::read_flag(std::string key, const json::value& flag, std::string at, bool of_list) {
  if (!is_key_name(key, flag_key_bytes_max, flag_key_characters))
    return refuse(of_list ? pointer(at, "key") : at, "invalid_format", key_rule);
  if (!keys_.insert(key).second)
    return refuse(pointer(at, "key"), "duplicate", "The document has this flag twice.");
  if (!flag.is_object()) return refuse(std::move(at), "invalid_type", "Must be an object.");
  json::object members = flag.get_object();
  if (of_list) members.erase("key");
  json::object identity;
  const std::string identity_at = pointer(at, identity_member);
  if (json::value* given = members.if_contains(identity_member)) {
    if (!given->is_object()) return refuse(identity_at, "invalid_type", "Must be an object.");
    identity = std::move(given->get_object());
    members.erase(identity_member);
  }
  auto definition = parsed<DefinitionRef>(at, [&](Reading& part) { return parse_definition(members, part); });
  if (!definition) return;
  Result<IdentityPatch> patch = IdentityPatch::read(key, **definition, identity, identity_at);
  if (patch) {
    result_.flags.push_back(
        {std::move(key), std::move(at), identity_at, std::move(*definition), std::move(*patch)});
    return;
  }
  for (const FieldError& complaint : Error(patch.error()).fields)
    refuse(complaint.field, complaint.code, complaint.message);
}

void DocumentReader::read_segments(const json::value& segments) {
  if (!segments.is_object())
    return refuse(pointer(reading_.at, "$evaluators"), "invalid_type", "Must be an object.");
  too_many_ = segments.get_object().size() > segments_max;
  if (too_many_) return;
  for (const auto& member : segments.get_object()) {
    read_segment(member.key(), member.value());
    if (full()) return;
  }
}

void DocumentReader::read_segment(std::string_view key, const json::value& rule) {
  std::string at = pointer(pointer(reading_.at, "$evaluators"), key);
  if (!is_key_name(key)) return refuse(std::move(at), "invalid_format", key_rule);
  auto segment = parsed<SegmentRule>(at, [&](Reading& part) { return parse_segment(rule, part); });
  if (segment) result_.segments.push_back({std::string(key), std::move(at), std::move(*segment)});
}

void DocumentReader::read_metadata(const json::value& metadata) {
  const std::string at = pointer(reading_.at, "metadata");
  if (!metadata.is_object()) return refuse(at, "invalid_type", "Must be an object.");
  json::object kept;
  for (const auto& member : metadata.get_object()) {
    if (is_set_by_us(member.key())) continue;
    if (!member.value().is_string() && !member.value().is_number() && !member.value().is_bool())
      refuse(pointer(at, member.key()), "invalid_type", "Must be a text, a number or a boolean.");
    else
      kept.emplace(member.key(), member.value());
    if (full()) return;
  }
  result_.metadata = std::move(kept);
}

void DocumentReader::sort() {
  std::ranges::sort(result_.flags, {}, &DocumentFlag::key);
  std::ranges::sort(result_.segments, {}, &DocumentSegment::key);
}

}  // namespace

bool is_set_by_us(std::string_view metadata_key) noexcept {
  return metadata_key == "flagSetId" || metadata_key == "version";
}

std::string write_flagd_document(const Namespace& name_space, const Environment& environment,
                                 ExportStyle style) {
  std::string out = "{";
  append_member(out, "$schema");
  append_json(out, schema);
  append_member(out, "flags");
  out += '{';
  for (const Flag& flag : environment.flags()) append_flag(out, flag, style);
  out += '}';
  append_member(out, "$evaluators");
  out += '{';
  for (const SegmentRef& segment : environment.segments) {
    append_member(out, segment->key);
    append_json_text(out, segment->rule.document);
  }
  out += '}';
  append_metadata(out, name_space, environment);
  out += '}';
  return out;
}

Result<FlagdDocument> read_flagd_document(std::string_view text, Reading& reading) {
  const Result<json::value> value =
      parse_json(text, {.depth = document_levels_max, .members = document_members_max});
  if (!value) return value.error();
  if (!value->is_object()) return Error(ErrorCode::invalid_json, "The body must be a JSON object.");
  return DocumentReader(reading).read(value->get_object());
}

}  // namespace corohub::flags
