#include "gateway/stomp/transactions.hpp"

#include <algorithm>
#include <utility>

namespace corohub::gateway::stomp {

Transactions::Done Transactions::begin(std::string_view name) {
  if (is_open(name)) return Done::already_open;
  if (all_.size() == open_max) return Done::too_many;
  if (name.size() > name_bytes_max) return Done::too_large;
  all_.push_back({std::string(name), {}});
  return Done::done;
}

bool Transactions::is_open(std::string_view name) const noexcept {
  return std::ranges::find(all_, name, &Open::name) != all_.end();
}

Transactions::Done Transactions::add(std::string_view name, Publication publication) {
  const auto open = std::ranges::find(all_, name, &Open::name);
  if (open == all_.end()) return Done::unknown;
  if (open->publications.size() == frames_max) return Done::too_many;
  open->bytes += publication.topic.size() + publication.data.size() + publication.attributes.size();
  if (open->bytes > bytes_max) return Done::too_large;
  open->publications.push_back(std::move(publication));
  return Done::done;
}

std::optional<std::vector<Publication>> Transactions::end(std::string_view name) {
  const auto open = std::ranges::find(all_, name, &Open::name);
  if (open == all_.end()) return std::nullopt;
  std::vector<Publication> publications = std::move(open->publications);
  all_.erase(open);
  return publications;
}

}  // namespace corohub::gateway::stomp
