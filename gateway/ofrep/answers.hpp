// What OFREP 0.3.0 asks and answers, as text. Pure.
#pragma once

#include "core/error.hpp"
#include "flags/evaluation/evaluate.hpp"
#include "http/request.hpp"
#include "http/response.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace corohub::gateway::ofrep {

inline constexpr std::size_t body_bytes_max = 64 << 10;
inline constexpr int inactivity_delay_s = 120;  // how long a page may be hidden before it leaves its stream

// How often each reason was given.
using ReasonCounts = std::array<std::uint32_t, flags::reason_count>;

// A problem document that OpenFeature's providers understand as well.
http::Response refuse(const Error& error, const http::Request& request);
// 400 INVALID_CONTEXT; an empty key: of all flags.
http::Response invalid_context(const Error& error, std::string_view key);

// The context in a body `{"context":{…}}`; without a body or a context: an empty one. Every error is one of
// the context.
Result<flags::Context> read_context(std::string_view body);

// The answer about one flag; null: it is not there, or not for this viewer.
http::Response flag_answer(const flags::Standing& who, const flags::Environment& environment,
                           const flags::Context& context, const flags::Flag* flag, std::string_view key,
                           std::int64_t now_s, ReasonCounts& counts);

// The items of all flags that this viewer sees, with commas between them.
std::string flag_items(const flags::Standing& who, const flags::Environment& environment,
                       const flags::Context& context, std::int64_t now_s, ReasonCounts& counts);

// The answer about all flags.
std::string bulk_body(const flags::Namespace& name_space, const flags::Environment& environment,
                      std::string_view items, std::string_view stream_token);

// The entity tag "r<revision>-<hash>-<window>" with its quotes: the hash is of what the answer follows from.
std::string bulk_tag(Seq revision, std::string_view of, std::int64_t window);

}  // namespace corohub::gateway::ofrep
