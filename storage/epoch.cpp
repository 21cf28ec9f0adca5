#include "storage/epoch.hpp"

#include "core/log.hpp"
#include "core/random.hpp"

namespace corohub::storage {

Seq read_last_seq(Connection& connection) {
  Query query = connection.query("SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = 'events'");
  return query.next() ? query.integer(0) : 0;
}

namespace {

std::string write_epoch(Connection& connection) {
  std::string epoch = random_token(16);
  connection.query("INSERT OR REPLACE INTO meta (key, value) VALUES ('epoch', ?)").bind(epoch).run();
  return epoch;
}

}  // namespace

std::string new_epoch(Connection& connection) {
  connection.run("INSERT OR REPLACE INTO meta (key, value) VALUES ('begun_anew', '1')");
  return write_epoch(connection);
}

bool take_begun_anew(UnitOfWork& work) {
  work.query("DELETE FROM meta WHERE key = 'begun_anew'").run();
  return work.changes() > 0;
}

LogHead settle_epoch(Connection& connection, const std::optional<LogHead>& remembered) {
  LogHead head;
  head.seq = read_last_seq(connection);
  std::optional<std::string> epoch;
  if (Query query = connection.query("SELECT value FROM meta WHERE key = 'epoch'"); query.next())
    epoch = query.text(0);
  const bool goes_on = !remembered || (epoch == remembered->epoch && head.seq >= remembered->seq);
  if (epoch && !goes_on)
    log::warn("epoch_renewed", {{"why", "the database is older than what was served from this directory"},
                                {"seq", head.seq},
                                {"served", remembered->seq}});
  const bool is_first = !epoch && !remembered && head.seq == 0;
  if (epoch && goes_on)
    head.epoch = *epoch;
  else
    head.epoch = is_first ? write_epoch(connection) : new_epoch(connection);
  return head;
}

}  // namespace corohub::storage
