// One change of a client, as a part of a unit: row, audit row, the change of the shards, event. Used on the
// writer's thread.
#pragma once

#include "core/error.hpp"
#include "flags/author.hpp"
#include "flags/client_bodies.hpp"
#include "flags/client_keys.hpp"
#include "flags/client_repository.hpp"
#include "flags/directory.hpp"
#include "storage/unit_of_work.hpp"

#include <optional>

namespace corohub::flags {

// The client that the body asks for, with what `before` has of itself (null: a new one). validation_failed:
// the namespace has not what it names; key_taken: the user has another client there.
Result<Client> resolve(storage::UnitOfWork& work, const Namespace& name_space, const ClientBody& body,
                       const Client* before);

// Makes `before` (null: a new client) what `after` says (nothing: it goes), and answers with what is there
// then; null: nothing. What differs in nothing leaves no trace. Fills in id, version and times.
ClientRef write_client(storage::UnitOfWork& work, Directories& directories, const Author& author,
                       const Namespace& name_space, const Client* before, std::optional<Client> after);

// The audit row of a key that was made, or revoked.
void record_client_key(storage::UnitOfWork& work, const Author& author, const Namespace& name_space,
                       const Client& client, const ClientKey& key, bool made);

Error no_client();

}  // namespace corohub::flags
