// Who saw the flags behind packages that a change deletes: what the tables say of it is gone afterwards, but
// the event that tells of the deletion is for those who saw the flag. For change.cpp.
#pragma once

#include "flags/edits.hpp"
#include "storage/unit_of_work.hpp"

#include <cstddef>
#include <cstdint>
#include <map>
#include <vector>

namespace corohub::flags {

inline constexpr std::size_t gate_clients_max = 1'000;          // that stand in one record
inline constexpr std::size_t gate_clients_in_all_max = 20'000;  // in all records of a change

// Ids. A client saw the flag if it is among those that were granted or, not being among those that were
// denied, has one of the packages.
struct GateRecord {
  std::vector<std::int64_t> packages;  // sorted
  std::vector<std::int64_t> granted;   // clients, by overrides; sorted
  std::vector<std::int64_t> denied;    // clients that see nothing, whatever their packages have; sorted
};

class GateRecords {
 public:
  // Reads the rows of what goes; before they do. Where more clients were denied than there is room for,
  // nobody's package counts: an event that is missed does less harm than one that is heard by those who
  // should not.
  GateRecords(storage::UnitOfWork& work, const Difference& difference);

  // Null: the flag does not go, or was behind no package.
  const GateRecord* of(std::int64_t flag_id) const noexcept;

 private:
  GateRecord read(storage::UnitOfWork& work, const Namespace& before, const Flag& flag);

  std::map<std::int64_t, GateRecord> by_flag_;
  std::size_t room_ = gate_clients_in_all_max;
};

}  // namespace corohub::flags
