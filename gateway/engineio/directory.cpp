#include "gateway/engineio/directory.hpp"

#include "core/encoding.hpp"
#include "core/random.hpp"

#include <array>
#include <utility>

namespace corohub::gateway::engineio {
namespace {

// The shard's number, and 120 random bits.
constexpr std::size_t id_bytes = 16;

}  // namespace

std::optional<std::size_t> home_of(std::string_view id) {
  if (id.size() > 2 * id_bytes) return std::nullopt;
  const std::optional<std::string> bytes = from_base64url(id);
  if (!bytes || bytes->size() != id_bytes) return std::nullopt;
  return static_cast<unsigned char>(bytes->front());
}

std::shared_ptr<Link> Directory::create(std::shared_ptr<Listener> listener, bool limited) {
  std::array<char, id_bytes> bytes;
  random_bytes(bytes.data(), bytes.size());
  bytes[0] = static_cast<char>(shard_);
  std::string id = base64url({bytes.data(), bytes.size()});
  const auto link = std::make_shared<Link>(*this, id, std::move(listener), limited);
  links_.emplace(std::move(id), link);
  return link;
}

std::shared_ptr<Link> Directory::find(const std::string& id) const noexcept {
  const auto found = links_.find(id);
  return found == links_.end() ? nullptr : found->second;
}

void Directory::enter(const std::string& id, Ticket ticket) {
  const auto link = find(id);
  ticket.answer({link && link->is_open() ? Reply::Kind::done : Reply::Kind::unknown, {}});
}

void Directory::poll(const std::string& id, std::uint64_t number, Ticket ticket) {
  if (const auto link = find(id)) return link->poll(number, std::move(ticket));
  ticket.answer({Reply::Kind::unknown, {}});
}

void Directory::send(const std::string& id, std::string payload, Ticket ticket) {
  if (const auto link = find(id)) return link->send(std::move(payload), std::move(ticket));
  ticket.answer({Reply::Kind::unknown, {}});
}

void Directory::lose_poll(const std::string& id, std::uint64_t number) noexcept {
  if (const auto link = find(id)) link->lose_poll(number);
}

bool Directory::keeps_ended(std::size_t bytes) noexcept {
  ++ended_;
  ended_bytes_ += bytes;
  return ended_ <= ended_max && ended_bytes_ <= ended_bytes_max;
}

void Directory::let_go_of_ended(std::size_t bytes) noexcept {
  --ended_;
  ended_bytes_ -= bytes;
}

void Directory::remove(const Link& link) noexcept {
  const auto found = links_.find(link.id());
  if (found != links_.end() && found->second.get() == &link) links_.erase(found);
}

}  // namespace corohub::gateway::engineio
