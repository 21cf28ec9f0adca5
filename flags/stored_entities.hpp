// How rows of entities are read. For the repositories alone.
#pragma once

#include "core/json.hpp"
#include "flags/evaluation/environment.hpp"
#include "storage/query.hpp"

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace corohub::flags {

// A document as it was stored, by the reader of the requests, so that every number is the one that was sent.
// Throws: it cannot be read.
json::value parse_stored(const std::string& text);

// The first columns: id, key, name, version, created_at, updated_at.
inline void read_entity(const storage::Query& row, Entity& entity) {
  entity.id = row.integer(0);
  entity.key = row.text(1);
  entity.name = row.text(2);
  entity.version = row.integer(3);
  entity.created_at = row.integer(4);
  entity.updated_at = row.integer(5);
}

// The entities of one owner. `read_more` reads the columns behind the first.
template <class T, class Source, class More>
std::vector<std::shared_ptr<const T>> read_entities(Source& source, std::string_view sql, std::int64_t owner,
                                                    More read_more) {
  storage::Query row = source.query(sql);
  row.bind(owner);
  std::vector<std::shared_ptr<const T>> entities;
  while (row.next()) {
    auto entity = std::make_shared<T>();
    read_entity(row, *entity);
    read_more(row, *entity);
    entities.push_back(std::move(entity));
  }
  return entities;
}

}  // namespace corohub::flags
