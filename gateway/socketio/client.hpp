// The namespace `/client`: one client's own view of the features of its namespace, what happens to it, and
// what it asks and reports. Stateless; safe from any shard's thread.
#pragma once

#include "auth/rate_limit.hpp"
#include "gateway/socketio/server_parts.hpp"
#include "gateway/socketio/vocabulary.hpp"

#include <chrono>
#include <cstddef>
#include <memory>

namespace corohub::gateway::socketio {

inline constexpr std::size_t client_metrics_bytes_max = 8 << 10;
// For ServerParts::reports.
inline constexpr auth::Rate client_reports{1, std::chrono::seconds(1), 1};

std::unique_ptr<const Vocabulary> client_vocabulary(const ServerParts& parts);

}  // namespace corohub::gateway::socketio
