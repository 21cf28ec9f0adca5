#include "gateway/sockjs/directory.hpp"

#include <utility>

namespace corohub::gateway::sockjs {

std::shared_ptr<Link> Directory::find(const std::string& id) const noexcept {
  const auto found = links_.find(id);
  return found == links_.end() ? nullptr : found->second;
}

std::shared_ptr<Link> Directory::find_for(const std::string& id, const Owner& owner, Ticket& ticket) const {
  std::shared_ptr<Link> link = find(id);
  if (link && link->owner() == owner) return link;
  ticket.answer({link ? Reply::Kind::foreign : Reply::Kind::unknown, {}});
  return nullptr;
}

void Directory::enter(const std::string& id, const Owner& owner, Ticket ticket) {
  if (const auto link = find_for(id, owner, ticket))
    ticket.answer({Reply::Kind::done, {}, link->is_closed_to_receivers()});
}

void Directory::poll(const std::string& id, const Owner& owner, std::uint64_t number, Ticket ticket) {
  if (const auto link = find_for(id, owner, ticket)) link->poll(number, std::move(ticket));
}

void Directory::send(const std::string& id, const Owner& owner, std::vector<std::string> messages,
                     Ticket ticket) {
  if (const auto link = find_for(id, owner, ticket)) link->send(std::move(messages), std::move(ticket));
}

void Directory::create(const std::string& id, const Owner& owner,
                       const std::function<Listening()>& make_listener) {
  if (find(id)) return;
  links_.emplace(id, std::make_shared<Link>(*this, id, owner, make_listener()));
}

void Directory::attach(const std::string& id, const Owner& owner, std::shared_ptr<Stream> stream) {
  if (const auto link = find(id); link && link->owner() == owner) return link->stream(std::move(stream));
  stream->say(R"(c[1002,"Connection interrupted"])");
  stream->end();
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

}  // namespace corohub::gateway::sockjs
