#include "hub/event_filter.hpp"

#include "hub/event.hpp"
#include "hub/type_filter.hpp"

#include <utility>

namespace corohub::hub {
namespace {

class TypeFilter final : public EventFilter {
 public:
  explicit TypeFilter(std::vector<std::string> patterns) noexcept : patterns_(std::move(patterns)) {}
  bool wants(const Event& event) const noexcept override { return matches_types(event.type(), patterns_); }
  std::vector<std::string> types() const override { return patterns_; }

 private:
  const std::vector<std::string> patterns_;
};

}  // namespace

EventFilterRef filter_of_types(std::vector<std::string> patterns) {
  if (patterns.empty()) return nullptr;
  return std::make_shared<const TypeFilter>(std::move(patterns));
}

}  // namespace corohub::hub
