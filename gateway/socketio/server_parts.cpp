#include "gateway/socketio/server_parts.hpp"

#include "hub/topic_rules.hpp"

namespace corohub::gateway::socketio {

// Without room for one more topic on the shard the session lives on without it.
void follow_server_status(Session& session) {
  session.desk().shard.subscribe(session, hub::server_status_topic, hub::rule_of_server_status());
}

}  // namespace corohub::gateway::socketio
