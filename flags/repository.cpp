#include "flags/repository.hpp"

#include "core/json.hpp"
#include "core/json_text.hpp"
#include "flags/package_repository.hpp"
#include "flags/stored_entities.hpp"

#include <algorithm>
#include <functional>
#include <stdexcept>
#include <unordered_map>
#include <utility>

namespace corohub::flags {
namespace {

constexpr std::size_t stored_levels_max = 128;  // more than any document has that was accepted

std::string tags_text(const std::vector<std::string>& tags) {
  json::array list;
  for (const std::string& tag : tags) list.emplace_back(tag);
  return json_text(list);
}

std::vector<std::string> parse_tags(const std::string& text) {
  std::vector<std::string> tags;
  const json::value list = parse_stored(text);
  for (const json::value& tag : list.as_array()) tags.emplace_back(tag.as_string());
  return tags;
}

ValueType parse_type(std::string_view word) {
  for (const ValueType type : {ValueType::boolean, ValueType::string, ValueType::number})
    if (word == name(type)) return type;
  return ValueType::object;
}

[[noreturn]] void unreadable(std::string_view what, std::string_view key, const Error& error) {
  std::string text = "the " + std::string(what) + " '" + std::string(key) + "' cannot be read";
  for (const FieldError& field : error.fields) text += "; " + field.field + ": " + field.message;
  throw std::runtime_error(text);
}

template <class Source>
std::vector<PlatformRef> read_platforms(Source& source, std::int64_t namespace_id) {
  return read_entities<Platform>(
      source,
      "SELECT id, key, name, version, created_at, updated_at, enabled, config FROM platforms WHERE "
      "namespace_id = ? ORDER BY key",
      namespace_id, [](const storage::Query& row, Platform& platform) {
        platform.enabled = row.integer(6) != 0;
        platform.config = row.text(7);
      });
}

// Sorted by id.
template <class Source>
std::vector<FlagIdentityRef> read_identities(Source& source, std::int64_t namespace_id) {
  return read_entities<FlagIdentity>(
      source,
      "SELECT id, key, name, version, created_at, updated_at, description, tags, type, parent, platform, "
      "package_gated, off_variant, client_visible FROM flags WHERE namespace_id = ? ORDER BY id",
      namespace_id, [](const storage::Query& row, FlagIdentity& flag) {
        flag.description = row.text(6);
        flag.tags = parse_tags(row.text(7));
        flag.type = parse_type(row.text(8));
        flag.parent = row.text_or_null(9);
        flag.platform = row.text_or_null(10);
        flag.package_gated = row.integer(11) != 0;
        flag.off_variant = row.text_or_null(12);
        flag.client_visible = row.integer(13) != 0;
        flag.moved_at = flag.updated_at;
      });
}

// Definitions of one namespace by their texts: flags whose documents are equal share one, as the environments
// of a new flag do.
class StoredDefinitions {
 public:
  DefinitionRef read(const std::string& key, const std::string& document) {
    const std::size_t hash = std::hash<std::string>()(document);
    const auto [first, last] = by_hash_.equal_range(hash);
    for (auto one = first; one != last; ++one)
      if (json_text(one->second->document) == document) return one->second;
    Reading reading;
    reading.strict = false;  // what was accepted with strict=false must be read again, too
    Result<DefinitionRef> definition = parse_definition(parse_stored(document).as_object(), reading);
    if (!definition) unreadable("flag", key, definition.error());
    return by_hash_.emplace(hash, std::move(*definition))->second;
  }

 private:
  std::unordered_multimap<std::size_t, DefinitionRef> by_hash_;
};

template <class Source>
std::vector<Flag> read_definitions(Source& source, std::int64_t environment_id,
                                   const std::vector<FlagIdentityRef>& identities,
                                   StoredDefinitions& definitions) {
  storage::Query query = source.query(
      "SELECT flag_id, document, version, updated_at FROM flag_definitions WHERE environment_id = ?");
  query.bind(environment_id);
  std::vector<Flag> flags;
  flags.reserve(identities.size());
  while (query.next()) {
    const auto identity =
        std::ranges::lower_bound(identities, query.integer(0), {}, [](const auto& one) { return one->id; });
    if (identity == identities.end() || (*identity)->id != query.integer(0)) continue;
    Flag flag;
    flag.identity = *identity;
    flag.definition = definitions.read((*identity)->key, query.text(1));
    flag.version = query.integer(2);
    flag.updated_at = query.integer(3);
    flags.push_back(std::move(flag));
  }
  return flags;
}

template <class Source>
std::vector<SegmentRef> read_segments(Source& source, std::int64_t environment_id) {
  return read_entities<Segment>(
      source,
      "SELECT id, key, name, version, created_at, updated_at, rule FROM segments WHERE environment_id = ? "
      "ORDER BY key",
      environment_id, [](const storage::Query& row, Segment& segment) {
        Reading reading;
        reading.strict = false;
        Result<SegmentRule> rule = parse_segment(parse_stored(row.text(6)), reading);
        if (!rule) unreadable("segment", segment.key, rule.error());
        segment.rule = std::move(*rule);
      });
}

template <class Source>
std::vector<EnvironmentParts> read_environments(Source& source, std::int64_t namespace_id) {
  storage::Query query = source.query(
      "SELECT id, key, name, version, created_at, updated_at, is_default, metadata, revision FROM "
      "environments WHERE namespace_id = ? ORDER BY key");
  query.bind(namespace_id);
  std::vector<EnvironmentParts> environments;
  while (query.next()) {
    EnvironmentParts& parts = environments.emplace_back();
    read_entity(query, parts);
    parts.is_default = query.integer(6) != 0;
    parts.metadata = parse_stored(query.text(7)).as_object();
    parts.revision = query.integer(8);
  }
  return environments;
}

UnixMs latest_time(const Namespace& name_space) {
  UnixMs latest = name_space.updated_at;
  for (const PlatformRef& one : name_space.platforms) latest = std::max(latest, one->updated_at);
  for (const EnvironmentRef& environment : name_space.environments) {
    latest = std::max(latest, environment->updated_at);
    for (const Flag& flag : environment->flags())
      latest = std::max({latest, flag.updated_at, flag.identity->updated_at});
    for (const SegmentRef& one : environment->segments) latest = std::max(latest, one->updated_at);
  }
  return latest;
}

}  // namespace

json::value parse_stored(const std::string& text) {
  Result<json::value> value = parse_json(text, {.depth = stored_levels_max, .members = text.size()});
  if (!value) throw std::runtime_error("a stored document cannot be read: " + value.error().detail);
  return std::move(*value);
}

template <class Source>
std::vector<std::string> namespace_keys(Source& source) {
  storage::Query query = source.query("SELECT key FROM namespaces ORDER BY key");
  std::vector<std::string> keys;
  while (query.next()) keys.push_back(query.text(0));
  return keys;
}

template <class Source>
Stamped read_namespace(Source& source, std::string_view key) {
  auto name_space = std::make_shared<Namespace>();
  Stamped read;
  {
    storage::Query query = source.query(
        "SELECT id, key, name, version, created_at, updated_at, tenant_id, app_id, access, stamp FROM "
        "namespaces WHERE key = ?");
    query.bind(key);
    if (!query.next()) return read;
    read_entity(query, *name_space);
    name_space->tenant_id = query.text(6);
    name_space->app_id = query.text(7);
    name_space->access = parse_namespace_access(query.text(8)).value_or(NamespaceAccess::clients);
    read.stamp = query.integer(9);
  }
  name_space->platforms = read_platforms(source, name_space->id);
  name_space->packages = read_packages(source, name_space->id);
  const std::vector<FlagIdentityRef> identities = read_identities(source, name_space->id);
  StoredDefinitions definitions;
  for (EnvironmentParts& parts : read_environments(source, name_space->id)) {
    std::vector<Flag> flags = read_definitions(source, parts.id, identities, definitions);
    parts.segments = read_segments(source, parts.id);
    name_space->environments.push_back(
        std::make_shared<const Environment>(std::move(parts), std::move(flags), name_space->platforms));
  }
  name_space->rearranged_at = name_space->changed_at = latest_time(*name_space) + 1;
  read.name_space = std::move(name_space);
  return read;
}

template std::vector<std::string> namespace_keys(storage::Snapshot&);
template std::vector<std::string> namespace_keys(storage::UnitOfWork&);
template Stamped read_namespace(storage::Snapshot&, std::string_view);
template Stamped read_namespace(storage::UnitOfWork&, std::string_view);

std::optional<std::int64_t> read_stamp(storage::UnitOfWork& work, std::string_view key) {
  storage::Query query = work.query("SELECT stamp FROM namespaces WHERE key = ?");
  query.bind(key);
  if (!query.next()) return std::nullopt;
  return query.integer(0);
}

std::size_t count_namespaces(storage::UnitOfWork& work) {
  storage::Query query = work.query("SELECT count(*) FROM namespaces");
  return query.next() ? static_cast<std::size_t>(query.integer(0)) : 0;
}

std::optional<std::string> namespace_of_app(storage::UnitOfWork& work, std::string_view tenant_id,
                                            std::string_view app_id) {
  storage::Query query = work.query("SELECT key FROM namespaces WHERE tenant_id = ? AND app_id = ?");
  query.bind(tenant_id, app_id);
  if (!query.next()) return std::nullopt;
  return query.text(0);
}

std::vector<std::string> clients_that_name(storage::UnitOfWork& work, NamedByClient what, std::int64_t id,
                                           std::size_t most) {
  const std::string_view column = what == NamedByClient::package    ? "package_id"
                                  : what == NamedByClient::platform ? "platform_id"
                                                                    : "environment_id";
  storage::Query query =
      work.query("SELECT key FROM clients WHERE " + std::string(column) + " = ? ORDER BY key LIMIT ?");
  query.bind(id, static_cast<std::int64_t>(most));
  std::vector<std::string> keys;
  while (query.next()) keys.push_back(query.text(0));
  return keys;
}

bool has_clients(storage::UnitOfWork& work, std::int64_t namespace_id) {
  storage::Query query = work.query("SELECT 1 FROM clients WHERE namespace_id = ? LIMIT 1");
  query.bind(namespace_id);
  return query.next();
}

Seq next_seq(storage::UnitOfWork& work) {
  storage::Query query = work.query("SELECT seq + 1 FROM sqlite_sequence WHERE name = 'events'");
  return query.next() ? query.integer(0) : 1;
}

// ---- writing ----

void insert_namespace(storage::UnitOfWork& work, Namespace& name_space, std::int64_t stamp) {
  work.query(
          "INSERT INTO namespaces (key, name, tenant_id, app_id, access, version, created_at, updated_at, "
          "stamp) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)")
      .bind(name_space.key, name_space.name, name_space.tenant_id, name_space.app_id, name(name_space.access),
            name_space.version, name_space.created_at, name_space.updated_at, stamp)
      .run();
  name_space.id = work.last_insert_id();
}

void save_namespace(storage::UnitOfWork& work, const Namespace& name_space, std::int64_t stamp) {
  work.query(
          "UPDATE namespaces SET name = ?, tenant_id = ?, app_id = ?, access = ?, version = ?, updated_at = "
          "?, stamp = ? WHERE id = ?")
      .bind(name_space.name, name_space.tenant_id, name_space.app_id, name(name_space.access),
            name_space.version, name_space.updated_at, stamp, name_space.id)
      .run();
}

void delete_namespace(storage::UnitOfWork& work, std::int64_t id) {
  work.query("DELETE FROM namespaces WHERE id = ?").bind(id).run();
}

void insert_environment(storage::UnitOfWork& work, std::int64_t namespace_id, EnvironmentParts& environment) {
  work.query(
          "INSERT INTO environments (namespace_id, key, name, is_default, metadata, revision, version, "
          "created_at, updated_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)")
      .bind(namespace_id, environment.key, environment.name, environment.is_default,
            json_text(environment.metadata), environment.revision, environment.version,
            environment.created_at, environment.updated_at)
      .run();
  environment.id = work.last_insert_id();
}

void save_environment(storage::UnitOfWork& work, const EnvironmentParts& environment) {
  work.query(
          "UPDATE environments SET name = ?, is_default = ?, metadata = ?, revision = ?, version = ?, "
          "updated_at = ? WHERE id = ?")
      .bind(environment.name, environment.is_default, json_text(environment.metadata), environment.revision,
            environment.version, environment.updated_at, environment.id)
      .run();
}

void delete_environment(storage::UnitOfWork& work, std::int64_t id) {
  work.query("DELETE FROM environments WHERE id = ?").bind(id).run();
}

void insert_platform(storage::UnitOfWork& work, std::int64_t namespace_id, Platform& platform) {
  work.query(
          "INSERT INTO platforms (namespace_id, key, name, enabled, config, version, created_at, updated_at) "
          "VALUES (?, ?, ?, ?, ?, ?, ?, ?)")
      .bind(namespace_id, platform.key, platform.name, platform.enabled, platform.config, platform.version,
            platform.created_at, platform.updated_at)
      .run();
  platform.id = work.last_insert_id();
}

void save_platform(storage::UnitOfWork& work, const Platform& platform) {
  work.query(
          "UPDATE platforms SET name = ?, enabled = ?, config = ?, version = ?, updated_at = ? WHERE id = ?")
      .bind(platform.name, platform.enabled, platform.config, platform.version, platform.updated_at,
            platform.id)
      .run();
}

void delete_platform(storage::UnitOfWork& work, std::int64_t id) {
  work.query("DELETE FROM platforms WHERE id = ?").bind(id).run();
}

void insert_flag(storage::UnitOfWork& work, std::int64_t namespace_id, FlagIdentity& flag) {
  work.query(
          "INSERT INTO flags (namespace_id, key, name, description, tags, type, parent, platform, "
          "package_gated, off_variant, client_visible, version, created_at, updated_at) VALUES (?, ?, ?, ?, "
          "?, ?, ?, ?, ?, ?, ?, ?, ?, ?)")
      .bind(namespace_id, flag.key, flag.name, flag.description, tags_text(flag.tags), name(flag.type),
            flag.parent, flag.platform, flag.package_gated, flag.off_variant, flag.client_visible,
            flag.version, flag.created_at, flag.updated_at)
      .run();
  flag.id = work.last_insert_id();
}

void save_flag(storage::UnitOfWork& work, const FlagIdentity& flag) {
  work.query(
          "UPDATE flags SET name = ?, description = ?, tags = ?, parent = ?, platform = ?, package_gated = "
          "?, off_variant = ?, client_visible = ?, version = ?, updated_at = ? WHERE id = ?")
      .bind(flag.name, flag.description, tags_text(flag.tags), flag.parent, flag.platform, flag.package_gated,
            flag.off_variant, flag.client_visible, flag.version, flag.updated_at, flag.id)
      .run();
}

void delete_flag(storage::UnitOfWork& work, std::int64_t id) {
  work.query("DELETE FROM flags WHERE id = ?").bind(id).run();
}

void save_definition(storage::UnitOfWork& work, std::int64_t environment_id, std::int64_t flag_id,
                     const Definition& definition, std::int64_t version, UnixMs now) {
  work.query(
          "INSERT INTO flag_definitions (environment_id, flag_id, document, version, updated_at) VALUES (?, "
          "?, ?, ?, ?) ON CONFLICT (environment_id, flag_id) DO UPDATE SET document = excluded.document, "
          "version = excluded.version, updated_at = excluded.updated_at")
      .bind(environment_id, flag_id, json_text(definition.document), version, now)
      .run();
}

void insert_segment(storage::UnitOfWork& work, std::int64_t environment_id, Segment& segment) {
  work.query(
          "INSERT INTO segments (environment_id, key, name, rule, version, created_at, updated_at) VALUES "
          "(?, ?, ?, ?, ?, ?, ?)")
      .bind(environment_id, segment.key, segment.name, json_text(segment.rule.document), segment.version,
            segment.created_at, segment.updated_at)
      .run();
  segment.id = work.last_insert_id();
}

void save_segment(storage::UnitOfWork& work, const Segment& segment) {
  work.query("UPDATE segments SET name = ?, rule = ?, version = ?, updated_at = ? WHERE id = ?")
      .bind(segment.name, json_text(segment.rule.document), segment.version, segment.updated_at, segment.id)
      .run();
}

void delete_segment(storage::UnitOfWork& work, std::int64_t id) {
  work.query("DELETE FROM segments WHERE id = ?").bind(id).run();
}

}  // namespace corohub::flags
