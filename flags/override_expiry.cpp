#include "flags/override_expiry.hpp"

#include "core/log.hpp"
#include "flags/client_change.hpp"
#include "flags/gone_flags.hpp"

#include <chrono>
#include <limits>
#include <utility>

namespace corohub::flags {
namespace {

constexpr UnixMs never = std::numeric_limits<UnixMs>::max();
constexpr std::chrono::seconds again_after{1};

}  // namespace

OverrideExpiry::OverrideExpiry(storage::Writer& writer, Copies& copies, Directories& directories,
                               const Clock& clock)
    : writer_(writer), copies_(copies), directories_(directories), clock_(clock), next_due_(never) {}

void OverrideExpiry::expect(UnixMs at) noexcept {
  UnixMs known = next_due_.load();
  while (at < known && !next_due_.compare_exchange_weak(known, at)) {
  }
}

void OverrideExpiry::expect_all(const Client& client) noexcept {
  for (const Override& one : client.overrides)
    if (one.expires_at) expect(*one.expires_at);
}

bool OverrideExpiry::due() const noexcept {
  const bool is_time = clock_.unix_ms() >= next_due_.load() || copies_.gone_flags.load();
  return is_time && clock_.steady() >= not_before_.load();
}

// A unit that finds nothing has a time before this clock's: it is asked again when it may have moved on.
Task<std::size_t> OverrideExpiry::run() {
  if (std::exchange(running_, true)) co_return 0;
  std::size_t changed = 0;
  while (due()) {
    auto unit = [this](storage::UnitOfWork& work) -> Result<std::size_t> {
      const std::size_t taken = take_due(work);
      next_due_.store(next_expiry(work).value_or(never));
      copies_.gone_flags.store(has_gone_flags(work));
      return taken;
    };
    const Result<storage::Committed<std::size_t>> taken = co_await writer_.commit(std::move(unit));
    if (!taken) {
      log::warn("override_expiry.refused", {{"code", name(taken.error().code)}});
      expect(clock_.unix_ms());
    } else {
      changed += taken->value;
    }
    if (!taken || (taken->value == 0 && due())) not_before_.store(clock_.steady() + again_after);
  }
  running_ = false;
  co_return changed;
}

std::size_t OverrideExpiry::take_due(storage::UnitOfWork& work) {
  Author nobody;
  nobody.source = Source::schedule;
  const std::vector<Client> clients = clients_with_expired(work, changed_clients_per_unit_max);
  if (clients.empty()) return leave_more_clients(work, copies_, directories_);
  for (const Client& before : clients) {
    const std::optional<std::string> key = namespace_key(work, before.namespace_id);
    const NamespaceRef name_space = key ? copies_.find(work, *key) : nullptr;
    if (!name_space) continue;
    Client after = before;
    std::erase_if(after.overrides, [&](const Override& one) { return !one.holds(work.now()); });
    write_client(work, directories_, nobody, *name_space, &before, std::move(after));
  }
  return clients.size();
}

}  // namespace corohub::flags
