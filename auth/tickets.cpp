#include "auth/tickets.hpp"

#include "core/encoding.hpp"

#include <algorithm>

namespace corohub::auth {
namespace {

constexpr std::size_t ticket_text_bytes = 43;  // 256 bits as base64url

}  // namespace

std::string TicketStore::issue(Ticket ticket) {
  std::string text = random_token();
  const SteadyTime now = clock_.steady();
  std::string key = sha256_text(text);

  const std::lock_guard lock(mutex_);
  drop_expired(now);
  // All lifetimes are equal, so the oldest ticket is the one with the least left to lose.
  if (order_.size() >= tickets_max_) drop_oldest();
  entries_.emplace(key, Entry{std::move(ticket), now + lifetime});
  order_.push_back(std::move(key));
  return text;
}

std::optional<Ticket> TicketStore::take(std::string_view text, std::string_view origin) {
  if (text.size() != ticket_text_bytes) return std::nullopt;
  const SteadyTime now = clock_.steady();
  const std::string key = sha256_text(text);

  const std::lock_guard lock(mutex_);
  auto node = entries_.extract(key);
  if (node.empty()) return std::nullopt;
  Entry& entry = node.mapped();
  if (now >= entry.expires) return std::nullopt;
  // A ticket that was shown from a foreign page is used up: it has leaked. A page's request to its own origin
  // (an EventSource) may name no origin.
  const std::string& asked_from = entry.ticket.origin;
  if (!asked_from.empty() && !origin.empty() && asked_from != origin) return std::nullopt;
  return std::move(entry.ticket);
}

std::size_t TicketStore::size() const {
  const std::lock_guard lock(mutex_);
  return entries_.size();
}

void TicketStore::drop_expired(SteadyTime now) {
  // A few per call: issuing stays cheap, and as each call adds one and may drop several, the queue still
  // shrinks.
  for (int i = 0; i < 8 && !order_.empty(); ++i) {
    const auto entry = entries_.find(order_.front());
    if (entry != entries_.end() && now < entry->second.expires) return;
    drop_oldest();
  }
}

void TicketStore::drop_oldest() {
  entries_.erase(order_.front());
  order_.pop_front();
}

}  // namespace corohub::auth
