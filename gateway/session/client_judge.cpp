#include "gateway/session/client_judge.hpp"

#include "core/integer.hpp"
#include "gateway/session/raw_json.hpp"
#include "gateway/session/topic_rights.hpp"

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
  return {.name_space = number("namespace"),
          .package = number("package"),
          .client = number("client"),
          .former_user = number("former_user")};
}

std::optional<UserId> ClientJudge::former_user_of(const hub::Event& event) {
  return target_of(event).former_user;
}

bool ClientJudge::includes(const hub::Event& event, const hub::Identity& who) const noexcept {
  // No two events in the log have one place, and those that are in none are few.
  if (event.seq() == 0 || event.seq() != seq_) {
    target_ = target_of(event);
    seq_ = event.seq();
  }
  if (!target_.name_space) return false;
  const flags::Client* const client = client_of(*target_.name_space, who);
  if (client != nullptr && is_for(*client)) return true;
  return who.is_among_clients && is_for_visitor(who);
}

bool ClientJudge::is_for(const flags::Client& client) const noexcept {
  if (target_.client) return client.id == *target_.client;
  return client.is_active() && (!target_.package || client.package_id == *target_.package);
}

bool ClientJudge::is_for_visitor(const hub::Identity& who) const noexcept {
  if (target_.client) return target_.former_user == who.user_id;
  if (target_.package) return false;
  const flags::NamespaceRef* const name_space = directory_.find(*target_.name_space);
  return name_space != nullptr && directory_.standing(viewer_of(who), **name_space).may_evaluate();
}

const flags::Client* ClientJudge::client_of(std::int64_t name_space,
                                            const hub::Identity& who) const noexcept {
  if (who.is_user()) return directory_.clients().of_user(name_space, who.user_id);
  if (who.key == nullptr) return nullptr;
  const flags::ClientRef* const found = directory_.clients().find(who.key->client_id);
  return found != nullptr && (*found)->namespace_id == name_space ? found->get() : nullptr;
}

}  // namespace corohub::gateway
