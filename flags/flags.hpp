// Feature flags: the rules, their storage and their routes, as one thing to compose.
#pragma once

#include "core/clock.hpp"
#include "core/position.hpp"
#include "core/task.hpp"
#include "flags/directory.hpp"
#include "http/router.hpp"
#include "hub/audience.hpp"
#include "storage/reader_pool.hpp"
#include "storage/writer.hpp"
#include "users/caller.hpp"

#include <cstddef>
#include <functional>
#include <memory>
#include <string>

namespace corohub::flags {

struct FlagsSettings {
  hub::Audience gateways = hub::Audience::admins();  // whoever may follow what gateways of APIs are told
};

// All of it outlives Flags.
struct FlagsParts {
  storage::Writer& writer;
  storage::ReaderPool& readers;
  // For what takes long: documents are parsed and checked there before the writer sees them.
  storage::ReaderPool& list_readers;
  const Clock& clock;
  std::string epoch;
  // The last durable seq that a shard has applied, asked on its thread: the position of what is read there.
  std::function<Seq(std::size_t shard)> applied_seq;
};

class Copies;         // flags/copies.hpp
struct FlagServices;  // flags/services.hpp

// Safe from any shard's thread, but for what says otherwise.
class Flags {
 public:
  Flags(FlagsParts parts, FlagsSettings settings);
  ~Flags();
  Flags(const Flags&) = delete;
  Flags& operator=(const Flags&) = delete;

  // Reads all namespaces and their clients for so many shards. Before anything is served or written. Errors:
  // of storage; an internal_error whose cause says which document cannot be read.
  Task<Result<>> begin(std::size_t shards);
  // Every route of management: /api/v1/namespaces…
  void add_routes(http::Router& router);
  Directories& directories() noexcept;
  // What other rooms change namespaces with.
  Copies& copies() noexcept;  // writer's thread
  const FlagsParts& parts() const noexcept;

  // Tells gateways to forget everything if this is the first start of a database that began anew, as from a
  // backup. While the shards run. Errors: of storage.
  Task<Result<>> tell_of_new_beginning();

  // Of a unit that deletes the user, before it does: the user's clients are nobody's from then on.
  void user_leaves(storage::UnitOfWork& work, UserId user, const users::Caller& caller);

  // Whether the time of a scheduled change, or of an override's end, has come. Costs nothing, so that it can
  // be asked often.
  bool schedule_due() const noexcept;
  // Makes the changes whose time has come, and those of clients, and answers how many they were. One call at
  // a time.
  Task<std::size_t> run_schedule();

 private:
  std::shared_ptr<FlagServices> services_;
};

}  // namespace corohub::flags
