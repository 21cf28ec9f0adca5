// How far a Redis Stream was read. The position is stored by the unit in which its entry has its effect, so
// that no entry has one twice, whatever Redis believes.
#pragma once

#include "storage/unit_of_work.hpp"

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace corohub::ingest {

// "1526919030474-55": milliseconds, and a number among those of the same one.
struct EntryId {
  std::uint64_t ms = 0;
  std::uint64_t number = 0;

  static constexpr EntryId last() noexcept { return {~std::uint64_t{}, ~std::uint64_t{}}; }
  static std::optional<EntryId> parse(std::string_view text) noexcept;
  std::string text() const;
  auto operator<=>(const EntryId&) const = default;
};

// Before all entries if nothing of the stream was read. `Source`: a storage::UnitOfWork or storage::Snapshot.
template <class Source>
EntryId read_position(Source& source, std::string_view stream);
void save_position(storage::UnitOfWork& work, std::string_view stream, const EntryId& id);

}  // namespace corohub::ingest
