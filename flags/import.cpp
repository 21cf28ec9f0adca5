#include "flags/import.hpp"

#include "core/json_text.hpp"
#include "flags/answers.hpp"
#include "flags/bodies.hpp"
#include "flags/definition_patch.hpp"

#include <algorithm>
#include <set>
#include <utility>

namespace corohub::flags {
namespace {

json::array list_of(const std::vector<std::string>& keys) {
  json::array list;
  for (const std::string& key : keys) list.emplace_back(key);
  return list;
}

void add_to(json::object& object, const ImportedOf& imported) {
  object["created"] = list_of(imported.created);
  object["updated"] = list_of(imported.updated);
  object["deleted"] = list_of(imported.deleted);
  object["unchanged"] = imported.unchanged;
}

template <class Named>
bool names(const std::vector<Named>& sorted, std::string_view key) {
  return std::ranges::binary_search(sorted, key, {},
                                    [](const Named& one) -> std::string_view { return one.key; });
}

void put_segments(NamespaceEdit& edit, const ImportOrder& order, const Environment& environment,
                  const FlagdDocument& document) {
  for (const DocumentSegment& segment : document.segments) {
    const Segment* existing = environment.segment(segment.key);
    edit.put_segment(order.environment, segment.key, existing != nullptr ? existing->name : segment.key,
                     segment.rule);
  }
  if (order.mode == ImportMode::merge) return;
  for (const SegmentRef& segment : environment.segments)
    if (!names(document.segments, segment->key)) edit.remove_segment(order.environment, segment->key);
}

Result<> put_metadata(NamespaceEdit& edit, const ImportOrder& order, const Environment& environment,
                      const FlagdDocument& document) {
  if (!document.metadata) return {};
  EnvironmentParts parts = environment;
  // What no document can name is none of the members that this one leaves out.
  if (order.mode == ImportMode::replace)
    for (const auto& member : environment.metadata)
      if (!is_set_by_us(member.key())) parts.metadata.erase(member.key());
  for (const auto& member : *document.metadata) parts.metadata[member.key()] = member.value();
  if (json_text(parts.metadata).size() > metadata_bytes_max)
    return Error(ErrorCode::validation_failed)
        .at("/metadata", "out_of_range", "The flag set's metadata may have 8 KiB.");
  edit.put_environment(std::move(parts));
  return {};
}

}  // namespace

json::object to_json(const ImportReport& report) {
  json::object object;
  add_to(object, report.flags);
  add_to(object["segments"].emplace_object(), report.segments);
  object["warnings"] = to_json(report.warnings);
  return object;
}

Result<> put_document(NamespaceEdit& edit, const ImportOrder& order, const FlagdDocument& document) {
  const EnvironmentRef* found = edit.before().environment(order.environment);
  if (found == nullptr) return no_environment();
  const Environment& environment = **found;
  for (const DocumentFlag& flag : document.flags) {
    const Flag* existing = environment.find(flag.key);
    edit.put_identity(flag.identity.over(existing != nullptr ? existing->identity.get() : nullptr),
                      flag.identity_at);
    // A document has the segments of one environment: whoever switches a flag on elsewhere is told there.
    edit.put_definition(order.environment, flag.key, flag.definition, flag.at, order.dangling,
                        Dangling::ignored);
  }
  put_segments(edit, order, environment, document);
  if (order.mode == ImportMode::replace)
    for (const Flag& flag : environment.flags())
      if (!names(document.flags, flag.key())) edit.remove_flag(flag.key());
  return put_metadata(edit, order, environment, document);
}

ImportReport report_of(const NamespaceEdit& edit, const ImportOrder& order, const FlagdDocument& document) {
  const Difference& difference = edit.difference();
  const auto place = difference.environments.find(order.environment);
  ImportReport report;
  std::set<std::string_view> updated;
  for (const auto& [key, change] : difference.flags) {
    if (change.before == nullptr)
      report.flags.created.push_back(key);
    else if (change.after == nullptr)
      report.flags.deleted.push_back(key);
    else
      updated.insert(key);
  }
  if (place != difference.environments.end()) {
    for (const auto& [key, change] : place->second.definitions)
      if (change.before != nullptr) updated.insert(key);
    for (const auto& [key, change] : place->second.segments) {
      if (change.before == nullptr)
        report.segments.created.push_back(key);
      else
        (change.after == nullptr ? report.segments.deleted : report.segments.updated).push_back(key);
    }
  }
  report.flags.updated.assign(updated.begin(), updated.end());
  report.flags.unchanged = document.flags.size() - report.flags.created.size() - report.flags.updated.size();
  report.segments.unchanged =
      document.segments.size() - report.segments.created.size() - report.segments.updated.size();
  report.warnings = edit.warnings();
  return report;
}

Result<FlagdDocument> document_of(const Environment& environment, const CopyOrder& order) {
  Error wrong(ErrorCode::validation_failed, "The body has invalid members.");
  FlagdDocument document;
  std::set<std::string_view> segments;
  const auto add = [&](const Flag& flag, const std::string& at) {
    DefinitionRef definition = order.disable ? with_state(flag.definition, State::disabled) : flag.definition;
    segments.insert(flag.definition->segments().begin(), flag.definition->segments().end());
    document.flags.push_back(
        {flag.key(), at, at, std::move(definition), IdentityPatch::all_of(*flag.identity)});
  };
  if (order.keys) {
    for (std::size_t i = 0; i < order.keys->size(); ++i) {
      const std::string at = "/keys/" + std::to_string(i);
      const Flag* flag = environment.find((*order.keys)[i]);
      if (flag == nullptr)
        wrong.fields.push_back({at, "unknown_flag", "There is no such flag."});
      else
        add(*flag, at);
    }
  } else {
    for (const Flag& flag : environment.flags()) add(flag, "/keys");
  }
  if (!wrong.fields.empty()) return wrong;
  std::ranges::sort(document.flags, {}, &DocumentFlag::key);
  const auto twice = std::ranges::unique(document.flags, {}, &DocumentFlag::key);
  document.flags.erase(twice.begin(), twice.end());
  for (const std::string_view key : segments)
    if (const Segment* segment = environment.segment(key))
      document.segments.push_back({segment->key, "/keys", segment->rule});
  return document;
}

}  // namespace corohub::flags
