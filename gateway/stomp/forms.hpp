// How events leave for STOMP clients: what all subscriptions share, made once for each version and carrier,
// behind a beginning that names the subscription. Safe from any thread.
#pragma once

#include "gateway/stomp/frame.hpp"
#include "gateway/wire/transport.hpp"
#include "hub/form.hpp"

namespace corohub::gateway::stomp {

// A body that is no text has nothing to share: what such a message leaves as depends on its carrier, and on a
// WebSocket the first fragment says whether the message is a text.
// `whole_messages`: nothing is shared at all, for clients that cannot read a message in two fragments.
const hub::Form& form_of(Version version, const Wrap& wrap, bool whole_messages);

}  // namespace corohub::gateway::stomp
