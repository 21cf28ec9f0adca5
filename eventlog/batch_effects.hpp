// What the units of one commit will cause in the hub: the entries of its batch, in order.
#pragma once

#include "hub/control.hpp"
#include "storage/unit_of_work.hpp"

#include <cstddef>
#include <utility>
#include <vector>

namespace corohub::eventlog {

class BatchEffects final : public storage::Effects {
 public:
  std::size_t size() const noexcept override { return entries_.size(); }
  void truncate(std::size_t size) noexcept override {
    entries_.erase(entries_.begin() + static_cast<std::ptrdiff_t>(size), entries_.end());
  }

  void add(hub::Entry entry) { entries_.push_back(std::move(entry)); }
  std::vector<hub::Entry> take() noexcept { return std::move(entries_); }

 private:
  std::vector<hub::Entry> entries_;
};

}  // namespace corohub::eventlog
