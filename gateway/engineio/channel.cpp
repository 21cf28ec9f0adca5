#include "gateway/engineio/link.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>

namespace corohub::gateway::engineio {

Channel::Channel(Link& link, hub::Outbox& outbox) noexcept : link_(&link), outbox_(outbox) {
  link.channels_.push_back(*this);
}

Channel::~Channel() {
  if (link_ != nullptr) link_->leave(*this);
}

void Channel::flush() noexcept {
  if (link_ != nullptr) link_->flush(*this);
}

bool Channel::is_full() const noexcept { return link_ != nullptr && link_->is_full(*this); }

std::size_t Channel::waiting_beside() const noexcept {
  return link_ != nullptr ? link_->own_outbox_.bytes() : 0;
}

std::optional<std::size_t> Channel::hand_over() noexcept {
  if (link_ == nullptr || outbox_.empty()) return 0;
  hub::Outbox& to = link_->own_outbox_;
  const hub::OutboxLimits& limits = to.limits();
  const bool has_room = !to.closed() && to.messages() + outbox_.messages() <= limits.messages_max &&
                        std::size_t{to.bytes()} + outbox_.bytes() <= limits.bytes_max;
  if (!has_room) return std::nullopt;
  const std::size_t before = to.bytes();
  for (std::uint32_t i = outbox_.begun(); i < outbox_.frames(); ++i) {
    const hub::FrameRef first(&outbox_.at(i));
    const bool is_pair = first->is_joined_to_next();
    const hub::Push pushed = is_pair ? to.push(first, hub::FrameRef(&outbox_.at(++i))) : to.push(first);
    if (pushed != hub::Push::queued) return std::nullopt;
  }
  const std::size_t handed_over = to.bytes() - before;
  outbox_.close_and_clear();
  link_->flush(link_->own_channel_);
  return handed_over;
}

}  // namespace corohub::gateway::engineio
