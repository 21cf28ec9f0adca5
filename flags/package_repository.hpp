// Packages of flags in the tables. Used on the writer's thread and on readers'.
#pragma once

#include "flags/evaluation/environment.hpp"
#include "storage/unit_of_work.hpp"

#include <cstdint>
#include <vector>

namespace corohub::flags {

// Those of a namespace with their features, sorted by key.
template <class Source>
std::vector<PackageRef> read_packages(Source& source, std::int64_t namespace_id);

void insert_package(storage::UnitOfWork& work, std::int64_t namespace_id, Package& package);
// Of the features those rows that differ.
void save_package(storage::UnitOfWork& work, const Package& before, const Package& after);
void delete_package(storage::UnitOfWork& work, std::int64_t id);

}  // namespace corohub::flags
