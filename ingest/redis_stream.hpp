// Reads a Redis Stream as the consumer `corohub` of the group `corohub`: in order, each entry at least once,
// and with an effect once, because how far it was read is stored together with the effect. An entry is
// acknowledged after that.
#pragma once

#include "ingest/redis_link.hpp"

#include <string>
#include <vector>

namespace corohub::ingest {

class RedisStream final : public RedisLink {
 public:
  static constexpr std::size_t entries_per_read_max = 64;

  RedisStream(const Parts& parts, std::string stream);

 private:
  struct Entries {
    Batch batch;
    std::vector<std::string> ids;
    bool whole = true;  // of each entry all fields are here
  };

  Task<Failure> converse(RedisWire& wire) override;
  Task<Failure> follow(RedisWire& wire);
  // Makes the group read on from there, whatever it was given before.
  Task<Attempt<>> set_group(RedisWire& wire, const EntryId& from);
  // Acknowledges what was stored, but not acknowledged, before the connection or the server ended.
  Task<Attempt<>> acknowledge_old(RedisWire& wire, const EntryId& done);
  Task<Attempt<>> acknowledge(RedisWire& wire, const std::vector<std::string>& ids);
  // Takes the first entry behind `done`, which has too many parts to be read, for a bad message.
  Task<Attempt<>> step_over(RedisWire& wire, const EntryId& done);
  // The ids, but not the content, of those that were given and not acknowledged.
  Task<Attempt<std::vector<std::string>>> pending(RedisWire& wire, const EntryId& first, const EntryId& last,
                                                  std::size_t count);
  // Some of those up to `done`. A user of Redis who may not ask for ids is given the content, too.
  Task<Attempt<std::vector<std::string>>> old(RedisWire& wire, const EntryId& done);
  // "0-0": those that were given and not acknowledged; ">": new ones, for which it waits.
  Task<Attempt<Entries>> read(RedisWire& wire, std::string_view after, std::size_t count);
  static Attempt<Entries> entries_of(const Reply& reply);

  const std::string stream_;
  bool is_denied_ = false;          // XPENDING
  std::size_t singly_ = 0;          // so many entries are read one after the other
  bool is_next_too_large_ = false;  // the entry behind the position, even alone
};

}  // namespace corohub::ingest
