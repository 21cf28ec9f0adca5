// The tables of flags: SQL only, no rules. `Source` is a storage::UnitOfWork or a storage::Snapshot. What is
// stored is at the unit's time; callers set versions and times beforehand.
#pragma once

#include "flags/copies.hpp"
#include "flags/evaluation/environment.hpp"
#include "storage/unit_of_work.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace corohub::flags {

// ---- reading ----
template <class Source>
std::vector<std::string> namespace_keys(Source& source);  // sorted
// The whole namespace, compiled. Without one, `name_space` is null. Throws std::runtime_error for a document
// that cannot be read, which only another program can have written.
template <class Source>
Stamped read_namespace(Source& source, std::string_view key);

std::optional<std::int64_t> read_stamp(storage::UnitOfWork& work, std::string_view key);
std::size_t count_namespaces(storage::UnitOfWork& work);
// The key of the namespace that has both.
std::optional<std::string> namespace_of_app(storage::UnitOfWork& work, std::string_view tenant_id,
                                            std::string_view app_id);
// Keys of clients that name it, sorted, so many at most.
enum class NamedByClient : std::uint8_t { package, platform, environment };
std::vector<std::string> clients_that_name(storage::UnitOfWork& work, NamedByClient what, std::int64_t id,
                                           std::size_t most);
bool has_clients(storage::UnitOfWork& work, std::int64_t namespace_id);
// The seq that the next event of the log will have.
Seq next_seq(storage::UnitOfWork& work);

// ---- writing; each insert fills in the id ----
void insert_namespace(storage::UnitOfWork& work, Namespace& name_space, std::int64_t stamp);
void save_namespace(storage::UnitOfWork& work, const Namespace& name_space, std::int64_t stamp);
void delete_namespace(storage::UnitOfWork& work, std::int64_t id);

void insert_environment(storage::UnitOfWork& work, std::int64_t namespace_id, EnvironmentParts& environment);
// No environment may be the default one twice at any time: give that up first.
void save_environment(storage::UnitOfWork& work, const EnvironmentParts& environment);
void delete_environment(storage::UnitOfWork& work, std::int64_t id);

void insert_platform(storage::UnitOfWork& work, std::int64_t namespace_id, Platform& platform);
void save_platform(storage::UnitOfWork& work, const Platform& platform);
void delete_platform(storage::UnitOfWork& work, std::int64_t id);

// Parents first.
void insert_flag(storage::UnitOfWork& work, std::int64_t namespace_id, FlagIdentity& flag);
void save_flag(storage::UnitOfWork& work, const FlagIdentity& flag);
// Children first; the flag's definitions go with it, and what packages say of it. See gone_flags.hpp.
void delete_flag(storage::UnitOfWork& work, std::int64_t id);

// Inserts it, or replaces the one that is there.
void save_definition(storage::UnitOfWork& work, std::int64_t environment_id, std::int64_t flag_id,
                     const Definition& definition, std::int64_t version, UnixMs now);

void insert_segment(storage::UnitOfWork& work, std::int64_t environment_id, Segment& segment);
void save_segment(storage::UnitOfWork& work, const Segment& segment);
void delete_segment(storage::UnitOfWork& work, std::int64_t id);

}  // namespace corohub::flags
