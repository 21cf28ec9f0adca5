// The log as the delivery model reads it, beside the server: what was written, and who had which role when.
#pragma once

#include "core/account.hpp"
#include "core/position.hpp"
#include "storage/reader_pool.hpp"

#include <cstdint>
#include <filesystem>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace corohub::test::delivery_model {

struct Row {
  // An alert to everyone, which STOMP clients have at a destination of its own.
  bool is_for_all() const;

  Seq seq = 0;
  std::string type;
  std::string data;
  std::uint8_t roles = 0;
  UserId user = 0;
  std::string topic;  // empty: by audience
};

class Log {
 public:
  explicit Log(const std::filesystem::path& database) : readers_(database, 1) {}

  void catch_up();
  Seq head() const { return static_cast<Seq>(rows_.size()); }
  const Row& at(Seq seq) const { return rows_.at(static_cast<std::size_t>(seq) - 1); }

  // Every role the user had from the position `from` to now.
  std::set<Role> roles(UserId user, Seq from) const;
  Role role(UserId user) const { return *roles(user, head()).begin(); }

 private:
  void add(const Row& row);

  storage::ReaderPool readers_;
  std::vector<Row> rows_;
  std::map<UserId, std::vector<std::pair<Seq, Role>>> changes_;
};

inline bool is_staff(std::string_view topic) { return topic.starts_with("staff/"); }

}  // namespace corohub::test::delivery_model
