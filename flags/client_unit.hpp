// What the routes of clients have in common: units that begin with the right, the namespace and the client.
#pragma once

#include "flags/answers.hpp"
#include "flags/change_unit.hpp"
#include "flags/client_change.hpp"

#include <optional>
#include <string>
#include <utility>

namespace corohub::flags {

// The client as it is after the unit; nothing: it is gone.
using ClientOutcome = Result<storage::Committed<std::optional<ShownClient>>>;

// `edit` is a Result<std::optional<Client>>(UnitOfWork&, const Namespace&, const Client* before): what is to
// be of the client with this key, nothing if it is to go. Errors beside those of the edit: those of
// check_right(), not_found for the namespace.
template <class F>
Task<ClientOutcome> change_client(FlagServices& services, const http::Context& context, Change change,
                                  std::string key, F edit) {
  auto unit = [&services, change = std::move(change), key = std::move(key), edit = std::move(edit)](
                  storage::UnitOfWork& work) mutable -> Result<std::optional<ShownClient>> {
    if (const Result<> right = check_right(work, change.author, Right::write, change.name_space); !right)
      return right.error();
    const NamespaceRef name_space = services.copies.find(work, change.name_space);
    if (!name_space) return no_namespace();
    const std::optional<Client> before = find_client(work, name_space->id, key);
    Result<std::optional<Client>> after = edit(work, *name_space, before ? &*before : nullptr);
    if (!after) return after.error();
    const ClientRef now = write_client(work, services.directories, change.author, *name_space,
                                       before ? &*before : nullptr, std::move(*after));
    if (!now) return std::optional<ShownClient>();
    services.expiry.expect_all(*now);
    return std::optional<ShownClient>(shown(*now, *name_space));
  };
  co_return co_await services.parts.writer.commit(std::move(unit), weight_of(context.request));
}

// The client that the path names, as the shard knows it. not_found. Holds until the turn's end.
Result<const Client*> client_of(FlagServices& services, const http::Context& context);

}  // namespace corohub::flags
