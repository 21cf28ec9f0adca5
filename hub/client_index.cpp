#include "hub/client_index.hpp"

#include <algorithm>
#include <utility>

namespace corohub::hub {
namespace {

constexpr unsigned bits_least = 5;

}  // namespace

std::size_t ClientIndex::place_of(const ClientId& client) const noexcept {
  std::uint64_t first = 0;
  for (std::size_t i = 0; i < sizeof first; ++i) first = first << 8 | client.bytes[i];
  return bits_ == 0 ? 0 : static_cast<std::size_t>(first >> (64 - bits_));
}

void ClientIndex::reserve(std::size_t members) {
  unsigned bits = std::max(bits_, bits_least);
  while ((std::size_t{3} << bits) / 4 < members) ++bits;
  // There is room behind the last place, so that a member that does not fit needs no memory.
  const auto with_room = [](std::size_t places) { return places + places / 8 + 1; };
  if (bits == bits_) {
    if (places_.size() == places_.capacity()) places_.reserve(with_room(places_.size()));
    return;
  }
  std::vector<Member*> before;
  before.reserve(with_room(std::max(places_.size(), std::size_t{1} << bits)));
  before.resize(std::size_t{1} << bits, nullptr);
  std::swap(before, places_);
  bits_ = bits;
  std::size_t free = 0;  // in order, so that each goes behind the one before
  for (Member* const member : before) {
    if (member == nullptr) continue;
    free = std::max(free, place_of(member->client_id()));
    if (free >= places_.size()) places_.resize(free + 1, nullptr);
    places_[free++] = member;
  }
}

void ClientIndex::enter(Member& member) noexcept {
  std::size_t i = place_of(member.client_id());
  while (i < places_.size() && places_[i] != nullptr && places_[i]->client_id() < member.client_id()) ++i;
  std::size_t end = i;
  while (end < places_.size() && places_[end] != nullptr) ++end;
  if (end == places_.size()) places_.push_back(nullptr);
  std::move_backward(places_.begin() + static_cast<std::ptrdiff_t>(i),
                     places_.begin() + static_cast<std::ptrdiff_t>(end),
                     places_.begin() + static_cast<std::ptrdiff_t>(end) + 1);
  places_[i] = &member;
}

void ClientIndex::leave(const Member& member) noexcept {
  std::size_t i = place_of(member.client_id());
  while (places_[i] != &member) ++i;
  for (; i + 1 < places_.size(); ++i) {
    Member* const next = places_[i + 1];
    if (next == nullptr || place_of(next->client_id()) == i + 1) break;
    places_[i] = next;
  }
  places_[i] = nullptr;
}

Member* ClientIndex::find(const ClientId& client) const noexcept {
  for (std::size_t i = place_of(client); i < places_.size() && places_[i] != nullptr; ++i)
    if (places_[i]->client_id() >= client) return places_[i]->client_id() == client ? places_[i] : nullptr;
  return nullptr;
}

}  // namespace corohub::hub
