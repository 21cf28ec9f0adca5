// The floors of the log: up to there its events are gone. Events of topics have a budget of their own and go
// earlier than others, so there are two floors, and that of topics is never the lower one.
#pragma once

#include "eventlog/event_log.hpp"

namespace corohub::eventlog {

// Events of topics up to here are gone; read_floor() says the same of all events.
template <class Source>
Seq read_topics_floor(Source& source);  // a storage::Snapshot or a storage::UnitOfWork

}  // namespace corohub::eventlog
