#include "gateway/session/client_judge.hpp"

#include "core/integer.hpp"
#include "gateway/session/raw_json.hpp"

#include <string_view>

namespace corohub::gateway {

// It is asked for in turns of the shard, so it looks at the text as it stands there and allocates nothing.
ClientJudge::Target ClientJudge::target_of(const hub::Event& event) {
  if (!event.attributes().starts_with('{')) return {};
  const std::string_view target = member_text(event.attributes(), "for").value_or(std::string_view());
  if (!target.starts_with('{')) return {};
  const auto number = [target](std::string_view name) {
    return parse_integer(member_text(target, name).value_or(std::string_view()));
  };
  return {.name_space = number("namespace"), .package = number("package"), .client = number("client")};
}

bool ClientJudge::includes(const hub::Event& event, const hub::Identity& who) const noexcept {
  // No two events in the log have one place, and those that are in none are few.
  if (event.seq() == 0 || event.seq() != seq_) {
    target_ = target_of(event);
    seq_ = event.seq();
  }
  if (!target_.name_space) return false;
  const flags::Client* const client = client_of(*target_.name_space, who);
  if (client == nullptr) return false;
  if (target_.client) return client->id == *target_.client;
  return client->is_active() && (!target_.package || client->package_id == *target_.package);
}

const flags::Client* ClientJudge::client_of(std::int64_t name_space,
                                            const hub::Identity& who) const noexcept {
  if (who.is_user()) return directory_.clients().of_user(name_space, who.user_id);
  if (who.key == nullptr) return nullptr;
  const flags::ClientRef* const found = directory_.clients().find(who.key->client_id);
  return found != nullptr && (*found)->namespace_id == name_space ? found->get() : nullptr;
}

}  // namespace corohub::gateway
