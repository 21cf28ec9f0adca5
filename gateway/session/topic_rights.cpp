#include "gateway/session/topic_rights.hpp"

#include "auth/policy.hpp"
#include "core/integer.hpp"
#include "gateway/session/raw_json.hpp"

#include <algorithm>
#include <array>
#include <initializer_list>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace corohub::gateway {
namespace {

constexpr std::string_view all_flags = "flags";

bool is_admin(const hub::Identity& who) noexcept { return who.is_user() && auth::is_admin(who.role); }

// What an event of a flag says of it to those who route it:
// {"flag":{"id":12,"namespace_id":3,"hidden":false,"gated":false}}. What says nothing is hidden, and of no
// namespace.
struct AboutFlag {
  std::optional<std::int64_t> id{};
  std::optional<std::int64_t> namespace_id{};
  bool hidden = true;
  bool gated = true;
};

// It is asked for in turns of the shard, so it looks at the text as it stands there and allocates nothing.
AboutFlag about_flag(const hub::Event& event) {
  const std::string_view flag = member_text(event.attributes(), "flag").value_or(std::string_view());
  if (!flag.starts_with('{')) return {};
  const auto number = [flag](std::string_view name) {
    return parse_integer(member_text(flag, name).value_or(std::string_view()));
  };
  return {.id = number("id"),
          .namespace_id = number("namespace_id"),
          .hidden = member_text(flag, "hidden") != "false",
          .gated = member_text(flag, "gated") != "false"};
}

const flags::Flag* find_flag(const flags::Namespace& name_space, std::string_view environment,
                             std::int64_t id) noexcept {
  const flags::EnvironmentRef* found = name_space.environment(environment);
  if (found == nullptr) found = name_space.environment({});
  return found != nullptr ? (*found)->find(id) : nullptr;
}

// "flags/{namespace}" or "flags/{namespace}/{environment}", made without memory of its own.
class NameOfTopic {
 public:
  explicit NameOfTopic(std::string_view name_space, std::string_view environment = {}) noexcept {
    for (const std::string_view part : {all_flags, std::string_view("/"), name_space}) append(part);
    if (environment.empty()) return;
    append("/");
    append(environment);
  }
  std::string_view text() const noexcept { return {bytes_.data(), size_}; }

 private:
  // What is too long is no topic, and nobody has subscribed to it.
  void append(std::string_view part) noexcept {
    part = part.substr(0, bytes_.size() - size_);
    std::ranges::copy(part, bytes_.begin() + static_cast<std::ptrdiff_t>(size_));
    size_ += part.size();
  }

  std::array<char, hub::topic_bytes_max + 1> bytes_;
  std::size_t size_ = 0;
};

class VisibleOnly final : public hub::EventFilter {
 public:
  VisibleOnly(const TopicRights& rights, const hub::Member& member, hub::EventFilterRef other) noexcept
      : rights_(rights), member_(member), other_(std::move(other)) {}

  bool wants(const hub::Event& event) const noexcept override {
    return (other_ == nullptr || other_->wants(event)) && rights_.shows(event, member_.identity());
  }
  std::vector<std::string> types() const override {
    std::vector<std::string> types = other_ ? other_->types() : std::vector<std::string>();
    if (types.empty()) types.emplace_back("flag.*");
    return types;
  }

 private:
  const TopicRights& rights_;
  const hub::Member& member_;
  const hub::EventFilterRef other_;
};

}  // namespace

std::optional<FlagTopic> FlagTopic::parse(std::string_view topic) noexcept {
  if (topic == all_flags) return FlagTopic();
  constexpr std::string_view root = "flags/";
  if (!topic.starts_with(root)) return std::nullopt;
  topic.remove_prefix(root.size());
  const std::size_t slash = topic.find('/');
  if (slash == std::string_view::npos) return FlagTopic{topic};
  return FlagTopic{topic.substr(0, slash), topic.substr(slash + 1)};
}

flags::Viewer viewer_of(const hub::Identity& who) {
  if (who.is_guest()) return {};
  return {.kind = flags::Viewer::Kind::user, .user_id = who.user_id, .role = who.role};
}

TopicRights::TopicRights(hub::Shard& shard, const hub::TopicRules& rules, flags::Directory& directory)
    : shard_(shard), rules_(rules), directory_(directory) {
  directory_.add_listener(*this);
}

TopicRights::~TopicRights() { directory_.remove_listener(*this); }

// ---- topics ----

const hub::TopicRule* TopicRights::readable(std::string_view topic, const hub::Identity& who) const noexcept {
  const hub::TopicRule* rule = hub::is_topic(topic) ? rules_.readable(topic, who.role) : nullptr;
  if (rule == nullptr) return nullptr;
  const std::optional<FlagTopic> of_flags = FlagTopic::parse(topic);
  if (!of_flags) return who.is_guest() ? nullptr : rule;
  return may_evaluate(*of_flags, who) ? rule : nullptr;
}

// Of all namespaces together: a guest has nothing to hear while none is public.
bool TopicRights::may_evaluate(const FlagTopic& where, const hub::Identity& who) const noexcept {
  const flags::Viewer viewer = viewer_of(who);
  const auto may = [&](const flags::NamespaceRef& one) {
    return is_admin(who) || directory_.standing(viewer, *one).may_evaluate();
  };
  if (where.name_space.empty()) return !who.is_guest() || std::ranges::any_of(directory_.all(), may);
  const flags::NamespaceRef* found = directory_.find(where.name_space);
  if (found == nullptr || !may(*found)) return false;
  if (where.environment.empty()) return true;
  const flags::EnvironmentRef* environment = (*found)->environment(where.environment);
  return environment != nullptr && !(*environment)->is_default;
}

std::string_view TopicRights::topic_of_environment(std::string_view topic) const noexcept {
  const std::optional<FlagTopic> where = FlagTopic::parse(topic);
  if (!where || where->environment.empty()) return topic;
  const flags::NamespaceRef* name_space = directory_.find(where->name_space);
  const flags::EnvironmentRef* found =
      name_space != nullptr ? (*name_space)->environment(where->environment) : nullptr;
  if (found == nullptr || !(*found)->is_default) return topic;
  return topic.substr(0, topic.rfind('/'));
}

bool TopicRights::welcomes_guests() const noexcept {
  return may_evaluate(FlagTopic(), hub::Identity::guest());
}

// ---- events ----

bool TopicRights::shows(const hub::Event& event, const hub::Identity& who) const noexcept {
  if (is_admin(who) || !FlagTopic::parse(event.topic())) return true;
  if (!event.durable()) return judge(event, who);
  // Neighbours are asked about the same event. No two events in the log have one place.
  if (judged_.event != &event || judged_.seq != event.seq()) judged_ = {&event, event.seq()};
  std::optional<bool>& known = who.is_guest() ? judged_.for_guests : judged_.for_users;
  if (!known) known = judge(event, who);
  return *known;
}

bool TopicRights::judge(const hub::Event& event, const hub::Identity& who) const noexcept {
  const FlagTopic where = *FlagTopic::parse(event.topic());
  const flags::Viewer viewer = viewer_of(who);
  const flags::NamespaceRef* name_space = directory_.find(where.name_space);
  if (name_space == nullptr) return false;
  const flags::Standing standing = directory_.standing(viewer, **name_space);
  if (!standing.may_evaluate()) return false;
  const AboutFlag about = about_flag(event);
  if (about.hidden || about.gated || about.namespace_id != (*name_space)->id) return false;
  const flags::Flag* now = about.id ? find_flag(**name_space, where.environment, *about.id) : nullptr;
  return now == nullptr || standing.sees(*now);
}

std::uint8_t TopicRights::readers_of(std::string_view topic, std::uint8_t readers,
                                     const hub::Identity& who) const noexcept {
  return is_admin(who) && FlagTopic::parse(topic) ? hub::Audience::admin_bits : readers;
}

hub::EventFilterRef TopicRights::filter(std::string_view topic, const hub::Member& member,
                                        hub::EventFilterRef other) const {
  if (!FlagTopic::parse(topic)) return other;
  return std::make_shared<const VisibleOnly>(*this, member, std::move(other));
}

// ---- rights that end ----

void TopicRights::judge_again(hub::Member& member) const noexcept {
  shard_.revoke(member, [&](const hub::Topic& topic) {
    return !FlagTopic::parse(topic.name) || readable(topic.name, member.identity()) != nullptr;
  });
}

void TopicRights::judge_again(std::string_view topic) noexcept {
  shard_.revoke(topic,
                [&](const hub::Member& member) { return readable(topic, member.identity()) != nullptr; });
}

void TopicRights::namespace_changed(const flags::NamespaceChange& change) noexcept {
  judged_ = {};
  if (!change.before) return;
  const flags::Namespace& before = *change.before;
  const flags::Namespace* after = change.after.get();
  const bool same_access = after != nullptr && after->access == before.access;
  for (const flags::EnvironmentRef& one : before.environments) {
    const flags::EnvironmentRef* now = after != nullptr ? after->environment(one->key) : nullptr;
    if (!same_access || now == nullptr || (*now)->is_default)
      judge_again(NameOfTopic(before.key, one->key).text());
  }
  if (same_access) return;
  judge_again(NameOfTopic(before.key).text());
  // All guests have the same answer, so it is looked for once.
  if (!welcomes_guests())
    shard_.revoke(all_flags, [](const hub::Member& member) { return !member.identity().is_guest(); });
}

}  // namespace corohub::gateway
