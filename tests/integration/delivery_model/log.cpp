#include "integration/delivery_model/log.hpp"

#include "hub/audience.hpp"
#include "support/run_task.hpp"

#include <boost/json/parse.hpp>
#include <gtest/gtest.h>

namespace corohub::test::delivery_model {

namespace json = boost::json;

bool Row::is_for_all() const {
  return topic.empty() && type.starts_with("system.") && roles == hub::Audience::everyone_bits && user == 0;
}

void Log::catch_up() {
  const auto read = [after = head()](storage::Snapshot& snapshot) -> Result<std::vector<Row>> {
    std::vector<Row> rows;
    storage::Query query = snapshot.query(
        "SELECT seq, type, data, roles, user_id, topic FROM events WHERE seq > ? ORDER BY seq");
    query.bind(after);
    while (query.next())
      rows.push_back({query.integer(0), query.text(1), query.text(2),
                      static_cast<std::uint8_t>(query.integer(3)), query.integer_or_null(4).value_or(0),
                      query.text_or_null(5).value_or("")});
    return rows;
  };
  const auto rows = run_task([&] { return readers_.read(read); });
  for (const Row& row : rows.value()) add(row);
}

std::set<Role> Log::roles(UserId user, Seq from) const {
  std::set<Role> all;
  Role current = Role::user;
  const auto found = changes_.find(user);
  if (found != changes_.end())
    for (const auto& [seq, role] : found->second) {
      if (seq > from) all.insert(current);
      current = role;
    }
  all.insert(current);
  return all;
}

void Log::add(const Row& row) {
  EXPECT_EQ(row.seq, head() + 1) << "the log has no holes";
  rows_.push_back(row);
  if (row.type != "user.role.changed") return;
  const json::object data = json::parse(row.data).as_object();
  changes_[data.at("user_id").as_int64()].emplace_back(row.seq, *parse_role(data.at("new_role").as_string()));
}

}  // namespace corohub::test::delivery_model
