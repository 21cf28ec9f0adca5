#include "ingest/position.hpp"

#include <charconv>

namespace corohub::ingest {
namespace {

std::optional<std::uint64_t> number_of(std::string_view text) noexcept {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

}  // namespace

std::optional<EntryId> EntryId::parse(std::string_view text) noexcept {
  const std::size_t dash = text.find('-');
  if (dash == std::string_view::npos) return std::nullopt;
  const std::optional<std::uint64_t> ms = number_of(text.substr(0, dash));
  const std::optional<std::uint64_t> number = number_of(text.substr(dash + 1));
  if (!ms || !number) return std::nullopt;
  return EntryId{*ms, *number};
}

std::string EntryId::text() const { return std::to_string(ms) + "-" + std::to_string(number); }

template <class Source>
EntryId read_position(Source& source, std::string_view stream) {
  storage::Query query = source.query("SELECT entry FROM ingest_positions WHERE stream = ?");
  query.bind(stream);
  if (!query.next()) return {};
  return EntryId::parse(query.text(0)).value_or(EntryId());
}

template EntryId read_position(storage::UnitOfWork& source, std::string_view stream);
template EntryId read_position(storage::Snapshot& source, std::string_view stream);

void save_position(storage::UnitOfWork& work, std::string_view stream, const EntryId& id) {
  work.query("INSERT OR REPLACE INTO ingest_positions (stream, entry, updated_at) VALUES (?, ?, ?)")
      .bind(stream, id.text(), work.now())
      .run();
}

}  // namespace corohub::ingest
