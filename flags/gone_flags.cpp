#include "flags/gone_flags.hpp"

#include "flags/client_change.hpp"
#include "flags/client_repository.hpp"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>

namespace corohub::flags {
namespace {

void note_gone(storage::UnitOfWork& work, std::int64_t flag_id) {
  work.query(
          "INSERT INTO gone_flags (id) SELECT ?1 WHERE EXISTS (SELECT 1 FROM client_overrides WHERE flag_id "
          "= ?1)")
      .bind(flag_id)
      .run();
}

void forget_those_nobody_names(storage::UnitOfWork& work) {
  work.query(
          "DELETE FROM gone_flags WHERE NOT EXISTS (SELECT 1 FROM client_overrides WHERE flag_id = "
          "gone_flags.id)")
      .run();
}

}  // namespace

void leave_clients(storage::UnitOfWork& work, Copies& copies, Directories& directories, const Author& author,
                   const Namespace& before, const std::vector<std::int64_t>& gone) {
  std::size_t room = changed_clients_per_unit_max;
  for (const std::int64_t flag : gone) {
    const std::vector<Client> clients =
        room > 0 ? clients_with_override(work, flag, room) : std::vector<Client>();
    room -= clients.size();
    for (const Client& client : clients) {
      Client after = client;
      std::erase_if(after.overrides,
                    [&](const Override& one) { return std::ranges::find(gone, one.flag_id) != gone.end(); });
      write_client(work, directories, author, before, &client, std::move(after));
    }
    if (room > 0) continue;
    note_gone(work, flag);
    copies.gone_flags.store(true);
  }
}

template <class Source>
bool has_gone_flags(Source& source) {
  return source.query("SELECT 1 FROM gone_flags LIMIT 1").next();
}
template bool has_gone_flags(storage::UnitOfWork&);
template bool has_gone_flags(storage::Snapshot&);

std::size_t leave_more_clients(storage::UnitOfWork& work, Copies& copies, Directories& directories) {
  Author nobody;
  nobody.source = Source::schedule;
  const std::vector<Client> clients = clients_with_gone_flags(work, changed_clients_per_unit_max);
  for (const Client& before : clients) {
    const std::optional<std::string> key = namespace_key(work, before.namespace_id);
    const NamespaceRef name_space = key ? copies.find(work, *key) : nullptr;
    if (!name_space) continue;
    Client after = before;
    std::erase_if(after.overrides, [&](const Override& one) {
      return name_space->default_environment().find(one.flag_id) == nullptr;
    });
    write_client(work, directories, nobody, *name_space, &before, std::move(after));
  }
  forget_those_nobody_names(work);
  return clients.size();
}

}  // namespace corohub::flags
