#include "flags/gate_records.hpp"

#include "core/json_text.hpp"

#include <algorithm>
#include <utility>

namespace corohub::flags {
namespace {

// The flags behind packages among the flag and those above it: whoever sees it was granted them all.
std::vector<std::int64_t> gates_of(const Flag& flag) {
  std::vector<std::int64_t> gates;
  for (const Flag* one = &flag; one != nullptr; one = one->parent)
    if (one->identity->package_gated) gates.push_back(one->identity->id);
  return gates;
}

std::vector<std::int64_t> packages_with(const Namespace& name_space, const std::vector<std::int64_t>& gates) {
  std::vector<std::int64_t> ids;
  for (const PackageRef& package : name_space.packages)
    if (std::ranges::all_of(gates, [&](std::int64_t gate) { return package->feature(gate) != nullptr; }))
      ids.push_back(package->id);
  std::ranges::sort(ids);
  return ids;
}

// A client of which an override says something about any of the gates.
struct Overridden {
  std::int64_t client_id = 0;
  std::int64_t package_id = 0;
  std::vector<std::pair<std::int64_t, bool>> said{};  // of a gate: granted or not

  bool is_granted(const Namespace& name_space, const std::vector<std::int64_t>& gates) const {
    const Package* package = name_space.package_by_id(package_id);
    return std::ranges::all_of(gates, [&](std::int64_t gate) {
      const auto override = std::ranges::find(said, gate, &std::pair<std::int64_t, bool>::first);
      if (override != said.end()) return override->second;
      return package != nullptr && package->feature(gate) != nullptr;
    });
  }
};

// Sorted by their ids.
std::vector<Overridden> read_overridden(storage::UnitOfWork& work, const std::vector<std::int64_t>& gates) {
  json::array list;
  for (const std::int64_t gate : gates) list.emplace_back(gate);
  storage::Query query = work.query(
      "SELECT o.client_id, c.package_id, o.flag_id, o.granted FROM client_overrides AS o JOIN clients AS c "
      "ON "
      "c.id = o.client_id WHERE o.flag_id IN (SELECT value FROM json_each(?)) AND (o.expires_at IS NULL OR "
      "o.expires_at > ?) ORDER BY o.client_id");
  query.bind(json_text(list), work.now());
  std::vector<Overridden> clients;
  while (query.next()) {
    if (clients.empty() || clients.back().client_id != query.integer(0))
      clients.push_back({.client_id = query.integer(0), .package_id = query.integer_or_null(1).value_or(0)});
    clients.back().said.emplace_back(query.integer(2), query.integer(3) != 0);
  }
  return clients;
}

}  // namespace

GateRecords::GateRecords(storage::UnitOfWork& work, const Difference& difference) {
  for (const auto& [key, change] : difference.flags) {
    if (change.after) continue;
    const Flag* flag = difference.before->default_environment().find(key);
    if (!gates_of(*flag).empty()) by_flag_.emplace(flag->identity->id, read(work, *difference.before, *flag));
  }
}

GateRecord GateRecords::read(storage::UnitOfWork& work, const Namespace& before, const Flag& flag) {
  const std::vector<std::int64_t> gates = gates_of(flag);
  GateRecord record;
  record.packages = packages_with(before, gates);
  for (const Overridden& client : read_overridden(work, gates))
    (client.is_granted(before, gates) ? record.granted : record.denied).push_back(client.client_id);
  const std::size_t room = std::min(gate_clients_max, room_);
  if (record.denied.size() > room) {
    record.packages.clear();
    record.denied.clear();
  }
  if (record.denied.size() + record.granted.size() > room) record.granted.resize(room - record.denied.size());
  room_ -= record.denied.size() + record.granted.size();
  return record;
}

const GateRecord* GateRecords::of(std::int64_t flag_id) const noexcept {
  const auto found = by_flag_.find(flag_id);
  return found != by_flag_.end() ? &found->second : nullptr;
}

}  // namespace corohub::flags
