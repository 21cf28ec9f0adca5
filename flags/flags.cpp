#include "flags/flags.hpp"

#include "core/log.hpp"
#include "eventlog/event_log.hpp"
#include "flags/cache_events.hpp"
#include "flags/client_change.hpp"
#include "flags/client_repository.hpp"
#include "flags/gone_flags.hpp"
#include "flags/repository.hpp"
#include "flags/services.hpp"
#include "storage/storage.hpp"

#include <utility>

namespace corohub::flags {

Flags::Flags(FlagsParts parts, FlagsSettings settings)
    : services_(std::make_shared<FlagServices>(std::move(parts), settings)) {}

Flags::~Flags() = default;

Task<Result<>> Flags::begin(std::size_t shards) {
  const UnixMs began = services_->parts.clock.unix_ms();
  std::vector<ClientRef> clients;
  auto read = [this, &clients](storage::Snapshot& snapshot) -> Result<std::vector<Stamped>> {
    if (const std::optional<UnixMs> due = next_due(snapshot)) services_->schedule.expect(*due);
    if (const std::optional<UnixMs> due = next_expiry(snapshot)) services_->expiry.expect(*due);
    services_->copies.gone_flags.store(has_gone_flags(snapshot));
    clients = read_clients(snapshot);
    std::vector<Stamped> all;
    for (const std::string& key : namespace_keys(snapshot)) all.push_back(read_namespace(snapshot, key));
    return all;
  };
  Result<std::vector<Stamped>> read_all = co_await services_->parts.list_readers.read(std::move(read));
  if (!read_all) co_return read_all.error();
  std::size_t definitions = 0;
  std::vector<NamespaceRef> all;
  for (Stamped& one : *read_all) {
    all.push_back(one.name_space);
    for (const EnvironmentRef& environment : one.name_space->environments)
      definitions += environment->flags().size();
    services_->copies.keep(std::move(one));
  }
  services_->directories.begin(shards, all, clients);
  log::info("flags.read", {{"namespaces", all.size()},
                           {"definitions", definitions},
                           {"clients", clients.size()},
                           {"ms", services_->parts.clock.unix_ms() - began}});
  co_return Result<>();
}

void Flags::add_routes(http::Router& router) {
  Routes routes(router, services_);
  add_namespace_routes(routes);
  add_flag_routes(routes);
  add_definition_routes(routes);
  add_evaluate_route(routes);
  add_segment_routes(routes);
  add_platform_routes(routes);
  add_package_routes(routes);
  add_import_routes(routes);
  add_schedule_routes(routes);
  add_gateway_routes(routes);
  add_config_routes(routes);
  add_client_routes(routes);
  add_client_key_routes(routes);
}

Task<Result<>> Flags::tell_of_new_beginning() {
  auto unit = [gateways =
                   services_->directories.gateways()](storage::UnitOfWork& work) -> Result<storage::Nothing> {
    if (storage::take_begun_anew(work))
      eventlog::append(work, draft_of(CacheEvent{.type = CacheEvent::Type::all}, gateways, work.now()));
    return storage::Nothing{};
  };
  const auto told = co_await services_->parts.writer.commit(std::move(unit));
  if (!told) co_return told.error();
  co_return Result<>();
}

void Flags::user_leaves(storage::UnitOfWork& work, UserId user, const users::Caller& caller) {
  const Author author{.caller = caller};
  for (const Client& before : clients_of_user(work, user)) {
    const std::optional<std::string> key = namespace_key(work, before.namespace_id);
    const NamespaceRef name_space = key ? services_->copies.find(work, *key) : nullptr;
    if (!name_space) continue;
    Client after = before;
    after.user_id.reset();
    write_client(work, services_->directories, author, *name_space, &before, std::move(after));
  }
}

bool Flags::schedule_due() const noexcept { return services_->schedule.due() || services_->expiry.due(); }

Task<std::size_t> Flags::run_schedule() {
  const std::size_t expired = co_await services_->expiry.run();
  co_return expired + co_await services_->schedule.run();
}

Directories& Flags::directories() noexcept { return services_->directories; }
Copies& Flags::copies() noexcept { return services_->copies; }
const FlagsParts& Flags::parts() const noexcept { return services_->parts; }

}  // namespace corohub::flags
