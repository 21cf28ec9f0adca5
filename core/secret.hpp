// A value that must not be seen: it cannot be printed or compared by accident and is wiped when it dies.
#pragma once

#include <string>
#include <string_view>
#include <utility>

namespace corohub {

class Secret {
 public:
  Secret() = default;
  explicit Secret(std::string value) : value_(std::move(value)) {}
  Secret(const Secret&) = default;
  Secret(Secret&& other) noexcept : value_(std::move(other.value_)) { other.wipe(); }
  Secret& operator=(Secret other) noexcept {
    value_.swap(other.value_);
    return *this;
  }
  ~Secret() { wipe(); }

  std::string_view reveal() const noexcept { return value_; }
  bool empty() const noexcept { return value_.empty(); }

 private:
  void wipe() noexcept {
    volatile char* byte = value_.data();
    for (std::size_t i = 0; i < value_.size(); ++i) byte[i] = 0;
    value_.clear();
  }

  std::string value_;
};

}  // namespace corohub
