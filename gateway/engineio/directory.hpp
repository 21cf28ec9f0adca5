// The sessions of Engine.IO whose home is one shard, by their ids. On that shard's thread only.
#pragma once

#include "gateway/engineio/link.hpp"
#include "gateway/engineio/link_id.hpp"
#include "gateway/wire/place.hpp"
#include "gateway/wire/visit.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>

namespace corohub::gateway::engineio {

class Directory {
 public:
  // Sessions that have ended and still have something to say are kept, but no more than these.
  static constexpr std::size_t ended_max = 1024;
  static constexpr std::size_t ended_bytes_max = 8 << 20;

  // The settings outlive it. `shard` is less than 256.
  Directory(std::size_t shard, const Place& place, const LinkSettings& settings) noexcept
      : shard_(shard), place_(place), settings_(settings) {}

  const Place& place() const noexcept { return place_; }
  const LinkSettings& settings() const noexcept { return settings_; }
  std::size_t size() const noexcept { return links_.size(); }

  // A new session, with a new id of this shard. Throws for memory.
  std::shared_ptr<Link> create(std::shared_ptr<Listener> listener, bool limited);
  std::shared_ptr<Link> find(const LinkId& id) const noexcept;

  // ---- requests: each ticket is answered, `unknown` where there is no such session ----
  void enter(const LinkId& id, Ticket ticket);
  void poll(const LinkId& id, std::uint64_t number, Ticket ticket);
  void send(const LinkId& id, std::string payload, Ticket ticket);
  void lose_poll(const LinkId& id, std::uint64_t number) noexcept;

  // ---- links ----
  // What their WebSockets have in hand while they carry nothing: nobody pushes into it.
  hub::Outbox& empty_outbox() noexcept { return empty_outbox_; }
  // False: there is no room for what it has still to say.
  bool keep_ended(std::size_t bytes) noexcept;
  void let_go_of_ended(std::size_t bytes) noexcept;
  void remove(const Link& link) noexcept;

 private:
  static constexpr hub::OutboxLimits no_room{0, 0};

  const std::size_t shard_;
  const Place place_;
  const LinkSettings& settings_;
  std::unordered_map<LinkId, std::shared_ptr<Link>, LinkId::Hash> links_;
  hub::Outbox empty_outbox_{no_room};
  std::size_t ended_ = 0;
  std::size_t ended_bytes_ = 0;
};

}  // namespace corohub::gateway::engineio
