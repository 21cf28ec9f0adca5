#include "gateway/session/topic_rights.hpp"

#include "auth/policy.hpp"
#include "core/integer.hpp"
#include "gateway/session/raw_json.hpp"
#include "users/service_keys.hpp"

#include <algorithm>
#include <array>
#include <initializer_list>
#include <memory>
#include <new>
#include <string>
#include <utility>
#include <vector>

namespace corohub::gateway {
namespace {

constexpr std::string_view all_flags = "flags";

bool is_admin(const hub::Identity& who) noexcept { return who.is_user() && auth::is_admin(who.role); }

// What an event of a flag says of it to those who route it:
// {"flag":{"id":12,"namespace_id":3,"environment_id":4,"hidden":false,"gated":false}}, and of a gated one
// that goes, by ids, which packages have it and which clients have it granted or denied:
// "packages":[7],"granted":[9],"denied":[]. What says nothing is hidden, and of no namespace. It is asked for
// in turns of the shard, so it is looked at as it stands there, and nothing is allocated but for these lists.
std::string_view about_flag(const hub::Event& event) {
  if (!event.attributes().starts_with('{')) return {};
  const std::string_view flag = member_text(event.attributes(), "flag").value_or(std::string_view());
  return flag.starts_with('{') ? flag : std::string_view();
}

std::string_view text_of(std::string_view about, std::string_view name) {
  return about.empty() ? std::string_view() : member_text(about, name).value_or(std::string_view());
}

// The numbers of a list, "[7,12]", in order.
std::vector<std::int64_t> numbers_of(std::string_view about, std::string_view name) {
  std::vector<std::int64_t> numbers;
  std::string_view list = text_of(about, name);
  if (!list.starts_with('[') || !list.ends_with(']')) return numbers;
  list = list.substr(1, list.size() - 2);
  while (!list.empty()) {
    const std::size_t comma = list.find(',');
    if (const auto number = parse_integer(list.substr(0, comma))) numbers.push_back(*number);
    list.remove_prefix(comma == std::string_view::npos ? list.size() : comma + 1);
  }
  std::ranges::sort(numbers);
  return numbers;
}

bool is_gated(const flags::Flag& flag) noexcept {
  for (const flags::Flag* one = &flag; one != nullptr; one = one->parent)
    if (one->identity->package_gated) return true;
  return false;
}

bool is_hidden(const flags::Flag& flag) noexcept {
  for (const flags::Flag* one = &flag; one != nullptr; one = one->parent)
    if (!one->identity->client_visible) return true;
  return false;
}

bool loses_a_flag(const flags::Package& before, const flags::Package* after) noexcept {
  return std::ranges::any_of(before.features, [&](const flags::Feature& one) {
    return after == nullptr || after->feature(one.flag_id) == nullptr;
  });
}

// Mostly no identity is another one, which pointers tell.
bool may_hide_flags(const flags::Environment& before, const flags::Environment& after) noexcept {
  const auto identity = [](const flags::Flag& flag) { return flag.identity.get(); };
  if (std::ranges::equal(before.flags(), after.flags(), {}, identity, identity)) return false;
  return std::ranges::any_of(before.flags(), [&](const flags::Flag& flag) {
    const flags::FlagIdentity& was = *flag.identity;
    const flags::Flag* const there = after.find(was.id);
    if (there == nullptr) return true;
    const flags::FlagIdentity& is = *there->identity;
    return is.client_visible != was.client_visible || is.package_gated != was.package_gated ||
           is.parent != was.parent;
  });
}

// Whether somebody may see less afterwards.
bool may_hide(const flags::Namespace& before, const flags::Namespace* after) noexcept {
  if (after == nullptr || after->access != before.access) return true;
  if (after->default_environment().id != before.default_environment().id) return true;
  const bool environments = std::ranges::any_of(before.environments, [&](const flags::EnvironmentRef& one) {
    return after->environment_by_id(one->id) == nullptr;
  });
  if (environments || may_hide_flags(before.default_environment(), after->default_environment())) return true;
  if (before.packages == after->packages) return false;  // the same ones: mostly none is another
  return std::ranges::any_of(before.packages, [&](const flags::PackageRef& one) {
    const flags::Package* const there = after->package_by_id(one->id);
    return there != one.get() && loses_a_flag(*one, there);
  });
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

flags::Viewer viewer_of(const hub::Identity& who) noexcept {
  using Kind = flags::Viewer::Kind;
  switch (who.kind) {
    case hub::Identity::Kind::guest:
      break;
    case hub::Identity::Kind::user:
      return {.kind = Kind::user, .user_id = who.user_id, .role = who.role};
    case hub::Identity::Kind::client:
      return {.kind = Kind::client, .client_id = who.key->client_id};
    case hub::Identity::Kind::service:
      return {.kind = Kind::service, .service_key = who.key->key_id, .scopes = who.key->scopes};
  }
  return {};
}

TopicRights::TopicRights(hub::Shard& shard, const hub::TopicRules& rules, flags::Directory& directory)
    : shard_(shard), rules_(rules), directory_(directory) {
  directory_.add_listener(*this);
}

TopicRights::~TopicRights() { directory_.remove_listener(*this); }

// ---- topics ----

const hub::TopicRule* TopicRights::readable(std::string_view topic, const hub::Identity& who) const noexcept {
  if (who.is_key()) return readable_by_key(topic, who);
  const hub::TopicRule* rule = hub::is_topic(topic) ? rules_.readable(topic, who.role) : nullptr;
  if (rule == nullptr) return nullptr;
  const std::optional<FlagTopic> of_flags = FlagTopic::parse(topic);
  if (!of_flags) return who.is_guest() ? nullptr : rule;
  return may_evaluate(*of_flags, who) ? rule : nullptr;
}

const hub::TopicRule* TopicRights::readable_by_key(std::string_view topic,
                                                   const hub::Identity& who) const noexcept {
  if (topic == hub::server_status_topic) return &hub::rule_of_server_status();
  if (topic == hub::gateway_topic) {
    const bool may = who.kind == hub::Identity::Kind::service &&
                     users::scopes_allow(who.key->scopes, "config:read", std::string_view());
    return may ? rules_.find(topic) : nullptr;
  }
  const std::optional<FlagTopic> of_flags = FlagTopic::parse(topic);
  return of_flags && hub::is_topic(topic) && may_evaluate(*of_flags, who) ? rules_.find(topic) : nullptr;
}

// Of all namespaces together: who is no user has nothing to hear while it may evaluate in none.
bool TopicRights::may_evaluate(const FlagTopic& where, const hub::Identity& who) const noexcept {
  const flags::Viewer viewer = viewer_of(who);
  const auto may = [&](const flags::NamespaceRef& one) {
    return is_admin(who) || directory_.standing(viewer, *one).may_evaluate();
  };
  if (where.name_space.empty()) return who.is_user() || std::ranges::any_of(directory_.all(), may);
  const flags::NamespaceRef* found = directory_.find(where.name_space);
  if (found == nullptr) return false;
  const flags::EnvironmentRef* environment = (*found)->environment(where.environment);
  if (environment == nullptr || (!where.environment.empty() && (*environment)->is_default)) return false;
  return is_admin(who) || directory_.standing(viewer, **found).may_evaluate(**environment);
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
  const Judged& what = judged(event);
  if (what.name_space == nullptr) return false;
  const bool alike = !what.gated && what.name_space->access != flags::NamespaceAccess::clients;
  std::optional<bool>* known = who.is_guest()           ? &judged_.for_guests
                               : who.is_user() && alike ? &judged_.for_users
                                                        : nullptr;
  if (known == nullptr) return judge(what, who);
  if (!*known) *known = judge(what, who);
  return **known;
}

// Neighbours are asked about the same event. No two events in the log have one place, and the others are
// looked at each time.
const TopicRights::Judged& TopicRights::judged(const hub::Event& event) const noexcept {
  if (event.durable() && judged_.event == &event && judged_.seq == event.seq()) return judged_;
  judged_ = {.event = &event, .seq = event.seq()};
  const FlagTopic where = *FlagTopic::parse(event.topic());
  const flags::NamespaceRef* const name_space = directory_.find(where.name_space);
  if (name_space == nullptr) return judged_;
  const std::string_view about = about_flag(event);
  if (parse_integer(text_of(about, "namespace_id")) != (*name_space)->id) return judged_;
  judged_.name_space = name_space->get();
  // The default environment may have been another one then.
  if (const auto environment_id = parse_integer(text_of(about, "environment_id")))
    judged_.environment = (*name_space)->environment_by_id(*environment_id);
  else if (const flags::EnvironmentRef* named = (*name_space)->environment(where.environment))
    judged_.environment = named->get();
  const std::optional<std::int64_t> id = parse_integer(text_of(about, "id"));
  const flags::Environment& any =
      judged_.environment != nullptr ? *judged_.environment : (*name_space)->default_environment();
  if (id) judged_.flag = any.find(*id);
  const flags::Flag* const flag = judged_.flag;
  judged_.hidden = text_of(about, "hidden") != "false" || (flag != nullptr && is_hidden(*flag));
  judged_.gated = text_of(about, "gated") != "false" || (flag != nullptr && is_gated(*flag));
  if (flag != nullptr || !judged_.gated) return judged_;
  try {
    judged_.denied = numbers_of(about, "denied");
    judged_.granted = numbers_of(about, "granted");
    judged_.packages = numbers_of(about, "packages");
  } catch (const std::bad_alloc&) {
    judged_.hidden = true;
  }
  return judged_;
}

// The flag is gone: by what was said of it when it went.
bool TopicRights::Judged::was_granted(const flags::Client* client) const noexcept {
  if (client == nullptr || std::ranges::binary_search(denied, client->id)) return false;
  return std::ranges::binary_search(granted, client->id) ||
         std::ranges::binary_search(packages, client->package_id);
}

bool TopicRights::judge(const Judged& what, const hub::Identity& who) const noexcept {
  const flags::Viewer viewer = viewer_of(who);
  const flags::Standing standing = directory_.standing(viewer, *what.name_space);
  const bool may = what.environment != nullptr
                       ? standing.may_evaluate(*what.environment)
                       : standing.may_evaluate() && viewer.kind != flags::Viewer::Kind::client;
  if (!may) return false;
  if (viewer.kind == flags::Viewer::Kind::service) return true;
  if (what.hidden) return false;
  if (!what.gated) return true;
  if (what.flag == nullptr) return what.was_granted(standing.client());
  return is_gated(*what.flag) ? standing.sees(*what.flag) : standing.is_granted(*what.flag->identity);
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
  take_back(member);
  shard_.revoke(member, [&](const hub::Topic& topic) {
    return !FlagTopic::parse(topic.name) || readable(topic.name, member.identity()) != nullptr;
  });
}

void TopicRights::judge_again(std::string_view topic) noexcept {
  shard_.revoke(topic,
                [&](const hub::Member& member) { return readable(topic, member.identity()) != nullptr; });
}

void TopicRights::take_back(hub::Member& member) const noexcept {
  if (member.outbox().empty()) return;
  member.outbox().keep_only([&](const hub::Frame& frame) {
    const hub::Event* const about = frame.about();
    if (about == nullptr) return true;
    return about->topic().empty() ? shard_.is_for(*about, member.identity())
                                  : shows(*about, member.identity());
  });
}

void TopicRights::namespace_changed(const flags::NamespaceChange& change) noexcept {
  judged_ = {};
  if (!change.before) return;
  const flags::Namespace& before = *change.before;
  const flags::Namespace* after = change.after.get();
  if (may_hide(before, after)) shard_.for_each_member([this](hub::Member& member) { take_back(member); });
  const bool same_access = after != nullptr && after->access == before.access;
  for (const flags::EnvironmentRef& one : before.environments) {
    const flags::EnvironmentRef* now = after != nullptr ? after->environment(one->key) : nullptr;
    if (!same_access || now == nullptr || (*now)->is_default)
      judge_again(NameOfTopic(before.key, one->key).text());
  }
  // A client whose environment is the default one no more, or not yet, follows another topic than before.
  const bool same_default =
      after != nullptr && before.default_environment().key == after->default_environment().key;
  if (same_access && same_default) return;
  judge_again(NameOfTopic(before.key).text());
  judge_all_flags_again();
}

// All guests have the same answer, so it is looked for once; users may always follow all.
void TopicRights::judge_all_flags_again() noexcept {
  const bool guests_stay = welcomes_guests();
  shard_.revoke(all_flags, [&](const hub::Member& member) {
    const hub::Identity& who = member.identity();
    if (who.is_guest()) return guests_stay;
    return who.is_user() || readable(all_flags, who) != nullptr;
  });
}

// Whose client it was, whose it is, and who has its key.
void TopicRights::client_changed(const flags::ClientChange& change) noexcept {
  const auto again = [this](hub::Member& member) { judge_again(member); };
  const flags::Client* const before = change.before.get();
  if (before == nullptr) return;
  if (before->user_id) shard_.for_each_of(*before->user_id, again);
  shard_.for_each_of_client(before->id, again);
}

}  // namespace corohub::gateway
