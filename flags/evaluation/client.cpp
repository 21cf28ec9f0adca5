#include "flags/evaluation/client.hpp"

#include <algorithm>

namespace corohub::flags {

const Override* Client::override_of(std::int64_t flag_id) const noexcept {
  const auto found = std::ranges::lower_bound(overrides, flag_id, {}, &Override::flag_id);
  return found != overrides.end() && found->flag_id == flag_id ? &*found : nullptr;
}

std::string_view name(Client::Status status) noexcept {
  return status == Client::Status::active ? "active" : "disabled";
}

std::optional<Client::Status> parse_client_status(std::string_view word) noexcept {
  for (const auto status : {Client::Status::active, Client::Status::disabled})
    if (word == name(status)) return status;
  return std::nullopt;
}

}  // namespace corohub::flags
