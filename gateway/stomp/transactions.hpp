// What a STOMP connection has sent within transactions that it has not ended: kept until COMMIT, within
// bounds. Pure; used on one thread.
#pragma once

#include "gateway/session/publication.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace corohub::gateway::stomp {

class Transactions {
 public:
  static constexpr std::size_t open_max = 8;
  static constexpr std::size_t frames_max = 64;                     // in one transaction
  static constexpr std::size_t bytes_max = std::size_t{256} << 10;  // in one transaction
  static constexpr std::size_t name_bytes_max = 255;

  enum class Done : std::uint8_t { done, unknown, already_open, too_many, too_large };

  Done begin(std::string_view name);
  bool is_open(std::string_view name) const noexcept;
  Done add(std::string_view name, Publication publication);
  // All of it, in order; nothing if there is no such transaction. It has ended.
  std::optional<std::vector<Publication>> end(std::string_view name);

 private:
  struct Open {
    std::string name;
    std::vector<Publication> publications;
    std::size_t bytes = 0;
  };

  std::vector<Open> all_;
};

}  // namespace corohub::gateway::stomp
