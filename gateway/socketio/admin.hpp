// The namespace `/admin`: what happens to platforms, features and packages of all namespaces, announcements,
// how the server is, and what administrators ask for beside. Stateless; safe from any shard's thread.
#pragma once

#include "gateway/socketio/server_parts.hpp"
#include "gateway/socketio/vocabulary.hpp"

#include <memory>
#include <string_view>

namespace corohub::gateway::socketio {

std::unique_ptr<const Vocabulary> admin_vocabulary(const ServerParts& parts);

}  // namespace corohub::gateway::socketio
