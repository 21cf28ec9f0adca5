#include "hub/type_filter.hpp"

#include "hub/event.hpp"
#include "hub/event_filter.hpp"

#include <algorithm>
namespace corohub::hub {
namespace {
class F final : public EventFilter {
 public:
  explicit F(std::vector<std::string> p) : p_(std::move(p)) {}
  bool wants(const Event& e) const noexcept override { return matches_types(e.type(), p_); }
  std::vector<std::string> types() const override { return p_; }
  std::vector<std::string> p_;
};
}  // namespace
EventFilterRef filter_of_types(std::vector<std::string> patterns) {
  return std::make_shared<F>(std::move(patterns));
}

bool matches_types(std::string_view type, const std::vector<std::string>& patterns) noexcept {
  const auto matches = [type](std::string_view pattern) {
    if (pattern == "*" || pattern == type) return true;
    return pattern.ends_with(".*") && type.starts_with(pattern.substr(0, pattern.size() - 1));
  };
  return patterns.empty() || std::ranges::any_of(patterns, matches);
}

}  // namespace corohub::hub
