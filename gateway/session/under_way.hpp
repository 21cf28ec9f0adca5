// Counts a request as under way, from its acceptance to the end of its work, however that ends.
#pragma once

#include <cstdint>
#include <memory>
#include <utility>

namespace corohub::gateway {

class UnderWay {
 public:
  // `owner` has the count, and lives as long as this.
  UnderWay(std::shared_ptr<void> owner, std::uint32_t& count) noexcept : count_(std::move(owner), &count) {
    ++*count_;
  }
  UnderWay(UnderWay&&) noexcept = default;
  UnderWay& operator=(UnderWay&&) = delete;
  ~UnderWay() {
    if (count_) --*count_;
  }

 private:
  std::shared_ptr<std::uint32_t> count_;
};

}  // namespace corohub::gateway
