// What somebody else says of a flag: that it was created, updated, deleted, enabled or disabled. Pure.
//
// Two shapes are read. One is what subscribers of flags get over STOMP:
//   {"type":"flag_update","namespace":"bep","flagKey":"new-feature","action":"enabled","enabled":true,
//    "timestamp":1640995200000}
// and the other what Flipt's publisher sends:
//   {"data":{"action":"enabled","namespace":"bep","flag_key":"new-feature","enabled":true},
//    "source":"flipt-server","timestamp":"2025-07-30T09:52:50Z","type":"flag.update"}
// Each member is looked for in `data`, then at the top; null counts as absent, and what is not listed at
// Message is passed over.
#pragma once

#include "core/clock.hpp"
#include "core/error.hpp"
#include "core/json.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace corohub::ingest {

inline constexpr std::size_t message_bytes_max = 64 << 10;

enum class Action : std::uint8_t { created, updated, deleted, enabled, disabled };
std::string_view name(Action action) noexcept;

struct Message {
  std::string name_space = "default";   // `namespace`
  std::string flag_key;                 // `flagKey`, `flag_key` or `flag.key`
  Action action = Action::updated;      // `action`, in any case
  std::optional<bool> enabled{};        // `enabled` or `flag.enabled`
  std::optional<UnixMs> occurred_at{};  // `timestamp`: milliseconds, or RFC 3339
};

// `at` is the JSON pointer of the document, which leads all complaints. validation_failed: required,
// invalid_type, invalid_format, unknown_value.
Result<Message> read_message(const json::value& document, const std::string& at = {});
// Also payload_too_large and invalid_json.
Result<Message> parse_message(std::string_view text);

// An entry of a stream has fields. One alone, or one with the name `message` or `payload`, is a message's
// text; otherwise the fields are the members of a message.
using EntryFields = std::vector<std::pair<std::string, std::string>>;
Result<Message> read_entry(const EntryFields& fields);

}  // namespace corohub::ingest
