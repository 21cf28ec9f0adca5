#include "eventlog/activity.hpp"
#include "eventlog/batch_effects.hpp"
#include "eventlog/event_log.hpp"

namespace corohub::eventlog {
namespace {

bool is_counted(const hub::Entry& entry) noexcept {
  const auto* event = std::get_if<hub::EventRef>(&entry);
  return event != nullptr && (*event)->type() != activity_type;
}

// The receipt of a batch: answers its units once the last shard has applied it.
class AnswerUnits final : public hub::BatchDone {
 public:
  AnswerUnits(std::vector<storage::UnitEffects> units, const std::vector<hub::Entry>& entries)
      : units_(std::move(units)) {
    is_counted_.reserve(entries.size());
    for (const hub::Entry& entry : entries) is_counted_.push_back(is_counted(entry));
  }

  void applied(const std::vector<std::uint32_t>& reached) noexcept override {
    std::vector<std::unique_ptr<Completion>> answered;
    answered.reserve(units_.size());
    for (storage::UnitEffects& item : units_) {
      std::uint32_t outboxes = 0;
      for (std::size_t i = item.begin; i < item.end; ++i)
        if (is_counted_[i]) outboxes += reached[i];
      item.unit->set_reached(outboxes);
      answered.push_back(std::move(item.unit));
    }
    finish_at_home(std::move(answered));
  }

 private:
  std::vector<storage::UnitEffects> units_;
  std::vector<bool> is_counted_;
};

}  // namespace

std::unique_ptr<storage::Effects> Publisher::begin_batch() { return std::make_unique<BatchEffects>(); }

void Publisher::committed(std::unique_ptr<storage::Effects> effects,
                          std::vector<storage::UnitEffects> units) noexcept {
  const SteadyTime now = clock_.steady();
  std::vector<hub::Entry> entries = static_cast<BatchEffects&>(*effects).take();
  auto done = std::make_unique<AnswerUnits>(std::move(units), entries);
  hub_.publish(std::make_shared<hub::Batch>(std::move(entries), std::move(done), now));
}

}  // namespace corohub::eventlog
