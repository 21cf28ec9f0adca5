#include "storage/unit_of_work.hpp"

#include "storage/connection.hpp"

namespace corohub::storage {

Query Snapshot::query(std::string_view sql) { return connection_.query(sql); }

Query UnitOfWork::query(std::string_view sql) { return connection_.query(sql); }
std::int64_t UnitOfWork::changes() const noexcept { return connection_.changes(); }
std::int64_t UnitOfWork::last_insert_id() const noexcept { return connection_.last_insert_id(); }

}  // namespace corohub::storage
