#include "gateway/engineio/directory.hpp"

#include <utility>

namespace corohub::gateway::engineio {

std::shared_ptr<Link> Directory::create(std::shared_ptr<Listener> listener, bool limited) {
  const LinkId id = LinkId::make(shard_);
  const auto link = std::make_shared<Link>(*this, id, std::move(listener), limited);
  links_.emplace(id, link);
  return link;
}

std::shared_ptr<Link> Directory::find(const LinkId& id) const noexcept {
  const auto found = links_.find(id);
  return found == links_.end() ? nullptr : found->second;
}

void Directory::enter(const LinkId& id, Ticket ticket) {
  if (const auto link = find(id)) return link->enter(std::move(ticket));
  ticket.answer({Reply::Kind::unknown, {}});
}

void Directory::poll(const LinkId& id, std::uint64_t number, Ticket ticket) {
  if (const auto link = find(id)) return link->poll(number, std::move(ticket));
  ticket.answer({Reply::Kind::unknown, {}});
}

void Directory::send(const LinkId& id, std::string payload, Ticket ticket) {
  if (const auto link = find(id)) return link->send(std::move(payload), std::move(ticket));
  ticket.answer({Reply::Kind::unknown, {}});
}

void Directory::lose_poll(const LinkId& id, std::uint64_t number) noexcept {
  if (const auto link = find(id)) link->lose_poll(number);
}

bool Directory::keep_ended(std::size_t bytes) noexcept {
  if (ended_ == ended_max || ended_bytes_ + bytes > ended_bytes_max) return false;
  ++ended_;
  ended_bytes_ += bytes;
  return true;
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
