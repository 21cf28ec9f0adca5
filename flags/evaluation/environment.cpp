#include "flags/evaluation/environment.hpp"

#include "core/json_text.hpp"
#include "flags/evaluation/rule.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace corohub::flags {
namespace {

constexpr std::array<std::string_view, 3> access_words = {"public", "users", "clients"};
constexpr std::array<std::string_view, 3> period_words = {"monthly", "yearly", "once"};

// Null: none has the id.
template <class List>
auto find_by_id(const List& list, std::int64_t id) noexcept {
  const auto found = std::ranges::find(list, id, [](const auto& one) { return one->id; });
  return found != list.end() ? found->get() : nullptr;
}

}  // namespace

std::string_view name(NamespaceAccess access) noexcept {
  return access_words[static_cast<std::size_t>(access)];
}

std::optional<NamespaceAccess> parse_namespace_access(std::string_view word) noexcept {
  const auto found = std::ranges::find(access_words, word);
  if (found == access_words.end()) return std::nullopt;
  return static_cast<NamespaceAccess>(found - access_words.begin());
}

std::string_view name(BillingPeriod period) noexcept {
  return period_words[static_cast<std::size_t>(period)];
}

std::optional<BillingPeriod> parse_billing_period(std::string_view word) noexcept {
  const auto found = std::ranges::find(period_words, word);
  if (found == period_words.end()) return std::nullopt;
  return static_cast<BillingPeriod>(found - period_words.begin());
}

const Feature* Package::feature(std::int64_t flag_id) const noexcept {
  const auto found = std::ranges::lower_bound(features, flag_id, {}, &Feature::flag_id);
  return found != features.end() && found->flag_id == flag_id ? &*found : nullptr;
}

Environment::Environment(EnvironmentParts parts, std::vector<Flag> flags,
                         const std::vector<PlatformRef>& platforms)
    : EnvironmentParts(std::move(parts)), flags_(std::move(flags)), metadata_text_(json_text(metadata)) {
  // After a change of one flag among thousands the others stand in their order already.
  const auto key_of = [](const Flag& flag) -> const std::string& { return flag.key(); };
  if (!std::ranges::is_sorted(flags_, {}, key_of)) std::ranges::sort(flags_, {}, key_of);
  for (Flag& flag : flags_) {
    flag.parent = nullptr;  // what a copy of another environment's flag had
    flag.platform_enabled = true;
    flag.number_among_parents = Flag::none;
  }
  for (Flag& flag : flags_) {
    if (flag.identity->parent) adopt(flag, *flag.identity->parent);
    if (flag.identity->platform) {
      const auto platform = std::ranges::lower_bound(platforms, *flag.identity->platform, {},
                                                     [](const PlatformRef& one) { return one->key; });
      flag.platform_enabled =
          platform == platforms.end() || (*platform)->key != *flag.identity->platform || (*platform)->enabled;
    }
    reads_time_ = reads_time_ || flag.definition->reads_time();
  }
  for (const SegmentRef& one : segments) reads_time_ = reads_time_ || one->rule.rule->reads_time();
  cut_endless_chains();
  for (Flag& flag : flags_) {
    flag.enabled = true;
    for (const Flag* one = &flag; one != nullptr; one = one->parent)
      flag.enabled = flag.enabled && one->definition->state == State::enabled && one->platform_enabled;
  }
  std::vector<std::pair<std::int64_t, std::uint32_t>> ids;  // beside each other, which is quick to sort
  ids.reserve(flags_.size());
  for (std::uint32_t i = 0; i < flags_.size(); ++i) ids.emplace_back(flags_[i].identity->id, i);
  std::ranges::sort(ids);
  by_id_.reserve(ids.size());
  for (const auto& [id, place] : ids) by_id_.push_back(place);
}

// All are found before the first is cut, for a chain that is cut elsewhere would end.
void Environment::cut_endless_chains() {
  std::vector<Flag*> endless;
  for (Flag& flag : flags_) {
    std::size_t ancestors = 0;
    for (const Flag* one = flag.parent; one != nullptr && ancestors <= ancestors_max; one = one->parent)
      ++ancestors;
    if (ancestors > ancestors_max) endless.push_back(&flag);
  }
  for (Flag* const flag : endless) {
    flag->parent = nullptr;
    flag->platform_enabled = false;
  }
}

void Environment::adopt(Flag& child, std::string_view wanted) noexcept {
  const Flag* const found = find(wanted);
  if (found == nullptr) return;
  child.parent = found;
  Flag& parent = flags_[static_cast<std::size_t>(found - flags_.data())];
  if (parent.number_among_parents == Flag::none) parent.number_among_parents = parents_++;
}

const Flag* Environment::find(std::string_view wanted) const noexcept {
  const auto found = std::ranges::lower_bound(
      flags_, wanted, {}, [](const Flag& flag) -> std::string_view { return flag.key(); });
  return found != flags_.end() && found->key() == wanted ? &*found : nullptr;
}

const Flag* Environment::find(std::int64_t flag_id) const noexcept {
  const auto found = std::ranges::lower_bound(by_id_, flag_id, {},
                                              [this](std::uint32_t i) { return flags_[i].identity->id; });
  return found != by_id_.end() && flags_[*found].identity->id == flag_id ? &flags_[*found] : nullptr;
}

const Segment* Environment::segment(std::string_view wanted) const noexcept {
  const auto found = std::ranges::lower_bound(
      segments, wanted, {}, [](const SegmentRef& one) -> std::string_view { return one->key; });
  return found != segments.end() && (*found)->key == wanted ? found->get() : nullptr;
}

const EnvironmentRef* Namespace::environment(std::string_view wanted) const noexcept {
  for (const EnvironmentRef& one : environments)
    if (wanted.empty() ? one->is_default : one->key == wanted) return &one;
  return nullptr;
}

const Environment& Namespace::default_environment() const noexcept { return **environment({}); }

const Environment* Namespace::environment_by_id(std::int64_t wanted) const noexcept {
  return find_by_id(environments, wanted);
}

const Platform* Namespace::platform_by_id(std::int64_t wanted) const noexcept {
  return find_by_id(platforms, wanted);
}

const Package* Namespace::package_by_id(std::int64_t wanted) const noexcept {
  return find_by_id(packages, wanted);
}

}  // namespace corohub::flags
