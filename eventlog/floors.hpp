// From where on the log still has what it had. Events of topics go by a budget of their own, so they are gone
// further than others: there are two floors, and the one of topics is never the lower one.
#pragma once

#include "eventlog/event_log.hpp"

namespace corohub::eventlog {

// Events of topics up to here are gone; read_floor() says it of all events.
template <class Source>
Seq read_topics_floor(Source& source);  // a storage::Snapshot or a storage::UnitOfWork

}  // namespace corohub::eventlog
